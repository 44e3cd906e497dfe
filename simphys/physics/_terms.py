"""What a balance law is made of, and how its matrices are laid out."""

import dataclasses

import equinox as eqx

from .._typing import Any, Array, Sequence
from ..assembly import AbstractConstraint, System, build_reduction, build_system
from ..fem import FunctionSpace, Integral, density_at_points, matrix_facts
from ..linalg import recommended
from ._named import Named, several


class Terms(eqx.Module):
    """All that a balance law says of itself, d/dt S(u) + R(u) = 0 or d²/dt² S(u) + R(u) = 0.

    **Arguments:**

    - `flow`: the terms of R.
    - `stored`: S; None for a law that stores nothing. Layouts of matrices have it last.
    - `order`: of the time derivative, 1 or 2.
    - `algebraic`: numbers of the equations that store nothing: they hold at every time.
    - `immediate`: numbers of the fields that no equation stores: they follow from the others at once.
    - `gauges`: terms that count for the scale of R only, where its own terms may all vanish.
    - `stored_gauges`: the same of S.
    - `multipliers`: linear terms of the same places and fields as the first of R, by which fields that follow at once hold
      what is stored to a condition (a pressure, a velocity without divergence); none where there is no such condition.
    """

    flow: tuple[Integral, ...]
    stored: Integral | None = None
    order: int = eqx.field(static=True, default=1)
    algebraic: tuple[int, ...] = eqx.field(static=True, default=())
    immediate: tuple[int, ...] = eqx.field(static=True, default=())
    gauges: tuple[Integral, ...] = ()
    stored_gauges: tuple[Integral, ...] = ()
    multipliers: tuple[Integral, ...] = ()

    @property
    def derivatives(self) -> int:
        """Order of the law in time: 0 for one that stores nothing."""
        return 0 if self.stored is None else self.order

    @property
    def laid_out(self) -> tuple[Integral, ...]:
        """The terms that a matrix is laid out for."""
        return self.flow if self.stored is None else (*self.flow, self.stored)


def switches_of(terms, spaces, values) -> tuple[Array, ...]:
    """Return the switching functions of those terms that have any and are not linear, at their quadrature points."""
    found = []
    for term in terms:
        if term.switches is not None and not (term.linear or term.constant):
            found.append(density_at_points(dataclasses.replace(term, energy=term.switches), spaces, values)[0])
    return tuple(each for each in found if each is not None)


def build(
    spaces: Sequence[FunctionSpace],
    constraints: Any,
    terms: Terms,
    *,
    recommend: bool = True,
    matrix: bool = True,
) -> tuple[tuple[AbstractConstraint, ...] | Named, System]:
    """Resolve constraints and lay out the system; on the host, when a problem is made.

    **Arguments:**

    - `recommend`: look for a preconditioner where the matrices are too large to be factorised.
    - `matrix`: lay a matrix out; without one there are residuals and their derivatives, but no `jacobian`.
    """
    stated = several("constraints", constraints, AbstractConstraint, "`Dirichlet`, `Periodic` or `RigidTie`")
    names, constraints = getattr(stated, "names", None), tuple(stated)
    for c in constraints:
        if not 0 <= c.field < len(spaces):
            raise ValueError(f"`field` of a `{type(c).__name__}` must be below {len(spaces)}, got {c.field!r}.")
    integrals = terms.laid_out if matrix else ()
    resolved = tuple(c.resolved(spaces[c.field]) for c in constraints)
    system = build_system(spaces, integrals, build_reduction(spaces, resolved))
    # A barrier couples surfaces as stiffly as it must: what is made of the body alone knows nothing of it.
    recommend = recommend and not any(term.wanders for term in integrals)
    if recommend and matrix and len(spaces) == 1 and spaces[0].nodal:
        linear = all(term.linear for term in integrals if not term.constant)
        made = recommended(matrix_facts(spaces[0], system, resolved, linear=linear))
        system = eqx.tree_at(lambda s: s.preconditioner, system, made, is_leaf=lambda x: x is None)
    return resolved if names is None else Named(resolved, names), system
