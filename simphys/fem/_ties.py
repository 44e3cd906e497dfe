"""Ties: groups that move as one body, and values that are sums of others."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from .._check import finite, parameter
from .._typing import Array
from ..assembly import AbstractConstraint, Followers
from ._named_nodes import known_nodes


class RigidTie(AbstractConstraint):
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
    prescribes: ClassVar[bool] = False

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

    def follow(self, space, held):
        """All values follow those of one node; with rotation, enough of them to tell displacement and rotation.

        Those that something else makes are followed first.
        """
        count, nodes = space.components or 1, space.nodes_on(self.where)
        values = nodes[:, None] * count + np.arange(count)
        if not self.rotation:
            first = values[np.argmax(held[values], axis=0), np.arange(count)]
            others = values != first
            return Followers(values[others], np.broadcast_to(first, values.shape)[others][:, None])
        modes = rigid_modes(known_nodes(space, f"The {self.title}")[nodes])
        flat, modes = values.ravel(), modes.reshape(-1, modes.shape[-1])
        if np.linalg.matrix_rank(modes, tol=1e-9 * np.abs(modes).max()) < modes.shape[1]:
            raise ValueError(f"The rigid tie {self.where!r} has too few nodes, or nodes in one line, to turn.")
        # Pivots are sought among rows of such values until these have none left.
        favoured = np.where(held[flat], 1e4, 1.0)[:, None] * modes
        order = np.asarray(scipy.linalg.qr(favoured.T, pivoting=True)[-1])
        chosen = np.sort(order[: modes.shape[1]])
        others = np.delete(np.arange(len(modes)), chosen)
        leaders = np.broadcast_to(flat[chosen], (len(others), len(chosen)))
        return Followers(flat[others], leaders, (nodes, chosen, others), weighted=True)

    def shares(self, space, nodes, chosen, others):
        """What rigid motions that the chosen values tell are elsewhere."""
        modes = rigid_modes(space.nodes()[nodes])
        modes = modes.reshape(-1, modes.shape[-1])
        return jnp.linalg.solve(modes[chosen].T, modes[others].T).T


class MultiPoint(AbstractConstraint):
    """Values that are weighted sums of others, of the same field, and a constant.

    u_s = Σ_k w_k u_m(k) + c

    Leaders may be prescribed, or follow others in turn.

    **Arguments:**

    - `followers`: (node, component) of each value that follows, shape (n, 2); of a scalar field numbers of nodes (n,) do.
    - `leaders`: for each of them (node, component) of those that it follows, shape (n, k, 2) or (n, k).
    - `weights`: w, (n, k); 0 for a leader that does not count.
    - `constants`: c, a number or (n,), in the unit of the field.
    - `field`: which field of a mixed space.

    **Raises:** `ValueError` for shapes that do not fit, with the space for values that do not exist, and with the problem
    for values of which something else is said that contradicts it.

    Reference: M. S. Shephard, Int. J. Numer. Methods Eng. 20 (1984) 2107–2121.
    """

    weights: Array
    constants: Array
    followers: tuple = eqx.field(static=True)
    leaders: tuple = eqx.field(static=True)
    field: int = eqx.field(static=True)
    prescribes: ClassVar[bool] = False

    def __init__(self, followers, leaders, weights, constants=0.0, *, field=0):
        self.weights, self.field = finite("weights", parameter(weights)), field
        self.constants = finite("constants", parameter(constants))
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
        if np.shape(self.constants) not in ((), (n,)):
            raise ValueError(f"`constants` must be a number or have shape ({n},), got {np.shape(self.constants)}.")
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
        self.follow(space, None)
        return self

    def unloaded(self) -> "MultiPoint":
        """The same condition with constants 0."""
        return eqx.tree_at(lambda c: c.constants, self, jnp.zeros_like(self.constants))

    def follow(self, space, held):
        """The values that follow, and their leaders."""
        count = space.components or 1
        followers, leaders = np.array(self.followers, int), np.array(self.leaders, int)
        for pairs in (followers, leaders):
            if (pairs[..., 0] >= space.n_nodes).any() or (pairs[..., 1] >= count).any():
                raise ValueError(
                    f"A `MultiPoint` condition names a value beyond ({space.n_nodes - 1}, {count - 1}), the last node and "
                    "component of its field."
                )
        return Followers(followers @ (count, 1), leaders @ (count, 1), weighted=True, constant=True)

    def shares(self, space):
        """The weights."""
        return self.weights

    def added(self, space, count):
        """The constants."""
        return jnp.broadcast_to(self.constants, (count,))


def _nested(lists):
    return tuple(map(_nested, lists)) if isinstance(lists, list) else lists


def rigid_modes(x: Any, one: Any = None) -> Any:
    """Rigid-body modes of points x (node, dim): translations, then small rotations about their mean, (node, dim, mode).

    Of degrees of freedom that are not values at nodes x are those of position, and `one` those of the constant 1.
    """
    # What is known on the host is worked out there: each operation on the device is compiled first.
    xp = np if isinstance(x, np.ndarray) else jnp
    n, dim = x.shape
    one = xp.ones(n, x.dtype) if one is None else one
    translations = one[:, None, None] * xp.eye(dim, dtype=x.dtype)[None]
    centred = x - one[:, None] * xp.mean(x, axis=0, keepdims=True)
    if dim == 1:
        return translations
    if dim == 2:
        turns = xp.stack([-centred[:, 1], centred[:, 0]], axis=-1)[..., None]
    else:
        axes = xp.eye(3, dtype=x.dtype)
        turns = xp.stack([xp.cross(xp.broadcast_to(a, x.shape), centred) for a in axes], axis=-1)
    return xp.concatenate([translations, turns], axis=-1)
