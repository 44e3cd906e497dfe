"""Essential conditions, as they are stated: prescribed values and periodicity."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._arrays import placed
from .._check import finite, indices
from .._typing import Array, Callable
from ..assembly import AbstractConstraint, Followers
from ._named_nodes import known_nodes
from ._space import FunctionSpace


class Dirichlet(AbstractConstraint):
    """Prescribed values, u_c = ū_c on a group of nodes.

    **Arguments:**

    - `where`: name of a facet, point or cell group, or an array of node numbers, or a boolean for each node.
    - `value`: a number for every component; a sequence with one entry per component, None leaving that component free;
      an array (node, component) in the order of `space.nodes_on(where)`; or a function of position, which is evaluated
      once, when the problem is built: the values do not follow nodes that move later. On elements without nodes it is
      taken by their functionals: of `("RT", 1)` a vector, of which only the normal component is prescribed.
    - `components`: components that `value` speaks of; by default all.
    - `field`: which field of a mixed space.

    Where two conditions meet in a node, the later one holds.
    """

    value: Array | Callable
    where: str | tuple[int, ...] = eqx.field(static=True)
    components: tuple[int, ...] | None = eqx.field(static=True)
    field: int = eqx.field(static=True)
    listed: int | None = eqx.field(static=True)
    """Number of components that a sequence of values spoke of."""
    masked: int | None = eqx.field(static=True)
    """Number of nodes that a mask spoke of."""
    prescribes: ClassVar[bool] = True

    def __init__(self, where, value, components=None, *, field=0):
        self.where = where if isinstance(where, str) else tuple(indices("where", where).ravel().tolist())
        self.masked = None if isinstance(where, str) else _length_of_mask(where)
        self.field, self.listed = field, None
        if isinstance(value, tuple | list) and not any(isinstance(v, tuple | list) for v in value):
            if components is None:
                components, self.listed = tuple(c for c, v in enumerate(value) if v is not None), len(value)
            value = [v for v in value if v is not None]
            if len(value) != len(components):
                raise ValueError(f"`value` has {len(value)} entries for the components {components}.")
            traced = any(isinstance(v, jax.Array) for v in value)
            value = jnp.stack([jnp.asarray(v, dtype=float) for v in value]) if traced else np.array(value, float)
        if value is None:
            raise ValueError("`value` must be numbers or a function of positions, got None.")
        if not callable(value):
            value = finite("value", value)
            floating = isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jnp.floating)
            value = value if floating else (placed if isinstance(value, np.ndarray) else jnp.asarray)(value, float)
        self.value = value
        self.components = (
            None if components is None else tuple(np.atleast_1d(indices("components", components, mask=False)).tolist())
        )

    @property
    def title(self):
        """What messages call it."""
        return f"values of {self.where!r}" if isinstance(self.where, str) else f"values of {len(self.where)} nodes"

    def follow(self, space, held):
        """Nobody is followed."""
        count = space.components or 1
        components = np.arange(count) if self.components is None else np.asarray(self.components)
        values = (self.nodes(space)[:, None] * count + components).ravel()
        return Followers(values, np.zeros((len(values), 0), int), constant=True)

    def added(self, space, count):
        """The values, node by node."""
        value = jnp.asarray(self.value)
        width = value.shape[-1] if value.ndim else 1
        return jnp.broadcast_to(value, (count // width, width)).ravel()

    def nodes(self, space: FunctionSpace) -> np.ndarray:
        """Numbers of the nodes this condition is on."""
        if isinstance(self.where, str):
            return space.nodes_on(self.where)
        if self.masked not in (None, space.n_nodes):
            raise ValueError(f"`where`: a mask must have shape ({space.n_nodes},), got ({self.masked},).")
        return indices("where", self.where, space.n_nodes)

    def resolved(self, space: FunctionSpace) -> "Dirichlet":
        """The same condition with a function of position evaluated, and its components named."""
        if not space.nodal:
            return self._by_functionals(space)
        count = space.components or 1
        components = tuple(range(count)) if self.components is None else self.components
        if self.listed not in (None, count):
            raise ValueError(
                f"`value` on {self.where!r} must list {count} components (None for a free one), got {self.listed}."
            )
        if any(c not in range(count) for c in components):
            raise ValueError(f"`components` must lie in 0 … {count - 1}, got {components}.")
        nodes = self.nodes(space)
        value = self.value
        if callable(value):
            value = jnp.asarray(jax.vmap(value)(space.nodes()[nodes]), space.mesh.points.dtype)
            value = value[:, None] if value.ndim == 1 else value
        allowed = ((), (len(components),), (len(nodes), len(components)))
        if value.shape not in allowed and not (value.shape == (len(nodes),) and len(components) == 1):
            raise ValueError(
                f"`value` on {self.where!r} must be a number or have shape {allowed[1]} or {allowed[2]}, "
                f"got {value.shape}."
            )
        if value.ndim == 1 and len(components) == 1 and value.shape[0] == len(nodes) != 1:
            value = value[:, None]
        where = self.where if isinstance(self.where, str) else nodes
        return Dirichlet(where, value, components, field=self.field)

    def _by_functionals(self, space):
        """The condition on degrees of freedom that are not values at points: those of a function with this value."""
        nodes, value, count = self.nodes(space), self.value, space.components or 1
        components = tuple(range(space.mesh.dim if space.vectorial else count))
        chosen = components if self.components is None else self.components
        if (space.vectorial and chosen != components) or any(c not in components for c in chosen):
            lie = "cannot be chosen" if space.vectorial else f"must lie in 0 … {count - 1}"
            raise ValueError(f"`components` {lie} on elements {space.name}, got {chosen}.")
        expected = (len(chosen),)
        if callable(value):
            values = self._interpolated(space, value, nodes, chosen)
        elif value.shape[:1] == (len(nodes),) and (value.ndim == 2 or value.shape != expected):
            values = value
        elif value.shape == expected or (value.ndim == 0 and not space.vectorial) or not np.any(value):
            values = self._interpolated(space, lambda x: value, nodes, chosen)
        else:
            raise ValueError(
                f"`value` on {self.where!r} must be a function of position, or of shape {expected}, or one for each of "
                f"{len(nodes)} degrees of freedom, got shape {value.shape}."
            )
        own = tuple(range(count)) if space.vectorial else chosen
        values = jnp.asarray(values, space.mesh.points.dtype).reshape(len(nodes), len(own))
        where = self.where if isinstance(self.where, str) else nodes
        return Dirichlet(where, values, own, field=self.field)

    @staticmethod
    def _interpolated(space, function, nodes, chosen):
        """Degrees of freedom of a function that has a value for each chosen component; others are 0, and not looked at."""
        if space.vectorial or space.components is None:
            return space.interpolate(function, nodes)
        place = lambda x: jnp.zeros(space.components, x.dtype).at[jnp.array(chosen)].set(function(x))
        return space.interpolate(place, nodes)[:, np.array(chosen)]

    def unloaded(self) -> "Dirichlet":
        """The same condition with value 0."""
        return eqx.tree_at(lambda c: c.value, self, jnp.zeros_like(self.value))


class Periodic(AbstractConstraint):
    """Periodicity, u(x⁺) = u(x⁻) + jump for nodes of two groups that are translates of each other.

    **Arguments:**

    - `source`, `target`: names of groups; target's values follow source's, or the other way where target's
      are prescribed or follow others.
    - `jump`: difference, a number or one per component (a mean strain times the period, say).
    - `field`: which field of a mixed space.
    """

    jump: Array
    source: str = eqx.field(static=True)
    target: str = eqx.field(static=True)
    field: int = eqx.field(static=True)
    prescribes: ClassVar[bool] = False

    def __init__(self, source, target, jump=0.0, *, field=0):
        if source == target:
            raise ValueError(f"`source` and `target` must be two groups, got {source!r} twice.")
        self.source, self.target, self.field = source, target, field
        self.jump = finite("jump", jnp.asarray(jump, dtype=float))

    def resolved(self, space):
        """Check that the groups exist and match."""
        self.pairs(space)
        count = space.components or 1
        if self.jump.shape not in ((), (count,)):
            raise ValueError(f"`jump` must be a number or have shape ({count},), got {self.jump.shape}.")
        return self

    @property
    def title(self):
        """What messages call it."""
        return f"periodicity of {self.target!r} with {self.source!r}"

    def follow(self, space, held):
        """Each node follows its partner."""
        source, target = (n[:, None] * (c := space.components or 1) + np.arange(c) for n in self.pairs(space))
        component = np.broadcast_to(np.arange(source.shape[1]), source.shape).ravel()
        source, target = source.ravel(), target.ravel()
        back = held[target] & ~held[source]
        values, leaders = np.where(back, source, target), np.where(back, target, source)
        return Followers(values, leaders[:, None], (component, back), constant=True)

    def added(self, space, count, component, back):
        """The jumps, with the sign in which pairs follow."""
        jump = self.jump[component] if self.jump.ndim else jnp.broadcast_to(self.jump, (count,))
        return jnp.where(back > 0, -jump, jump)

    def unloaded(self) -> "Periodic":
        """The same condition with no jump."""
        return eqx.tree_at(lambda c: c.jump, self, jnp.zeros_like(self.jump))

    def pairs(self, space: FunctionSpace) -> tuple[np.ndarray, np.ndarray]:
        """Node numbers of source and target, matched by position up to one translation."""
        source, target = space.nodes_on(self.source), space.nodes_on(self.target)
        if len(source) != len(target):
            raise ValueError(f"{self.source!r} has {len(source)} nodes, {self.target!r} {len(target)}: no match.")
        x = known_nodes(space, f"The {self.title}")
        from scipy.spatial import cKDTree

        shift = x[target].mean(axis=0) - x[source].mean(axis=0)
        size = np.ptp(x, axis=0).max()
        distance, order = cKDTree(x[source] + shift).query(x[target])
        if distance.max() > 1e-6 * size or len(np.unique(order)) != len(order):
            raise ValueError(
                f"The nodes of {self.target!r} are not those of {self.source!r} shifted by {shift}: "
                f"they differ by up to {distance.max():.2e}."
            )
        source = source[order]
        if (source == target).any():
            raise ValueError(
                f"{np.sum(source == target)} nodes of {self.target!r} are their own partners in {self.source!r}."
            )
        return source, target


def _length_of_mask(where):
    where = np.asarray(where)
    if where.dtype == bool and where.ndim != 1:
        raise ValueError(f"`where`: a mask must have shape (node,), got {where.shape}.")
    return where.size if where.dtype == bool else None
