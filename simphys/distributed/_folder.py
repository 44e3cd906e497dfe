"""A folder through which processes share the members of an ensemble: who does what, what is done, who is lost."""

import contextlib
import json
import os
import pathlib
import platform
import secrets
import threading
import time
from collections.abc import Iterator
from typing import Any

from ._plain import read_plain, write_plain


BEAT = 1.0
"""Seconds from one sign of life to the next."""


class SharedFolder:
    """Members are claimed by files that only one process can make, and done when their result stands there whole.

    No process waits for another one's turn, and none is in charge. A process that gives no sign of life (its file does not
    change for `patience` seconds; on this machine: its number is gone) loses its claims to whoever comes next. Clocks of
    two machines are never compared.

    **Arguments:**

    - `folder`: one that all processes see; made.
    - `about`: what all must agree in.
    - `patience`: seconds.

    **Raises:** `ValueError` where another process has begun with something else: both are named.
    """

    def __init__(self, folder: pathlib.Path, about: dict[str, str], patience: float):
        self.folder, self.patience = pathlib.Path(folder), patience
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = f"{platform.node()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._seen: dict[str, tuple[int, float]] = {}
        self._agree(about)

    @contextlib.contextmanager
    def alive(self) -> Iterator[None]:
        """Give signs of life."""
        over, beat = threading.Event(), self._sign(self.name)

        def beating():
            while not over.wait(BEAT):
                with contextlib.suppress(OSError):
                    os.utime(beat)

        beat.touch()
        thread = threading.Thread(target=beating, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            beat.unlink(missing_ok=True)

    def claim(self, member: int) -> bool:
        """Take a member that is neither done nor somebody's who lives."""
        if self.done(member):
            return False
        path = self._claim(member)
        owner = self._owner(path)
        # Who ended after its result was there is not lost.
        if owner is not None and owner != self.name and self._is_lost(owner) and not self.done(member):
            # Of several that find the owner lost one renames his claim.
            with contextlib.suppress(FileNotFoundError):
                path.rename(path.with_suffix(f".lost-{owner}"))
        return self._first(path, self.name) and not self.done(member)

    def keep(self, member: int, result: Any, error: str | None) -> None:
        """Write the result of a member, or what it ended with."""
        write_plain(self._result(member), {"result": result, "error": error, "by": self.name})

    def done(self, member: int) -> bool:
        """Tell whether a member has its result."""
        return self._result(member).exists()

    def found(self, member: int) -> dict:
        """Return result, error and author of a member that is done."""
        return read_plain(self._result(member))

    def losses(self) -> dict[int, tuple[str, ...]]:
        """Return for each member that was taken from lost processes their names."""
        found: dict[int, tuple[str, ...]] = {}
        for path in sorted(self.folder.glob("member-*.lost-*")):
            number, owner = path.name.removeprefix("member-").split(".lost-", 1)
            found[int(number)] = (*found.get(int(number), ()), owner)
        return found

    def _agree(self, about):
        path = self.folder / "ensemble.json"
        self._first(path, json.dumps(about | {"process": self.name}))
        first = json.loads(path.read_text())
        for what, own in about.items():
            if first.get(what) != own:
                raise ValueError(
                    f"Process {self.name} has another {what} than process {first.get('process')}, which began the ensemble "
                    f"in {self.folder}: {own}, there {first.get(what)}. Start all of them alike, or name another folder."
                )

    def _first(self, path, text) -> bool:
        """Make a file with its content at once, unless there is one."""
        temporary = self.folder / f".{self.name}-{threading.get_ident()}.tmp"
        temporary.write_text(text)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            return self._plainly(path, text)
        finally:
            temporary.unlink(missing_ok=True)
        return True

    @staticmethod
    def _plainly(path, text):
        try:
            with open(path, "x") as stream:
                stream.write(text)
        except FileExistsError:
            return False
        return True

    def _is_lost(self, owner: str) -> bool:
        path = self._sign(owner)
        try:
            now = path.stat().st_mtime_ns
        except FileNotFoundError:
            # It ended; what it claimed and did not finish is free.
            return True
        host, number, _ = owner.rsplit("-", 2)
        if host == platform.node() and not _runs(int(number)):
            return True
        before, since = self._seen.get(owner, (None, 0.0))
        if now != before:
            self._seen[owner] = (now, time.monotonic())
            return False
        return time.monotonic() - since > self.patience

    def _owner(self, path):
        try:
            return path.read_text() or None
        except FileNotFoundError:
            return None

    def _sign(self, name):
        return self.folder / f"{name}.alive"

    def _claim(self, member):
        return self.folder / f"member-{member:06d}.claim"

    def _result(self, member):
        return self.folder / f"member-{member:06d}.npz"


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
