"""What is wrong with a scene: which file, which key, what was found, what is allowed."""

import difflib
from collections.abc import Iterable


class SceneError(ValueError):
    """A scene that cannot be read, built or run as it stands.

    **Arguments:**

    - `message`: what was found and what is allowed.
    - `file`: the file in question.
    - `key`: path of the entry in it, such as `solid.material.c10`.
    """

    def __init__(self, message: str, *, file=None, key: str | None = None):
        self.message, self.file, self.key = message, file, key
        parts = [str(part) for part in (file, key) if part]
        ValueError.__init__(self, ": ".join([*parts, message]))


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return a sentence that suggests the allowed name most like `name`; empty if none is like it."""
    allowed = list(allowed)
    found = difflib.get_close_matches(str(name), allowed, n=1, cutoff=0.5)
    if not found:
        lower = {a.lower(): a for a in allowed}
        found = [lower[n] for n in difflib.get_close_matches(str(name).lower(), lower, n=1, cutoff=0.5)]
    return f" Did you mean {found[0]!r}?" if found else ""


def listing(names: Iterable[str]) -> str:
    """Return names in quotes, for a sentence."""
    names = list(names)
    return ", ".join(map(repr, names)) if names else "none"
