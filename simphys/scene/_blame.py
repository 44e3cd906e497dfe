"""Errors of the objects that a scene describes, traced back to the entry that asked for them."""

import contextlib

from ._error import SceneError


@contextlib.contextmanager
def blame(file, key: str):
    """Turn a `ValueError` or `OSError` raised inside into a `SceneError` that names the file and the key."""
    try:
        yield
    except SceneError as error:
        if error.file is not None:
            raise
        raise SceneError(error.message, file=file, key=error.key or key) from error
    except OSError as error:
        # Of ours are those that speak in whole sentences; of the system's the number is left out.
        text = str(error) if error.strerror is None else f"{error.strerror}: {error.filename}"
        raise SceneError(text, file=file, key=key) from error
    except ValueError as error:
        raise SceneError(str(error), file=file, key=key) from error
