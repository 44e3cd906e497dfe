"""On what kind of machine arrays live by default."""

import jax


def accelerated() -> bool:
    """Whether the default device is a GPU or the like, for which layouts are chosen when they are built."""
    return jax.default_backend() != "cpu"
