"""Errors of the objects that a scene describes, traced back to the entry that asked for them."""

import contextlib

from ._error import SceneError


@contextlib.contextmanager
def blame(file, key: str):
    """Turn a `ValueError` raised inside into a `SceneError` that names the file and the key."""
    try:
        yield
    except SceneError as error:
        if error.file is not None:
            raise
        raise SceneError(error.message, file=file, key=error.key or key) from error
    except (ValueError, FileNotFoundError) as error:
        raise SceneError(str(error), file=file, key=key) from error
