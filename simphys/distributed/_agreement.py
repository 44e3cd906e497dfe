"""Whether all processes were given the same thing."""

import hashlib
import platform

import equinox as eqx
import jax
import numpy as np
from jax.sharding import Mesh

from .._trees import any_traced
from .._typing import PyTree


ROOM = 256


def agree(problem: PyTree, devices: Mesh) -> None:
    """Raise `ValueError` in all processes, naming two, where these differ in problem, version, precision or device."""
    if jax.process_count() == 1:
        return
    from jax.experimental.multihost_utils import process_allgather

    own = [f"process {jax.process_index()} on {platform.node()}", *_facts(problem)]
    rows = np.zeros((len(own), ROOM), np.uint8)
    for row, text in zip(rows, own, strict=True):
        content = text.encode()[:ROOM]
        row[: len(content)] = np.frombuffer(content, np.uint8)
    every = [[bytes(row).rstrip(b"\0").decode(errors="replace") for row in each] for each in process_allgather(rows)]
    compare(every)
    indices = sorted({device.process_index for device in devices.devices.flat})
    if indices != list(range(jax.process_count())):
        raise ValueError(
            f"`devices` must include some of every process, 0 to {jax.process_count() - 1}, got {indices}."
        )


WHAT = "version", "precision", "kind of device", "problem"


def compare(every: list[list[str]]) -> None:
    """Raise `ValueError` where a process differs from the first one.

    **Arguments:**

    - `every`: of each process its name, and what it has of `WHAT`.
    """
    for other in every[1:]:
        for what, a, b in zip(WHAT, every[0][1:], other[1:], strict=True):
            if a != b:
                raise ValueError(
                    f"Processes were given another {what}: {every[0][0]} has {a}, {other[0]} has {b}. All of them must run "
                    "the same program on the same data."
                )


def _facts(problem):
    from .. import __version__

    device = jax.local_devices()[0]
    leaves, structure = jax.tree.flatten(eqx.filter(problem, eqx.is_array))
    digest = hashlib.sha256(str(structure).encode())
    if not any_traced(leaves):
        for leaf in leaves:
            # Keys of patterns are random, and no part of what is computed.
            if leaf.shape != (2,) or leaf.dtype != np.int32:
                digest.update(f"{leaf.dtype}{leaf.shape}".encode() + np.asarray(leaf).tobytes())
    return (
        f"simphys {__version__} and JAX {jax.__version__}",
        f"{64 if jax.config.read('jax_enable_x64') else 32} bits",
        f"{device.platform} ({device.device_kind})",
        f"{type(problem).__name__} {digest.hexdigest()[:16]}",
    )
