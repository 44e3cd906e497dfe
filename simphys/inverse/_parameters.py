"""Which numbers of a problem are sought, and in which coordinates."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._typing import Array, Callable, PyTree


class AbstractTransform(eqx.Module):
    """A smooth one-to-one map θ = h(φ) from all real φ to the admissible θ."""

    @abc.abstractmethod
    def forward(self, phi: Array) -> Array:
        """Return θ = h(φ)."""

    @abc.abstractmethod
    def inverse(self, theta: Array) -> Array:
        """Return φ; raise `ValueError` if a concrete θ is not admissible."""


class Scaled(AbstractTransform):
    """θ = s φ: any value, measured in a natural unit s.

    **Arguments:**

    - `scale`: s, the magnitude θ is expected to have.
    """

    scale: float = eqx.field(static=True, default=1.0)

    def forward(self, phi):
        """Return s φ."""
        return self.scale * phi

    def inverse(self, theta):
        """Return θ / s."""
        return theta / self.scale


class Positive(AbstractTransform):
    """θ = exp φ > 0."""

    def forward(self, phi):
        """Return exp φ."""
        return jnp.exp(phi)

    def inverse(self, theta):
        """Return ln θ."""
        if not np.all(np.asarray(theta) > 0):
            raise ValueError(f"A positive parameter cannot start at {theta}.")
        return jnp.log(theta)


class Bounded(AbstractTransform):
    """low < θ < high, θ = low + (high − low) / (1 + exp(−φ)).

    **Arguments:**

    - `low`, `high`: bounds.
    """

    low: float = eqx.field(static=True)
    high: float = eqx.field(static=True)

    def __check_init__(self):
        if not self.low < self.high:
            raise ValueError(f"`low` must be less than `high`, got {self.low} and {self.high}.")

    def forward(self, phi):
        """Return low + (high − low) σ(φ)."""
        return self.low + (self.high - self.low) * jax.nn.sigmoid(phi)

    def inverse(self, theta):
        """Return the logit of θ's place between the bounds."""
        if not np.all((np.asarray(theta) > self.low) & (np.asarray(theta) < self.high)):
            raise ValueError(f"A parameter bounded by {self.low} and {self.high} cannot start at {theta}.")
        return jax.scipy.special.logit((theta - self.low) / (self.high - self.low))


class Parameter(eqx.Module):
    """One sought number, or an array of them.

    **Arguments:**

    - `name`: what it is called in reports.
    - `where`: function that picks it out of the problem, `lambda solid: solid.material.c10`.
    - `start`: initial value; None to take the problem's own.
    - `transform`: `Positive()`, `Bounded(low, high)` or `Scaled(scale)`; None for `Scaled` by the initial magnitude.
    """

    name: str = eqx.field(static=True)
    where: Callable[[PyTree], Array] = eqx.field(static=True)
    start: Array | float | None = None
    transform: AbstractTransform | None = None


class Parametrisation:
    """Several parameters of one problem as a single real vector φ.

    **Arguments:**

    - `parameters`: sequence of `Parameter` with distinct names.
    - `problem`: the problem they are parameters of.
    """

    def __init__(self, parameters, problem):
        names = [p.name for p in parameters]
        if not names:
            raise ValueError("`parameters` is empty: nothing is sought.")
        if len(set(names)) < len(names):
            raise ValueError(f"`parameters` must have distinct names, got {names}.")
        self.parameters = tuple(parameters)
        self.starts, self.transforms = [], []
        for p in parameters:
            current = p.where(problem)
            if not eqx.is_inexact_array(current):
                raise ValueError(f"Parameter {p.name!r} picks {current!r}, which is not a floating array.")
            start = current if p.start is None else jnp.broadcast_to(jnp.asarray(p.start, current.dtype), current.shape)
            if not np.all(np.isfinite(start)):
                raise ValueError(f"Parameter {p.name!r} starts at {start}: it must be finite.")
            size = float(np.max(np.abs(start)))
            self.starts.append(start)
            self.transforms.append(Scaled(size if size > 0 else 1.0) if p.transform is None else p.transform)
        self.splits = np.cumsum([s.size for s in self.starts])

    @property
    def names(self) -> list[str]:
        """A name for every scalar: "c10", or "k[3]" for entries of arrays."""
        found = []
        for p, s in zip(self.parameters, self.starts):
            found += [p.name] if s.ndim == 0 else [f"{p.name}[{i}]" for i in range(s.size)]
        return found

    @property
    def start(self) -> Array:
        """φ at the start."""
        return jnp.concatenate([jnp.ravel(t.inverse(s)) for t, s in zip(self.transforms, self.starts)])

    def values(self, phi: Array) -> list[Array]:
        """Return each parameter's θ."""
        parts = jnp.split(phi, self.splits[:-1])
        return [t.forward(p).reshape(s.shape) for t, p, s in zip(self.transforms, parts, self.starts)]

    def flat(self, phi: Array) -> Array:
        """Return θ as one vector."""
        return jnp.concatenate([v.ravel() for v in self.values(phi)])

    def apply(self, problem: PyTree, phi: Array) -> PyTree:
        """Return the problem with these parameters put in."""
        for p, value in zip(self.parameters, self.values(phi)):
            problem = eqx.tree_at(p.where, problem, value.astype(p.where(problem).dtype))
        return problem
