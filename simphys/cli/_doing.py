"""What a command is at, beside a spinner, and whether a program is being compiled meanwhile."""

import contextlib
import threading
from collections.abc import Iterator

from rich.console import Console

from .._progress import EVERY, compiles


AFTER = 1.0
"""Seconds of compilation after which it is said."""


class Doing:
    """The text beside a spinner."""

    def __init__(self, status, text: str):
        self._status, self._text, self._compiling = status, text, 0.0

    def update(self, text: str):
        """Show what is done now; markup counts."""
        self._text = text
        self._show()

    def watch(self, over: threading.Event, thread: int):
        """Look after the thread that works, until it is over."""
        while not over.wait(EVERY):
            before = self._compiling
            self._compiling = before + EVERY if compiles(thread) else 0.0
            if (before >= AFTER) != (self._compiling >= AFTER):
                self._show()

    def _show(self):
        note = "  [dim]compiling ... (kept for the next run)[/]" if self._compiling >= AFTER else ""
        self._status.update(self._text + note)


@contextlib.contextmanager
def doing(console: Console, text: str) -> Iterator[Doing]:
    """Show a spinner and a text where there is a terminal."""
    with console.status(text) as status:
        shown, over = Doing(status, text), threading.Event()
        if not console.is_terminal:
            yield shown
            return
        watcher = threading.Thread(target=shown.watch, args=(over, threading.get_ident()), daemon=True)
        watcher.start()
        try:
            yield shown
        finally:
            over.set()
            watcher.join()
