"""Is an operator as symmetric as its tags claim?"""

import jax
import jax.numpy as jnp
import lineax as lx

from .._trees import dot, norm
from .._typing import Scalar


def symmetry_defect(operator: lx.AbstractLinearOperator, seed: int = 0) -> Scalar:
    """Return the relative asymmetry of an operator, seen by a pair of random vectors.

    |⟨J u, v⟩ − ⟨u, J v⟩| / (‖J u‖ ‖v‖ + ‖u‖ ‖J v‖)

    Rounding for a symmetric J, about n^−1/2 for one that has nothing symmetric. Solvers and adjoints believe the tag
    `lineax.symmetric_tag`: a wrong one gives the adjoint of another problem, with a small residual.

    **Arguments:**

    - `operator`: J, square.
    - `seed`: of the random vectors.
    """
    structure, treedef = jax.tree.flatten(operator.in_structure())
    keys = jax.random.split(jax.random.key(seed), 2 * len(structure))
    draws = [jax.random.normal(k, s.shape, s.dtype) for k, s in zip(keys, 2 * structure, strict=True)]
    u, v = (jax.tree.unflatten(treedef, half) for half in (draws[: len(structure)], draws[len(structure) :]))
    Ju, Jv = operator.mv(u), operator.mv(v)
    return jnp.abs(dot(Ju, v) - dot(u, Jv)) / (norm(Ju) * norm(v) + norm(u) * norm(Jv))
