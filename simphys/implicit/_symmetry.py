"""Is an operator as symmetric as its tags claim?"""

import jax
import jax.numpy as jnp
import lineax as lx

from .._trees import dot, norm
from .._typing import Scalar
from ._tangent import hashed


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
    first = 2 * len(structure) * seed
    # Held back: a product would compute them anew for each of its entries.
    draws = jax.lax.optimization_barrier([hashed(first + k, s) for k, s in enumerate(2 * structure)])
    u, v = (jax.tree.unflatten(treedef, half) for half in (draws[: len(structure)], draws[len(structure) :]))
    Ju, Jv = operator.mv(u), operator.mv(v)
    return jnp.abs(dot(Ju, v) - dot(u, Jv)) / (norm(Ju) * norm(v) + norm(u) * norm(Jv))
