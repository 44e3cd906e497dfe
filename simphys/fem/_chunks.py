"""Tangents of integrals over many cells, taken some cells at a time."""

import dataclasses

import jax.numpy as jnp

from .._typing import Array
from ..linalg import accelerated


MANY = 8_192
"""Cells from which on what is computed at their points would fill more memory than the matrix."""


def in_chunks(integral) -> bool:
    """Whether an integral may be taken some cells at a time, as their geometry is at hand for any of them."""
    domain = integral.domain
    return not accelerated() and domain.sides is None and not domain.two_sided


def chunks_of(count: int, size: int) -> tuple[Array, Array]:
    """Return numbers of items in chunks of about a size, (chunk, item), and whether each is there."""
    chunks = -(-count // size)
    numbers = jnp.arange(chunks * -(-count // chunks), dtype=jnp.int32).reshape(chunks, -1)
    return jnp.minimum(numbers, count - 1), numbers < count


def chunk_of(integral, numbers: Array):
    """Return the integral over some of its cells."""
    domain = integral.domain
    cells = numbers if domain.cells is None else domain.cells[numbers]
    return dataclasses.replace(integral, domain=dataclasses.replace(domain, cells=cells))
