"""Arrays of an `.npz` file, whatever the file is: nothing in it is executed, sizes are compared before they are claimed."""

import math
import zipfile

import numpy as np


MOST_BYTES = 2**32
"""Largest size of all arrays of a file, unpacked."""


def read_arrays(path) -> dict[str, np.ndarray]:
    """Return the arrays of a file by name.

    **Raises:** `OSError` if it cannot be opened; `ValueError` if it is none of plain arrays, or larger than it may be. The
    message holds nothing of the file.
    """
    with open(path, "rb") as stream:
        try:
            _check_sizes(stream)
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as file:
                return {name: file[name] for name in file.files}
        except _TooLarge as error:
            raise ValueError(f"{path}: {error}") from None
        except Exception as error:
            # Of a file that is damaged NumPy and zipfile raise almost anything; what they say may quote it.
            raise ValueError(f"{path} is no .npz file of plain arrays ({type(error).__name__}).") from None


class _TooLarge(ValueError):
    """More than may be unpacked."""


def _check_sizes(stream):
    with zipfile.ZipFile(stream) as archive:
        total = sum(member.file_size for member in archive.infolist())
        if total > MOST_BYTES:
            raise _TooLarge(f"unpacked it would be {total} bytes, {MOST_BYTES} at most.")
        for member in archive.infolist():
            with archive.open(member) as part:
                read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
                shape, _, dtype = read[np.lib.format.read_magic(part)](part)
                if dtype.hasobject:
                    raise ValueError("Python objects")
                if part.tell() + math.prod(shape) * dtype.itemsize != member.file_size:
                    raise _TooLarge("an array says that it is larger or smaller than it is.")
