"""Arrays of an `.npz` file, whatever the file is: nothing in it is executed, sizes are compared before they are claimed."""

import functools
import math
import zipfile
from collections.abc import Iterable

import numpy as np


MOST_BYTES = 2**32
"""Largest size of all arrays of a file, unpacked."""
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class _Untrue(ValueError):
    """What a file says of its sizes cannot be."""


def _named(read):
    """Let every way in which a file can be damaged end in a `ValueError` that holds nothing of it."""

    @functools.wraps(read)
    def safely(path, *args):
        with open(path, "rb") as stream:
            try:
                return read(stream, *args)
            except _Untrue as error:
                raise ValueError(f"{path}: {error}") from None
            except Exception as error:
                # Of a file that is damaged NumPy and zipfile raise almost anything; what they say may quote it.
                raise ValueError(f"{path} is no .npz file of plain arrays ({type(error).__name__}).") from None

    return safely


@_named
def read_headers(stream, most: float | None = None) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Return shape and type of every array of a file (given by its path) by name; the arrays are not read.

    `most` is the largest size of all arrays, unpacked; `MOST_BYTES` by default.

    **Raises:** `OSError` if it cannot be opened; `ValueError` if it is none of plain arrays, or larger than it may be.
    """
    found, most = {}, MOST_BYTES if most is None else most
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        total = sum(member.file_size for member in members)
        if total > most:
            raise _Untrue(f"unpacked it would be {total} bytes, {most} at most.")
        for member in members:
            with archive.open(member) as part:
                shape, _, dtype = _HEADERS[np.lib.format.read_magic(part)](part)
                if dtype.hasobject:
                    raise ValueError("Python objects")
                if part.tell() + math.prod(shape) * dtype.itemsize != member.file_size or min(shape, default=0) < 0:
                    raise _Untrue("an array says that it is larger or smaller than it is.")
            found[member.filename.removesuffix(".npy")] = shape, dtype
    if len(found) < len(members):
        raise _Untrue("two arrays have one name.")
    return found


@_named
def _read(stream, names):
    with zipfile.ZipFile(stream) as archive:
        parts = {name: archive.open(name + ".npy") for name in names}
        return {name: np.lib.format.read_array(part, allow_pickle=False) for name, part in parts.items()}


def read_arrays(path, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """Return the arrays of a file by name, or some of them if their headers were looked at before.

    **Raises:** `OSError` if it cannot be opened; `ValueError` if it is none of plain arrays, or larger than it may be. The
    message holds nothing of the file.
    """
    return _read(path, tuple(read_headers(path) if names is None else names))
