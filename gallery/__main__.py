"""Run examples, draw their pictures, and make the page of the docs and the notebooks."""

import sys
import time

import matplotlib


matplotlib.use("Agg")

from . import _pages, _play


def main(wanted: list[str]) -> int:
    """Play the examples that are named, or all; return how many were off."""
    unknown = [name for name in wanted if name not in _pages.names()]
    if unknown:
        raise SystemExit(f"there is no example {unknown[0]!r}; there are {', '.join(_pages.names())}")
    off = 0
    for name in wanted or _pages.names():
        begun = time.process_time()
        found = _play.play(name)
        _pages.write(name, found)
        off += not found.good
        word = "" if found.good else "   OFF"
        spent, size = time.process_time() - begun, len(found.picture) / 1000
        print(
            f"{name:28} {found.computed:12.6g} {found.reference:12.6g} {spent:6.1f} s {size:5.0f} kB{word}", flush=True
        )
    _pages.put(_pages.DOCS / "gallery.md", _pages.page().encode())
    return off


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
