"""What is being done, on one line of a terminal or a notebook: for calls that take long."""

import contextlib
import functools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast


AFTER = 2.0
"""Seconds after which a call that was not asked to tells of itself."""
EVERY = 0.25
"""Seconds from one look to the next."""
WIDTH = 100
Progress = bool | Callable[[str], object] | None
"""None: a line after `AFTER` seconds where somebody looks (a terminal, a notebook); True: from the beginning, wherever;
False: never; a function: told each line."""
F = TypeVar("F", bound=Callable[..., Any])
_COMPILERS = tuple(
    os.path.join("jax", "_src", *part)
    for part in (("compiler.py",), ("interpreters", "mlir.py"), ("interpreters", "partial_eval.py"))
)
_state = threading.local()


@contextlib.contextmanager
def telling(what: str, progress: Progress = None) -> Iterator[Callable[[str], object]]:
    """Tell of a call while it lasts; yields what is to be told in lines what it is at.

    Of calls within calls the outermost one tells.

    **Raises:** `ValueError` for a progress that is none.
    """
    if progress is not None and not isinstance(progress, bool) and not callable(progress):
        raise ValueError(f"`progress` must be True, False, None or a function of a line of text, got {progress!r}.")
    inner = getattr(_state, "busy", False)
    _state.busy = True
    try:
        if callable(progress):
            yield progress
        elif inner or progress is False or (progress is None and not somebody_looks()):
            yield lambda text: None
        else:
            with Line(what, 0.0 if progress else AFTER) as line:
                yield line.say
    finally:
        _state.busy = inner


def told(what: str) -> Callable[[F], F]:
    """Return a decorator for functions that take `progress=`: within, it is a function of a line of text."""

    def decorated(function: F) -> F:
        @functools.wraps(function)
        def telling_of_it(*given, progress: Progress = None, **named):
            with telling(what, progress) as say:
                return function(*given, progress=say, **named)

        return cast(F, telling_of_it)

    return decorated


def somebody_looks() -> bool:
    """Whether the error stream is a terminal or belongs to a notebook, and no test is running."""
    if "PYTEST_CURRENT_TEST" in os.environ:
        return False
    with contextlib.suppress(AttributeError, ValueError):
        return stream().isatty() or "ipykernel" in sys.modules
    return False


def stream():
    """Where lines go."""
    return sys.stderr


def compiles(thread: int) -> bool:
    """Whether a thread is tracing or compiling a program just now."""
    frame = sys._current_frames().get(thread)
    while frame is not None:
        if frame.f_code.co_filename.endswith(_COMPILERS):
            return True
        frame = frame.f_back
    return False


class Line:
    """One line that is written over again and again, by a thread of its own, and is gone in the end.

    **Arguments:**

    - `what`: the call that it tells of.
    - `after`: seconds for which it is silent.
    """

    def __init__(self, what: str, after: float):
        self.what, self.after, self.text = what, after, ""
        self._over, self._shown, self._stream = threading.Event(), False, stream()
        self._thread = threading.Thread(target=self._watch, args=(threading.get_ident(),), daemon=True)

    def say(self, text: str):
        """Take note of what is being done."""
        self.text = text

    def __enter__(self):
        self._begun = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()
        if self._shown:
            self._write("\r" + " " * WIDTH + "\r")

    def _watch(self, thread):
        if self._over.wait(self.after):
            return
        while True:
            doing = "compiling ..." if compiles(thread) else self.text or "..."
            line = f"{self.what}, {time.monotonic() - self._begun:.0f} s: {doing}"
            self._write("\r" + (line if len(line) <= WIDTH else line[: WIDTH - 3] + "...").ljust(WIDTH))
            self._shown = True
            if self._over.wait(EVERY):
                return

    def _write(self, text):
        with contextlib.suppress(OSError, ValueError):  # a stream that was closed is no reason to stop
            self._stream.write(text)
            self._stream.flush()
