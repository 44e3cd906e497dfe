"""What a process keeps between calls, by name: how much it is, and how it is emptied."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax


class Cache(NamedTuple):
    """What is kept at the moment.

    **Attributes:**

    - `entries`: how many things.
    - `size`: bytes they take; of compiled programs about.
    - `limit`: bytes they may take; None where JAX decides.
    """

    entries: int
    size: int
    limit: int | None


_CACHES: dict[str, tuple[Callable[[], Cache], Callable[[], None]]] = {}


def register_cache(name: str, look: Callable[[], Cache], clear: Callable[[], None]):
    """Let a cache be seen by `caches` and emptied by `clear_caches`; whatever grows with use stands here."""
    _CACHES[name] = look, clear


def caches() -> dict[str, Cache]:
    """Return what is kept between calls, by name: factors of matrices, compiled programs."""
    return {name: look() for name, (look, _) in _CACHES.items()}


def clear_caches():
    """Let go of all that is kept between calls: results do not change, what comes next is compiled and factorised anew.

    Compiled programs are the whole process's, those that do not come from here as well.
    """
    for _, clear in _CACHES.values():
        clear()


def _programs() -> Cache:
    executables = getattr(jax.devices()[0].client, "live_executables", list)()
    return Cache(len(executables), sum(map(_size, executables)), None)


def _size(executable) -> int:
    # On a CPU XLA says 0; what it would write to a file is about what it holds.
    try:
        return executable.size_of_generated_code_in_bytes() or len(executable.serialize())
    except (RuntimeError, AttributeError):
        return 0


def _forget_programs():
    eqx.clear_caches()
    jax.clear_caches()


register_cache("programs", _programs, _forget_programs)
