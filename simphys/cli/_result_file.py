"""result.json: what came out, for programs to read."""

import datetime
import importlib.metadata
import json
import math
import pathlib
import platform
import time

from .._files import replacing
from ..scene import Scene


PACKAGES = ("jax", "jaxlib", "equinox", "lineax", "optimistix", "diffrax", "numpy", "scipy", "fenics-basix")


class ResultFile:
    """The file, complete at any time: every writing replaces it as a whole.

    **Attributes:**

    - `content`: what is to be written; commands add to it.
    """

    def __init__(self, path: pathlib.Path, command: str, scene: Scene, overrides, start: float):
        self.path, self.start = path, start
        self.content = {
            "command": command,
            "scene": str(scene.file),
            "title": scene.data.title,
            "overrides": list(overrides),
            "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "status": "running",
            "message": "",
            "timings": {},
            "versions": versions(),
        }

    def write(self):
        """Put the content on disk."""
        self.content["timings"]["total"] = round(time.perf_counter() - self.start, 4)
        text = json.dumps(_plain(self.content), indent=2, ensure_ascii=False, allow_nan=False)
        with replacing(self.path) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    def finish(self, status: str, message: str = ""):
        """Write for the last time."""
        self.content["status"], self.content["message"] = status, message
        self.write()


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


def _plain(value):
    """Numbers and names that JSON knows; what is not finite becomes null."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
