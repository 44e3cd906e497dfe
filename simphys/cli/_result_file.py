"""result.json: what came out, for programs to read."""

import contextlib
import datetime
import functools as ft
import importlib.metadata
import json
import math
import os
import pathlib
import platform
import threading
import time
from collections.abc import Iterator

from .._files import replacing
from ._ending import ending_of


PACKAGES = ("jax", "jaxlib", "equinox", "lineax", "optimistix", "diffrax", "numpy", "scipy", "fenics-basix")
HEARTBEAT = 10.0
"""Seconds between signs of life."""


class ResultFile:
    """The file, complete at any time: every writing replaces it as a whole.

    While the command runs, `heartbeat` in it is never much older than `HEARTBEAT`: a run that says "running" under an old
    one, or under a `pid` that is gone, is dead.

    **Attributes:**

    - `content`: what is to be written; commands add to it.
    """

    def __init__(self, path: pathlib.Path, command: str, scene, overrides, start: float):
        self.path, self.start, self._written = path, start, {}
        # A second Ctrl-C finishes the file from within whatever the first thread does, its writing included.
        self._writing = threading.RLock()
        self.content = {
            "command": command,
            "scene": str(scene),
            "title": "",
            "overrides": list(overrides),
            "started": _now(),
            "pid": os.getpid(),
            "host": platform.node(),
            "heartbeat": "",
            "status": "running",
            "message": "",
            "timings": {},
            "versions": dict(versions()),
        }

    @property
    def running(self) -> bool:
        """Whether nobody has said yet how it ended."""
        return self.content["status"] == "running"

    def write(self):
        """Put the content on disk."""
        self.content["timings"]["total"] = round(time.perf_counter() - self.start, 4)
        self._put(plain(self.content))

    def finish(self, status: str, message: str = ""):
        """Write for the last time; where there is no room for all of it, only how it ended.

        **Raises:** `OSError` if not even that can be written.
        """
        self.content["status"], self.content["message"] = status, message
        try:
            self.write()
        except OSError:
            kept = ("command", "scene", "started", "pid", "host", "heartbeat", "status", "message")
            self._put({key: plain(self.content[key]) for key in kept}, in_place=True)

    @contextlib.contextmanager
    def closing(self) -> Iterator[None]:
        """Write now, give signs of life, and in the end say how it ended, whatever the exception."""
        self.write()
        over = threading.Event()
        beats = threading.Thread(target=self._beat, args=(over,), name="simphys heartbeat", daemon=True)
        beats.start()
        try:
            yield
            if self.running:
                raise AssertionError("the command did not say how it ended.")
        except BaseException as error:
            if self.running:
                found = ending_of(error)
                # Where not even this can be written, the line on stderr and the exit code are left.
                with contextlib.suppress(OSError):
                    self.finish(found.status, found.message)
            raise
        finally:
            over.set()
            beats.join()

    def _beat(self, over):
        while not over.wait(HEARTBEAT):
            with contextlib.suppress(OSError), self._writing:
                if self._written.get("status") == "running":
                    self._put(self._written)

    def _put(self, content, in_place=False):
        with self._writing:
            self._written = content
            content["heartbeat"] = _now()
            text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
            if in_place and self.path.exists():
                # A full disk has room for what takes the place of something longer.
                with open(self.path, "r+b") as stream:
                    stream.truncate(stream.write(text.encode("utf-8", errors="replace")))
                return
            with replacing(self.path) as temporary:
                temporary.write_text(text, encoding="utf-8", errors="replace")


@ft.cache
def versions() -> dict[str, str]:
    """Return the versions of what took part."""
    from .. import __version__

    found = {"simphys": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def plain(value):
    """Return numbers and names that JSON knows; what is not finite becomes null."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
