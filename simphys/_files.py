"""Files that appear only when they are complete, and folders that one process at a time writes into."""

import contextlib
import datetime
import errno
import json
import os
import pathlib
import platform
import re
import secrets
from collections.abc import Iterator


LOCK = ".simphys.lock"
"""Name of the file that says who writes into a folder."""

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{12}\.tmp(\.\w+)?")


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Give a path beside `path`, of the same suffix, that takes its place once written; after a failure it is gone.

    No two of these paths are equal, be they of one process or of several.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(6)}.tmp{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


class FolderInUse(ValueError):
    """Another process writes into a folder."""


@contextlib.contextmanager
def sole_writer(folder: pathlib.Path, about: str) -> Iterator[None]:
    """Be the only one that writes into a folder, which is made; the claim ends with the process, however that ends.

    **Arguments:**

    - `about`: what the process does, for those who come later.

    **Raises:** `FolderInUse`, naming the owner; `OSError` where the folder cannot be made or written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    descriptor = _claimed(path)
    try:
        owner = dict(pid=os.getpid(), host=platform.node(), since=_now(), doing=about)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(owner).encode())
        _sweep(folder)
        yield
    finally:
        # Removed while it is still claimed; whoever has it open by then sees that it is no longer the file of this name.
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _sweep(folder):
    """Remove what processes that were killed while they wrote have left: no one else writes here now."""
    for path in folder.glob(".*.tmp*"):
        if _TEMPORARY.fullmatch(path.name) and path.is_file() and not path.is_symlink():
            path.unlink(missing_ok=True)


def _claimed(path):
    """Descriptor of the lock file, locked by the operating system."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(descriptor)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    return descriptor
        except BlockingIOError:
            text = _owner(os.read(descriptor, 4096))
            os.close(descriptor)
            raise FolderInUse(f"another run writes into this folder: {text}.") from None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor):
    """Claim the file; on file systems and systems without such locks nothing is claimed."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if isinstance(error, BlockingIOError) or error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS):
            raise


def _owner(content) -> str:
    try:
        owner = json.loads(content)
        return f"process {owner['pid']} on {owner['host']} since {owner['since']}, {owner['doing']}"
    except (ValueError, KeyError, TypeError):
        return "its name is not known yet"


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
