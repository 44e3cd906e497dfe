"""Contact of deformable bodies with each other and with themselves."""

import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from .._check import parameter
from .._ranges import positive
from .._typing import PyTree, Value
from ..contact import Surface, Touch, build_surface, check_apart, with_couples
from ..fem import NodalField, altered
from ._contact_forces import AbstractContact, ContactForces
from ._friction import at_start, checked_friction, reference_slip


POINTS_EACH = 2
"""Room for so many pairs a sample, at first."""


class Contact(AbstractContact):
    r"""Surfaces of bodies that do not enter each other or themselves: finite sliding, friction, one mesh for all.

    Π = ½ ∫ κ b(min_y d(x + u, y + u)) dA over both surfaces, undeformed;  b(d) = −δ (d/δ − 1)² ln(d/δ) for d < δ, else 0

    Each surface is looked at in samples, vertices among them, against the linear facets of the other; what facets share
    is taken back, so that the nearest point counts once. In space edges stop edges, at a tenth of δ. No state in which
    surfaces have gone through one another is ever accepted: Newton's steps end before they do. Pairs are searched for at
    each state, into lists of fixed size: nothing is compiled anew as they come and go.

    **Arguments:**

    - `where`: name of a facet group that may touch itself, or two names of groups that touch each other.
    - `stiffness`: κ, a pressure: a tenth of the body's modulus, say.
    - `reach`: δ, a length: a small part of the body, below the distance of facets that are no neighbours.
    - `friction`, `static_friction`, `slip`, `slip_speed`: of Coulomb's friction, see `Obstacle`; of edges against edges
      there is none.
    - `samples`: into how many parts samples cut the edge of a facet; forces are right to second order in these parts.
    - `travel`: how far apart nodes may be in the undeformed mesh that will touch; None for any. The matrix has entries for
      all of them.
    - `pairs`: room for pairs; None for a few a sample. `solve` doubles it where it is outside of a program.
    - `field`: which field of a mixed space.

    **Raises:** `ValueError` for bodies that overlap at the start, with the number of pairs and the depth, for a reach so
    long that a body touches itself undeformed, and for groups that share nodes. A solve ends as `contact_overflow`
    where there was no room.

    Reference: M. Li et al., ACM Trans. Graph. 39 (2020) 49; M. Li et al., Convergent incremental potential contact,
    arXiv 2307.15908 (2023).
    """

    stiffness: PyTree = positive()
    reach: PyTree = positive()
    friction: PyTree = positive(or_zero=True)
    static_friction: PyTree = positive(or_zero=True)
    slip: PyTree = positive()
    slip_speed: PyTree = positive()
    before: PyTree
    span: PyTree
    surface: Surface | None
    names: tuple[str, ...] = eqx.field(static=True)
    samples: int = eqx.field(static=True)
    travel: float | None = eqx.field(static=True)
    pairs: int | None = eqx.field(static=True)

    def __init__(
        self,
        where: str | tuple[str, str],
        *,
        stiffness: Value,
        reach: Value,
        friction: Value | None = None,
        static_friction: Value | None = None,
        slip: Value | None = None,
        slip_speed: Value | None = None,
        samples: int = 2,
        travel: float | None = None,
        pairs: int | None = None,
        field: int = 0,
    ):
        names = (where,) if isinstance(where, str) else tuple(where)
        if len(names) not in (1, 2) or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
            raise ValueError(f"`where` must name a facet group, or two different ones, got {where!r}.")
        for what, number in (("samples", samples), ("pairs", pairs)):
            if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 1):
                raise ValueError(f"`{what}` must be a whole number of 1 or more, got {number!r}.")
        if travel is not None and not travel > 0:
            raise ValueError(f"`travel` must be positive, got {travel!r}.")
        self.names, self.samples, self.travel, self.pairs, self.field = names, samples, travel, pairs, field
        self.stiffness, self.reach, self.surface = parameter(stiffness), parameter(reach), None
        self.friction, self.static_friction = checked_friction(friction, slip, static_friction, slip_speed)
        self.slip, self.slip_speed, self.before, self.span = parameter(slip), parameter(slip_speed), None, None

    def resolved(self, space):
        """Lay the surfaces out; on the host."""
        dim = space.mesh.dim
        if dim == 1 or space.components != dim:
            raise ValueError(f"A `Contact` acts on displacements in 2-D or 3-D, got {space.components} in {dim}-D.")
        with jax.ensure_compile_time_eval():
            surface = build_surface(space, self.names, self.samples)
            x = space.nodes()
            if isinstance(x, jax.core.Tracer):
                raise ValueError("A `Contact` needs a mesh that is known: make the body outside of `jit` and `grad`.")
            x = np.asarray(x, float)[np.asarray(surface.nodes)]
            surface = with_couples(surface, x, self.travel)
        if not isinstance(self.reach, jax.core.Tracer):
            check_apart(space, surface, x, float(self.reach), self.names)
        room = POINTS_EACH * surface.owners.shape[0] if self.pairs is None else self.pairs
        return altered(self, surface=surface, pairs=room, before=at_start(self, space))

    def integral(self, space):
        """The barrier between the surfaces."""
        if self.surface is None:
            raise ValueError("A `Contact` is a load of a `Solid`.")
        # Few edges are ever as near as that.
        rooms = self.pairs, 32 + self.surface.edges.shape[0] * self.pairs // (32 * self.surface.owners.shape[0])
        rubs = {} if self.friction is None else self._rubs()
        rubs["symmetric"] = self.friction is None
        label = " and ".join(map(repr, self.names))
        return Touch(self.surface, self.stiffness, self.reach, rooms=rooms, label=label, **rubs)

    def _rubs(self):
        names = ("friction", "static_friction", "before")
        return {"slip": reference_slip(self)} | {name: getattr(self, name) for name in names}

    def unloaded(self):
        """The bodies do not enter each other, whatever loads them."""
        return self

    def roomier(self):
        """Return the contact with twice the room."""
        return None if self.surface is None else altered(self, pairs=2 * self.pairs)

    def clearance(self, space, value):
        """Return least gap/δ − 1; infinite where nothing is nearer than δ."""
        return self.integral(space).touching((space,), (value,)).smallest / self.reach - 1

    def way(self, space, value, beyond):
        """Return how much of the way keeps the surfaces apart, to a tenth of their distance at least."""
        return self.integral(space).longest((space,), (value,), (space,), (beyond,))

    def forces(self, space, value, around=False):
        """Pressures and gaps of the samples, and the force of the second group on the first."""
        term = self.integral(space)
        term = term.times(NodalField(2 * jnp.pi * space.nodes()[:, 0])) if around else term
        found, gap, total = term.sampled((space,), (value,))
        first = term.side_of_samples() == 0
        areas, _ = term.areas((space,))
        near = (gap < self.reach) & (first | (not self.surface.two))
        return ContactForces(
            total,
            gap,
            found,
            term.force_on_first((space,), (value,)),
            jnp.sum(jnp.where(near, areas, 0)),
            jnp.min(gap),
        )
