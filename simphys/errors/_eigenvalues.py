"""The error of eigenvalues because of the mesh."""

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import scipy.linalg

from .._hidden import compiled, on_host
from .._told import Told
from .._typing import Array, Float, PyTree
from ..linalg import Auto
from ..physics import AbstractBalance, Modes, matrices
from ._enriched import Enrichment


RTOL = 1e-6


class EigenvalueErrors(Told):
    """What `estimate_eigenvalues` finds.

    **Attributes:**

    - `values`: eigenvalues on the mesh, (mode,); `error`: what they lack, (mode,), negative for those that are too high.
    - `corrected`: their sum.
    - `degree`: of the richer space.
    """

    values: Float[Array, " mode"]
    error: Float[Array, " mode"]
    corrected: Float[Array, " mode"]
    degree: int


@on_host("An estimate")
def estimate_eigenvalues(
    problem: AbstractBalance, modes: Modes, *, above: float = 0.0, at: PyTree = None
) -> EigenvalueErrors:
    """Estimate how wrong eigenvalues are because of the mesh.

    min over span {P φ_k, (K⁺ − σ M⁺)⁻¹ M⁺ P φ_k} of Rayleigh's quotients of the richer space

    One step of subspace iteration from the modes themselves, with one linear solve for each.

    **Arguments:**

    - `problem`, `above`, `at`: what `modes` was given.
    - `modes`: what it found.

    **Raises:** `ValueError` for a problem without a richer space, and for modes that are not of this problem.

    Reference: J. Xu, A. Zhou, Math. Comp. 70 (2001) 17 (two-grid eigenvalue problems).
    """
    if not isinstance(modes, Modes):
        raise ValueError(f"`modes` must be what `simphys.physics.modes` returns, got {type(modes).__name__}.")
    enrichment = Enrichment(problem)
    fields = modes.fields if isinstance(modes.fields, tuple) else (modes.fields,)
    if any(f.shape[1:] != space.shape for f, space in zip(fields, problem.spaces, strict=True)):
        raise ValueError("`modes` are those of a problem with other spaces.")
    stiff, heavy = (np.asarray(m) for m in _projected(enrichment, problem, fields, jnp.asarray(above, float), at))
    scale = 1 / np.sqrt(np.diag(heavy))
    stiff, heavy = (m * scale[:, None] * scale[None] for m in (stiff, heavy))
    # Where a mode is exact its two vectors are one.
    size, basis = scipy.linalg.eigh(heavy)
    basis = basis[:, size > 1e-10 * size.max()] / np.sqrt(size[size > 1e-10 * size.max()])
    found = np.linalg.eigvalsh(basis.T @ stiff @ basis)
    found = found[found > above][: len(modes.values)]
    values = np.asarray(modes.values)
    return EigenvalueErrors(values, found - values, found, enrichment.degree)


@compiled
def _projected(enrichment, problem, fields, above, at):
    """K⁺ and M⁺ between the vectors of the span."""
    rich = enrichment(problem)
    stiffness, mass = matrices(rich, None if at is None else enrichment.prolonged(at))
    flat = lambda tree: jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(tree)])
    kept = rich.system.reduction.representative
    up = lambda each: flat(tuple(up(f) for up, f in zip(enrichment.maps, each, strict=True)))[kept]
    vectors = [up(tuple(f[k] for f in fields)) for k in range(fields[0].shape[0])]
    moved = stiffness.pattern.held(stiffness.data - above.astype(mass.data.dtype) * mass.data)
    shifted = eqx.tree_at(lambda K: K.data, stiffness, moved)
    vectors += [lx.linear_solve(shifted, mass.mv(v), Auto(rtol=RTOL)).value for v in vectors]
    product = lambda matrix: jnp.stack([jnp.stack([jnp.vdot(v, matrix.mv(w)) for w in vectors]) for v in vectors])
    return product(stiffness), product(mass)
