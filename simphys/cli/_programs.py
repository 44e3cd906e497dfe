"""Compiled programs that are kept on disk: as many bytes as stated here, the oldest go."""

import contextlib
import os
import pathlib


LIMIT = 2 * 2**30
"""Bytes."""


def trim_programs(folder: pathlib.Path, limit: int = LIMIT):
    """Delete the oldest compiled programs in a folder beyond a number of bytes; other files are left alone."""
    with os.scandir(folder) as entries:
        files = [(entry.stat(), entry.path) for entry in entries if entry.name.endswith("-cache") and entry.is_file()]
    total = sum(about.st_size for about, _ in files)
    for about, path in sorted(files, key=lambda pair: pair[0].st_mtime):
        if total <= limit:
            break
        with contextlib.suppress(FileNotFoundError):  # another process may trim as well
            os.unlink(path)
        total -= about.st_size
