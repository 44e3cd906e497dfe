"""Checks of HDF5 files that others read."""

import pathlib

from ._raw import check_size


HDF5 = b"\x89HDF\r\n\x1a\n"
"""What the files begin with."""
_MOST = 10_000
"""Groups that one file may have."""


def check_hdf5(path: pathlib.Path):
    """Raise `ValueError` if a file leads into other files, or holds arrays that are larger than is ever read."""
    try:
        import h5py
    except ModuleNotFoundError:
        raise ValueError("it is in HDF5: reading it needs the package 'h5py', which is not installed.") from None
    try:
        with h5py.File(path, "r") as content:
            # Hard links may lead in circles: the list grows while it is walked, up to a limit.
            groups = [content]
            for group in groups:
                for name in group:
                    link = group.get(name, getlink=True)
                    if isinstance(link, h5py.ExternalLink):
                        raise ValueError(f"{name!r} is a link into another file, which is not read.")
                    # Soft links lead to what is looked at anyway; following them may never end.
                    if isinstance(link, h5py.HardLink):
                        _check_item(h5py, name, group[name], groups)
    except (OSError, KeyError, TypeError, RuntimeError):
        raise ValueError("the HDF5 file is damaged.") from None


def _check_item(h5py, name, item, groups):
    if isinstance(item, h5py.Group):
        if len(groups) > _MOST:
            raise ValueError("the HDF5 file has too many groups.")
        groups.append(item)
    elif isinstance(item, h5py.Dataset):
        if item.external or item.is_virtual:
            raise ValueError(f"{name!r} is stored in another file, which is not read.")
        check_size(item.shape or (), item.dtype.itemsize)
