"""Which numbers of a problem are sought, and in which coordinates."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ..._told import Told
from ..._typing import Any, Array, Callable, PyTree
from ...fem import AbstractField
from ._pick import Pick, parts_of
from ._transforms import AbstractTransform, Scaled


class Parameter(Told):
    """One sought number, or an array of them, or a field, or all weights of a network.

    **Arguments:**

    - `name`: what it is called in reports.
    - `where`: function that picks it out of the problem, `lambda solid: solid.material.c10`: an array, a field
      (`CellField`, `NodalField`, `QuadratureField`), or a list of these, all of which then have one value; or a module,
      `lambda solid: solid.material.network`: all its floating arrays, as one vector.
    - `start`: initial value; None to take the problem's own.
    - `transform`: `Positive()`, `Bounded(low, high)`, `Scaled(scale)`, `Ordered(scale)`, `Simplex()`; for fields also
      `Basis` and `NeuralField`; None for `Scaled` by the initial magnitude.
    """

    name: str = eqx.field(static=True)
    where: Callable[[PyTree], Any] = eqx.field(static=True)
    start: Array | float | None = None
    transform: AbstractTransform | None = None

    def count(self, problem: PyTree) -> int:
        """Return how many numbers are sought."""
        return int(np.size(_values(parts_of(self.where, problem)[0])))


def _values(part):
    """What is sought of a part: the array itself, a field's values, a network's weights."""
    if isinstance(part, AbstractField):
        return part.values
    return ravel_pytree(eqx.filter(part, eqx.is_inexact_array))[0] if _is_network(part) else part


def _is_network(part):
    return isinstance(part, eqx.Module) and not isinstance(part, AbstractField)


def _with(part, value):
    """The part with other values."""
    if isinstance(part, AbstractField):
        return eqx.tree_at(lambda field: field.values, part, value.astype(part.values.dtype))
    if not _is_network(part):
        return value.astype(part.dtype)
    free, fixed = eqx.partition(part, eqx.is_inexact_array)
    weights, back = ravel_pytree(free)
    return eqx.combine(back(value.astype(weights.dtype)), fixed)


class Parametrisation(Told):
    """Several parameters of one problem as a single real vector φ.

    **Arguments:**

    - `parameters`: sequence of `Parameter` with distinct names.
    - `problem`: the problem they are parameters of.
    """

    parameters: tuple[Parameter, ...]
    starts: tuple[Array, ...]
    transforms: tuple[AbstractTransform, ...]
    splits: tuple[int, ...] = eqx.field(static=True)
    networks: bool = eqx.field(static=True)

    def __init__(self, parameters, problem):
        names = [p.name for p in parameters]
        if not names:
            raise ValueError("`parameters` is empty: nothing is sought.")
        if len(set(names)) < len(names):
            raise ValueError(f"`parameters` must have distinct names, got {names}.")
        starts = [_start(p, problem) for p in parameters]
        transforms = []
        for p, start in zip(parameters, starts, strict=True):
            size = float(np.max(np.abs(start)))
            transforms.append(Scaled(size if size > 0 else 1.0) if p.transform is None else p.transform)
        sizes = [t.inverse(s).size for t, s in zip(transforms, starts, strict=True)]
        # Starts are kept as arrays: compiled functions take a parametrisation as an argument.
        self.parameters = tuple(
            dataclasses.replace(p, where=_pick(p, problem), start=None, transform=None) for p in parameters
        )
        self.starts, self.transforms = tuple(starts), tuple(transforms)
        self.splits = (0, *np.cumsum(sizes).tolist())
        # Whether there are weights among them, which mean nothing one by one.
        self.networks = any(_is_network(part) for p in parameters for part in parts_of(p.where, problem))

    @property
    def names(self) -> list[str]:
        """A name for every number sought: "c10", or "k[3]" for entries of arrays."""
        found = []
        for p, s in zip(self.parameters, self.starts, strict=True):
            found += [p.name] if s.ndim == 0 else [f"{p.name}[{i}]" for i in range(s.size)]
        return found

    @property
    def coordinates(self) -> list[str]:
        """A name for every entry of φ: that of the number, or "k~3" where coordinates are not numbers one by one."""
        found = []
        for p, s, first, last in zip(self.parameters, self.starts, self.splits, self.splits[1:], strict=False):
            mark = ("[", "]") if last - first == s.size else ("~", "")
            found += [p.name] if s.ndim == 0 else [f"{p.name}{mark[0]}{i}{mark[1]}" for i in range(last - first)]
        return found

    @property
    def size(self) -> int:
        """Number of entries of φ."""
        return self.splits[-1]

    def reach(self) -> np.ndarray:
        """Return for every entry of φ how far a step may go: logarithms that jump lose what the data tell of the others."""
        sizes = np.diff(self.splits)
        parts = [t.reach(int(size)) for t, size in zip(self.transforms, sizes, strict=True)]
        return np.concatenate(parts)

    def number(self, name: str) -> int:
        """Return the number of a parameter; raise `ValueError` if there is none of this name."""
        names = [p.name for p in self.parameters]
        if name not in names:
            raise ValueError(f"No parameter {name!r}; there are {', '.join(map(repr, names))}.")
        return names.index(name)

    def part(self, number: int) -> slice:
        """Return the entries of φ that belong to a parameter."""
        return slice(self.splits[number], self.splits[number + 1])

    @property
    def start(self) -> Array:
        """φ at the start."""
        return jnp.concatenate([jnp.ravel(t.inverse(s)) for t, s in zip(self.transforms, self.starts, strict=True)])

    def values(self, phi: Array) -> list[Array]:
        """Return each parameter's θ."""
        parts = [phi[self.part(i)] for i in range(len(self.parameters))]
        return [t.forward(p).reshape(s.shape) for t, p, s in zip(self.transforms, parts, self.starts, strict=True)]

    def flat(self, phi: Array) -> Array:
        """Return θ as one vector."""
        return jnp.concatenate([v.ravel() for v in self.values(phi)])

    def apply(self, problem: PyTree, phi: Array) -> PyTree:
        """Return the problem with these parameters put in."""
        for p, value in zip(self.parameters, self.values(phi), strict=True):
            problem = p.where.put(problem, [_with(part, value) for part in p.where(problem)])
        return problem


def _pick(p, problem):
    try:
        return Pick(p.where, problem)
    except ValueError as error:
        raise ValueError(f"Parameter {p.name!r}: {error}") from None


def _start(p, problem):
    """The initial value, in the shape of what is picked."""
    leaves = [_values(part) for part in parts_of(p.where, problem)]
    for leaf in leaves:
        if not eqx.is_inexact_array(leaf) or not leaf.size:
            raise ValueError(f"Parameter {p.name!r} picks {leaf!r}, which is not a floating array.")
    current = leaves[0]
    if any(leaf.shape != current.shape for leaf in leaves):
        shapes = ", ".join(str(leaf.shape) for leaf in leaves)
        raise ValueError(f"Parameter {p.name!r} picks arrays of different shapes: {shapes}.")
    given = current.shape if p.start is None else np.shape(p.start)
    if given not in ((), current.shape):
        raise ValueError(f"Parameter {p.name!r} starts at an array of shape {given}; it picks one of {current.shape}.")
    start = current if p.start is None else jnp.broadcast_to(jnp.asarray(p.start, current.dtype), current.shape)
    if not np.all(np.isfinite(start)):
        raise ValueError(f"Parameter {p.name!r} starts at {start}: it must be finite.")
    return start
