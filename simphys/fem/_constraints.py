"""Essential conditions, as they are stated: prescribed values, periodicity, rigid ties."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from .._arrays import placed
from .._check import finite, indices, parameter
from .._typing import Array, Callable
from ..assembly import AbstractPeriodicity, AbstractPrescribed, AbstractTie
from ._space import FunctionSpace


class Dirichlet(AbstractPrescribed):
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
        if not callable(value):
            value = finite("value", value)
            floating = isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jnp.floating)
            value = value if floating else (placed if isinstance(value, np.ndarray) else jnp.asarray)(value, float)
        self.value = value
        self.components = (
            None if components is None else tuple(np.atleast_1d(indices("components", components, mask=False)).tolist())
        )

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
        expected = (space.mesh.dim,) if space.vectorial else (count,)
        if self.components not in (None, tuple(range(expected[0]))):
            raise ValueError(f"`components` cannot be chosen on elements {space.name}, got {self.components}.")
        if callable(value):
            values = space.interpolate(value, nodes)
        elif value.shape == expected or (value.ndim == 0 and expected == (1,)) or not np.any(value):
            values = space.interpolate(lambda x: value, nodes)
        elif value.shape[:1] == (len(nodes),):
            values = value
        else:
            raise ValueError(
                f"`value` on {self.where!r} must be a function of position, or of shape {expected}, or one for each of "
                f"{len(nodes)} degrees of freedom, got shape {value.shape}."
            )
        values = jnp.asarray(values, space.mesh.points.dtype).reshape(len(nodes), count)
        where = self.where if isinstance(self.where, str) else nodes
        return Dirichlet(where, values, tuple(range(count)), field=self.field)

    def unloaded(self) -> "Dirichlet":
        """The same condition with value 0."""
        return eqx.tree_at(lambda c: c.value, self, jnp.zeros_like(self.value))


class Periodic(AbstractPeriodicity):
    """Periodicity, u(x⁺) = u(x⁻) + jump for nodes of two groups that are translates of each other.

    **Arguments:**

    - `source`, `target`: names of groups; target's values follow source's.
    - `jump`: difference, a number or one per component (a mean strain times the period, say).
    - `field`: which field of a mixed space.
    """

    jump: Array
    source: str = eqx.field(static=True)
    target: str = eqx.field(static=True)
    field: int = eqx.field(static=True)

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

    def unloaded(self) -> "Periodic":
        """The same condition with no jump."""
        return eqx.tree_at(lambda c: c.jump, self, jnp.zeros_like(self.jump))

    def pairs(self, space: FunctionSpace) -> tuple[np.ndarray, np.ndarray]:
        """Node numbers of source and target, matched by position up to one translation."""
        source, target = space.nodes_on(self.source), space.nodes_on(self.target)
        if len(source) != len(target):
            raise ValueError(f"{self.source!r} has {len(source)} nodes, {self.target!r} {len(target)}: no match.")
        x = np.asarray(space.nodes())
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


class RigidTie(AbstractTie):
    """A group of nodes that moves as a rigid body: all by one displacement and, if wanted, one small rotation.

    u(x) = u₀ + θ × (x − x₀)

    **Arguments:**

    - `where`: name of a group.
    - `rotation`: whether the group may turn. The condition is linear, so a turned group stretches by 1 − cos θ: use it for
      small rotations only.
    - `field`: which field of a mixed space.
    """

    where: str = eqx.field(static=True)
    rotation: bool = eqx.field(static=True, default=False)
    field: int = eqx.field(static=True, default=0)

    def resolved(self, space):
        """Check that the group exists and can turn."""
        space.nodes_on(self.where)
        if self.rotation and (space.components or 1) != space.mesh.dim:
            raise ValueError("A rigid tie with rotation needs a displacement field: one component per dimension.")
        return self

    def unloaded(self) -> "RigidTie":
        """The same condition: it carries no load."""
        return self

    @property
    def title(self):
        """What messages call it."""
        return f"rigid tie {self.where!r}"

    def follow(self, space):
        """All values follow those of one node; with rotation, enough of them to tell displacement and rotation."""
        count, nodes = space.components or 1, space.nodes_on(self.where)
        values = nodes[:, None] * count + np.arange(count)
        if not self.rotation:
            return values[1:].ravel(), np.broadcast_to(values[:1], values[1:].shape).reshape(-1, 1), None
        modes = rigid_modes(np.asarray(space.nodes()[nodes]))
        modes = modes.reshape(-1, modes.shape[-1])
        if np.linalg.matrix_rank(modes, tol=1e-9 * np.abs(modes).max()) < modes.shape[1]:
            raise ValueError(f"The rigid tie {self.where!r} has too few nodes, or nodes in one line, to turn.")
        order = np.asarray(scipy.linalg.qr(modes.T, pivoting=True)[-1])
        chosen = np.sort(order[: modes.shape[1]])
        others, flat = np.delete(np.arange(len(modes)), chosen), values.ravel()
        return flat[others], np.broadcast_to(flat[chosen], (len(others), len(chosen))), (nodes, chosen, others)

    def shares(self, space, nodes, chosen, others):
        """What rigid motions that the chosen values tell are elsewhere."""
        modes = rigid_modes(space.nodes()[nodes])
        modes = modes.reshape(-1, modes.shape[-1])
        return jnp.linalg.solve(modes[chosen].T, modes[others].T).T


class MultiPoint(AbstractTie):
    """Values that are weighted sums of others, of the same field.

    u_s = Σ_k w_k u_m(k)

    **Arguments:**

    - `followers`: (node, component) of each value that follows, shape (n, 2); of a scalar field numbers of nodes (n,) do.
    - `leaders`: for each of them (node, component) of those that it follows, shape (n, k, 2) or (n, k).
    - `weights`: w, (n, k); 0 for a leader that does not count.
    - `field`: which field of a mixed space.

    **Raises:** `ValueError` for shapes that do not fit, and with the space for values that do not exist, that follow twice,
    or that follow what follows others or is prescribed.

    Reference: M. S. Shephard, Int. J. Numer. Methods Eng. 20 (1984) 2107–2121.
    """

    weights: Array
    followers: tuple = eqx.field(static=True)
    leaders: tuple = eqx.field(static=True)
    field: int = eqx.field(static=True)

    def __init__(self, followers, leaders, weights, *, field=0):
        self.weights, self.field = finite("weights", parameter(weights)), field
        pair = lambda a: np.stack([a, np.zeros_like(a)], axis=-1)
        followers, leaders = np.asarray(followers), np.asarray(leaders)
        followers = pair(followers) if followers.ndim == 1 else followers
        leaders = pair(leaders) if leaders.ndim == 2 else leaders
        n, k = np.shape(self.weights) if np.ndim(self.weights) == 2 else (-1, -1)
        if followers.shape != (n, 2) or leaders.shape != (n, k, 2):
            raise ValueError(
                "`followers`, `leaders` and `weights` must have shapes (n, 2), (n, k, 2) and (n, k), got "
                f"{followers.shape}, {leaders.shape} and {np.shape(self.weights)}."
            )
        for name, numbers in (("followers", followers), ("leaders", leaders)):
            if not np.issubdtype(numbers.dtype, np.integer) or numbers.min(initial=0) < 0:
                raise ValueError(f"`{name}` must be whole numbers, 0 or more, got {numbers.dtype}.")
        self.followers, self.leaders = _nested(followers.tolist()), _nested(leaders.tolist())

    @property
    def title(self):
        """What messages call it."""
        return f"multi-point condition on {len(self.followers)} values"

    def resolved(self, space):
        """Check that the values exist."""
        slaves, masters, _ = self.follow(space)
        if len(set(slaves.tolist())) < len(slaves) or np.isin(masters, slaves).any():
            raise ValueError("A value of a `MultiPoint` condition follows twice, or leads while it follows.")
        return self

    def unloaded(self) -> "MultiPoint":
        """The same condition: it carries no load."""
        return self

    def follow(self, space):
        """Return the values that follow, and their leaders."""
        count = space.components or 1
        followers, leaders = np.array(self.followers, int), np.array(self.leaders, int)
        for pairs in (followers, leaders):
            if (pairs[..., 0] >= space.n_nodes).any() or (pairs[..., 1] >= count).any():
                raise ValueError(
                    f"A `MultiPoint` condition names a value beyond ({space.n_nodes - 1}, {count - 1}), the last node and "
                    "component of its field."
                )
        return followers @ (count, 1), leaders @ (count, 1), ()

    def shares(self, space):
        """The weights."""
        return self.weights


def _nested(lists):
    return tuple(map(_nested, lists)) if isinstance(lists, list) else lists


def _length_of_mask(where):
    where = np.asarray(where)
    if where.dtype == bool and where.ndim != 1:
        raise ValueError(f"`where`: a mask must have shape (node,), got {where.shape}.")
    return where.size if where.dtype == bool else None


def rigid_modes(x: Any) -> Any:
    """Rigid-body modes of points x (node, dim): translations, then small rotations about their mean, (node, dim, mode)."""
    # What is known on the host is worked out there: each operation on the device is compiled first.
    xp = np if isinstance(x, np.ndarray) else jnp
    n, dim = x.shape
    translations = xp.broadcast_to(xp.eye(dim, dtype=x.dtype), (n, dim, dim))
    centred = x - xp.mean(x, axis=0, keepdims=True)
    if dim == 1:
        return translations
    if dim == 2:
        turns = xp.stack([-centred[:, 1], centred[:, 0]], axis=-1)[..., None]
    else:
        axes = xp.eye(3, dtype=x.dtype)
        turns = xp.stack([xp.cross(xp.broadcast_to(a, x.shape), centred) for a in axes], axis=-1)
    return xp.concatenate([translations, turns], axis=-1)
