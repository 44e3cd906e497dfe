"""Stress, strain and flux at nodes, recovered from where they are most accurate."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._check import finite
from .._hidden import compiled, on_host
from .._told import Told
from .._typing import Array, Callable, PyTree, Scalar
from ..fem import FunctionSpace, Recovery, Sensors, density_at_points
from ..physics import AbstractBalance, Quantity
from ._gradients import Gradients, with_gradients


class Recovered(Told):
    """A field at the nodes of Lagrange elements.

    **Attributes:**

    - `space`: scalars; continuous, or apart from cell to cell where the field jumps between regions.
    - `values`: (node, …).
    - `weights`: volume that each cell's points stand for, (cell, quad), by the rule of degree `degree`.
    """

    space: FunctionSpace
    values: Array
    recovery: Recovery
    weights: Array
    degree: int = eqx.field(static=True)

    def at(self, points: Array | Sensors) -> Array:
        """Return the values at positions (point, dim), or at `Sensors`, (point, …)."""
        return self.space.evaluate(self.values, points)

    def on(self, group: str) -> Array:
        """Return the values at the nodes of a group, in the order of `space.nodes_on(group)`."""
        return self.values[self.space.nodes_on(group)]

    def maximum(self, p: float | None = None) -> Scalar:
        r"""Return the largest value at a node; with p a mean that leans to it and that is differentiable everywhere.

        (∫ |f|^p dV / ∫ dV)^(1/p)

        The mean is below the maximum, by a factor that a larger p closes.

        **Raises:** `ValueError` for a field that is no scalar, and p < 1.
        """
        if self.values.ndim > 1:
            raise ValueError(f"A maximum is that of a scalar, this field has values of shape {self.values.shape[1:]}.")
        if p is None:
            return jnp.max(self.values)
        if not (isinstance(p, int | float) and p >= 1):
            raise ValueError(f"`p` must be a number ≥ 1, got {p!r}.")
        size = jnp.abs(self.recovery.at_quadrature(self.values, self.degree))
        # Powers of numbers of any unit overflow; the mean does not depend on what they are divided by.
        largest = jnp.maximum(jax.lax.stop_gradient(jnp.max(size)), jnp.finfo(size.dtype).tiny)
        mean = jnp.vdot((size / largest) ** p, self.weights) / jnp.sum(self.weights)
        return largest * mean ** (1 / p)


class Recoverer(eqx.Module):
    """What recovers a quantity at the nodes, of any problem of one structure; to be made before `jit`.

    **Arguments:**

    - `problem`: an `AbstractBalance`.
    - `quantity`: name of one of `problem.tensors()` or `problem.quantities()`; a `Quantity`; or a function of the first
      of the tensors (the stress in space, (3, 3); the flux, (dim,)) at a point. By default that tensor itself.
    - `within`: cell groups that the field may jump between; by default the parts of the body whose law has constants of
      its own (`CellField`, up to eight different ones).

    **Raises:** `ValueError` for a quantity that the problem does not have, or that has no values within cells, and for
    groups that overlap.
    """

    quantity: Quantity = eqx.field(static=True)
    gradients: Gradients

    @on_host("A recovery")
    def __init__(
        self,
        problem: AbstractBalance,
        quantity: str | Quantity | Callable | None = None,
        *,
        within: tuple[str, ...] | None = None,
    ):
        if not isinstance(problem, AbstractBalance):
            raise ValueError(f"`problem` must be a balance law on a mesh, got {type(problem).__name__}.")
        self.quantity = _quantity(problem, quantity)
        self.gradients = Gradients(problem, within)

    def __call__(self, problem: AbstractBalance, value: PyTree) -> Recovered:
        """Return the field of a solution; differentiable in it and in all of the problem. It may be on a richer space."""
        return _recovered(self.quantity, self.gradients.of(problem), problem, value)


class RecoveredValue(eqx.Module):
    """A recovered quantity as a goal of `estimate_error` and `adapt`: at a point, or its mean that leans to the maximum.

    **Arguments:**

    - `quantity`: as of a `Recoverer`, a scalar.
    - `at`: the point, (dim,); None for `Recovered.maximum(p)`.
    - `p`: 20 by default.
    """

    quantity: str | Quantity | Callable | None = eqx.field(static=True)
    at: tuple[float, ...] | None = eqx.field(static=True)
    p: float = eqx.field(static=True)
    made: tuple[Recoverer, Sensors | None] | None

    def __init__(self, quantity, at=None, *, p=20.0, made=None):
        self.quantity, self.p, self.made = quantity, p, made
        self.at = None if at is None else tuple(float(x) for x in np.atleast_1d(finite("at", np.asarray(at, float))))

    def placed(self, problem: AbstractBalance) -> "RecoveredValue":
        """Return it with its patches, and its point, found in the problem's mesh."""
        sensors = None if self.at is None else problem.spaces[0].locate(np.array([self.at]))
        return RecoveredValue(self.quantity, self.at, p=self.p, made=(Recoverer(problem, self.quantity), sensors))

    def __call__(self, problem, value):
        """Evaluate."""
        if self.made is None:
            raise ValueError("Call `placed(problem)` first: this goal has not been given a mesh.")
        recover, sensors = self.made
        field = recover(problem, value)
        return field.maximum(self.p) if sensors is None else field.at(sensors)[0]


def recovered(problem, value, quantity=None, *, within=None) -> Recovered:
    """Return stress, strain, flux or what follows from them as a field at the nodes.

    Means over cells, and values at quadrature points, are of a degree less than the solution. What is recovered from them
    is nearly as accurate as the solution itself, on the boundary too.

    **Arguments:**

    - `problem`, `value`: a balance law and its solution.
    - `quantity`, `within`: as of a `Recoverer`, which is to be made first where this is to run under `jit`.

    **Returns:** a `Recovered`; its `at`, `on` and `maximum` read it.

    Reference: O. C. Zienkiewicz, J. Z. Zhu, Int. J. Numer. Methods Eng. 33 (1992) 1331.
    """
    return Recoverer(problem, quantity, within=within)(problem, value)


@compiled
def _recovered(quantity, recoveries, problem, value) -> Recovered:
    recovery = recoveries[0]
    integral, spaces, fields = with_gradients(quantity.seen(problem), recoveries, problem, value, _in_place)
    there, weights = density_at_points(integral, spaces, fields)
    degree = integral.domain.degree
    values = recovery.from_quadrature(there, degree)
    values = values if quantity.read is None else jax.vmap(quantity.read)(values)
    return Recovered(recovery.shown, values, recovery, weights, degree)


def _in_place(integral, seen, point, parameters, gradients):
    """The density of what is seen, with other gradients."""
    replaced = (u if g is None else dataclasses.replace(u, gradient=g) for u, g in zip(seen, gradients, strict=True))
    return integral.energy(tuple(replaced), point, parameters)


def _quantity(problem, given) -> Quantity:
    tensors = problem.tensors()
    if given is None:
        return tensors[0]
    if isinstance(given, str):
        every = (*tensors, *problem.quantities())
        names = [q.name for q in every if q.seen is not None]
        given = next((q for q in every if q.name == given), given)
        if not isinstance(given, Quantity) or given.seen is None:
            name = given.name if isinstance(given, Quantity) else given
            raise ValueError(
                f"There is no {name!r} to be recovered here, there are: {', '.join(dict.fromkeys(names))}."
            )
        return given
    if isinstance(given, Quantity):
        if given.seen is None:
            raise ValueError(f"{given.name!r} has no values within cells (`seen`) that it is recovered from.")
        return given
    if not callable(given):
        raise ValueError(f"`quantity` must be a name, a `Quantity` or a function, got {given!r}.")
    return tensors[0]._replace(name=getattr(given, "__name__", "quantity"), read=given)
