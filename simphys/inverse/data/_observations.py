"""What was measured, where, and how well."""

import abc
import dataclasses
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..._check import finite, indices, positive
from ..._hidden import on_host
from ..._told import Told
from ..._typing import Array, PyTree
from ...errors import Enrichment
from ...fem import Domain, FunctionSpace, Sensors, facets_of
from ...physics import AbstractBalance
from ._tables import numbers_in


class AbstractObservation(Told):
    """Measurements that a solution predicts, one set for each load step."""

    name: eqx.AbstractVar[str]
    measured: eqx.AbstractVar[Array]
    noise: eqx.AbstractVar[Array | None]

    @abc.abstractmethod
    def predict(self, problem: AbstractBalance, value: PyTree, setting: PyTree) -> Array:
        """Return what is measured, of the shape of `measured[step]`; `setting` is that of the step."""

    @abc.abstractmethod
    def setting(self, step: int) -> PyTree:
        """Return what `predict` needs to know of a step."""

    def enriched(self, enrichment: Enrichment) -> "AbstractObservation":
        """Return the same observation of the problem on richer spaces; itself unless it knows of nodes."""
        return self


@dataclasses.dataclass(frozen=True)
class Outside:
    """What was done with positions outside the body: "drop" or "nearest", how many, and the largest distance from it."""

    treatment: str
    points: int
    farthest: float

    def __str__(self):
        where = f"{self.points} position{'s' if self.points > 1 else ''} up to {self.farthest:.3g} outside the body"
        return f"{where}, {'left out' if self.treatment == 'drop' else 'read at the nearest point'}"


class PointValues(AbstractObservation):
    """Values of the field at points: displacements from images, temperatures from thermocouples.

    **Arguments:**

    - `space`: the problem's function space, that of the field.
    - `positions`: (point, dim), or (step, point, dim) if they differ from step to step. They, `measured` and `noise` may be
      named columns as well, a dictionary of arrays or a DataFrame (`data[["x", "y"]]`), taken in their order.
    - `measured`: (step, point, component), or (step, point) for a scalar field; without the step axis for one step.
    - `noise`: standard deviation, a number or an array of `measured`'s shape; None if unknown: it is then estimated from
      the residuals, which must be all of one kind.
    - `components`: which components were measured; by default all.
    - `field`: which field of a problem of several.
    - `outside`: what to do with positions outside the mesh: "refuse" them; "drop" them, with their measurements (where
      positions differ from step to step and the noise is stated, in the steps in which they are outside, else in all); or
      take the "nearest" point. How many there were is counted in reports.
    - `name`: for reports.
    """

    sensors: Sensors
    measured: Array
    noise: Array | None
    components: tuple[int, ...] | None = eqx.field(static=True)
    field: int = eqx.field(static=True)
    moving: bool = eqx.field(static=True)
    name: str = eqx.field(static=True)
    outside: Outside | None = eqx.field(static=True)

    @on_host("A measurement")
    def __init__(
        self,
        space: FunctionSpace,
        positions,
        measured,
        noise,
        *,
        components=None,
        field=0,
        outside="refuse",
        name="field",
    ):
        space = _space(space)
        positions, measured = numbers_in("positions", positions), numbers_in("measured", measured)
        noise = None if noise is None else numbers_in("noise", noise)
        positions = positions[:, None] if positions.ndim == 1 else positions
        trailing = 1 + len(space.value_shape)
        measured = measured[None] if measured.ndim == trailing else measured
        self.moving = positions.ndim == 3
        if measured.ndim != trailing + 1 or measured.shape[1] != positions.shape[-2]:
            raise ValueError(
                f"`measured` has shape {measured.shape}, but there are {positions.shape[-2]} positions"
                f"{' and a vector field' if space.value_shape else ''}."
            )
        if self.moving and positions.shape[0] != measured.shape[0]:
            raise ValueError(f"{positions.shape[0]} sets of positions, but {measured.shape[0]} of measurements.")
        positions, measured, noise, self.outside = _kept(space, positions, measured, noise, outside)
        treatment = "refuse" if self.outside is None else "nearest"
        sensors = space.locate(positions.reshape(-1, positions.shape[-1]), outside=treatment)
        if self.moving:
            shape = positions.shape[:2]
            sensors = jax.tree.map(lambda a: a.reshape(*shape, *a.shape[1:]), sensors)
        self.sensors, self.field, self.name = sensors, field, name
        self.components = None if components is None else _of(space.value_shape, "components", components)
        self.measured, self.noise = checked_data(name, measured, noise)

    def setting(self, step):
        """The sensors of the step."""
        return jax.tree.map(lambda a: a[step], self.sensors) if self.moving else self.sensors

    def predict(self, problem, value, setting):
        """Evaluate the field at the sensors."""
        found = problem.spaces[self.field].evaluate(_field(value, self.field), setting)
        return found if self.components is None else found[:, jnp.asarray(self.components)]


class Resultant(AbstractObservation):
    """The force (heat flow) that enters the body through a group of constrained nodes.

    **Arguments:**

    - `space`: the problem's function space.
    - `where`: name of the group.
    - `measured`: (step,) or a number; or (step, component).
    - `noise`: standard deviation, a number or an array of `measured`'s shape; None if unknown.
    - `component`: which component was measured; None for all (or for a scalar field).
    - `field`: which field of a problem of several.
    - `name`: for reports.
    """

    nodes: Array
    measured: Array
    noise: Array | None
    component: int | None = eqx.field(static=True)
    field: int = eqx.field(static=True)
    name: str = eqx.field(static=True)
    where: str = eqx.field(static=True)

    @on_host("A measurement")
    def __init__(self, space: FunctionSpace, where, measured, noise, *, component=None, field=0, name="resultant"):
        space = _space(space)
        self.nodes, self.component = jnp.asarray(space.nodes_on(where)), _one_of(space.shape[1:], component)
        self.field, self.name, self.where = field, name, where
        self.measured, self.noise = checked_data(name, *_rows(measured, noise))

    def setting(self, step):
        """Nothing."""
        return None

    def enriched(self, enrichment):
        """The same group's nodes in the richer space."""
        nodes = enrichment.spaces[self.field].nodes_on(self.where)
        return eqx.tree_at(lambda o: o.nodes, self, jnp.asarray(nodes))

    def predict(self, problem, value, setting):
        """Sum the reactions."""
        total = problem.resultant(value, self.nodes, self.field)
        return total if self.component is None else total[self.component]


class FaceMean(AbstractObservation):
    """The mean of the field over a part of the surface: the travel of a clamp, the reading of a wide sensor.

    ū = ∫ u dA / ∫ dA

    **Arguments:**

    - `space`: the problem's function space.
    - `where`: name of a facet group.
    - `measured`: (step,) or a number; or (step, component).
    - `noise`: standard deviation, a number or an array of `measured`'s shape; None if unknown.
    - `component`: which component was measured; None for all (or for a scalar field).
    - `name`: for reports.
    """

    domain: Domain
    measured: Array
    noise: Array | None
    component: int | None = eqx.field(static=True)
    name: str = eqx.field(static=True)

    @on_host("A measurement")
    def __init__(self, space: FunctionSpace, where, measured, noise, *, component=None, name="face mean"):
        space = _space(space)
        self.domain, self.component, self.name = facets_of(space, where), _one_of(space.value_shape, component), name
        self.measured, self.noise = checked_data(name, *_rows(measured, noise))

    def setting(self, step):
        """Nothing."""
        return None

    def predict(self, problem, value, setting):
        """Integrate over the facets."""
        space = problem.spaces[0]
        geometry = self.domain.geometry(space.mesh)
        value = _field(value, 0)
        basis = self.domain.basis(space, geometry, "value").astype(value.dtype)
        weights = jnp.einsum("fqas,fq->fas", basis, geometry.measure) / jnp.sum(geometry.measure)
        mean = jnp.einsum("fas,fa...->...s", weights, value[self.domain.take(space.cells)])
        mean = mean if space.vectorial else mean[..., 0]
        return mean if self.component is None else mean[self.component]


def _rows(measured, noise):
    """What was measured in each step, and its noise; a column each for named ones."""
    return np.atleast_1d(numbers_in("measured", measured)), None if noise is None else numbers_in("noise", noise)


def _field(value, number):
    return value[number] if isinstance(value, tuple) else value


def _of(shape, name, components):
    return tuple(indices(name, components, math.prod(shape), mask=False).tolist())


def _one_of(shape, component):
    return None if component is None else _of(shape, "component", [component])[0]


def lost_points(observations) -> dict[str, Outside]:
    """Return what was done with positions outside the body, by the names of the observations that have some."""
    points = [o for o in observations if isinstance(o, PointValues)]
    return {o.name: o.outside for o in points if o.outside is not None}


def _kept(space, positions, measured, noise, outside):
    """Positions, measurements and noise without those that are dropped, and what was done."""
    if outside not in ("refuse", "drop", "nearest"):
        raise ValueError(f'`outside` must be "refuse", "drop" or "nearest", got {outside!r}.')
    flat = positions.reshape(-1, positions.shape[-1])
    out = np.zeros(len(flat), bool) if outside == "refuse" else ~space.contains(flat)
    if not out.any():
        return positions, measured, noise, None
    nearest = np.asarray(space.locate(flat[out], outside="nearest").positions)
    done = Outside(outside, int(out.sum()), float(np.linalg.norm(nearest - flat[out], axis=1).max()))
    if outside == "nearest":
        return positions, measured, noise, done
    out = out.reshape(positions.shape[:-1])
    if noise is not None:
        noise = np.array(np.broadcast_to(np.asarray(noise, float), measured.shape))
    alike = positions.ndim == 2 or bool(np.all(out == out[:1]))
    if noise is not None and not alike:
        noise[out] = np.inf
        return positions, measured, noise, done
    keep = ~(out.any(axis=0) if positions.ndim == 3 else out)
    if not keep.any():
        raise ValueError(f"All {keep.size} positions lie outside the body: nothing is left.")
    noise = None if noise is None else noise[:, keep]
    return positions[..., keep, :], measured[:, keep], noise, done


def _space(space) -> FunctionSpace:
    """Return a function space; `ValueError` for anything else, such as the problem itself."""
    if not isinstance(space, FunctionSpace):
        own = ": it is `problem.space`" if isinstance(space, AbstractBalance) else ""
        raise ValueError(f"`space` must be a FunctionSpace, that of the field, got {type(space).__name__}{own}.")
    return space


LARGEST = 1e140


def checked_data(name: str, measured, noise) -> tuple[Array, Array | None]:
    """Return measurements and noise as arrays of one shape; raise `ValueError` for NaN or noise that is none.

    Infinite noise leaves a measurement out: held-out data keep shapes, and so the compiled code, as they are.
    """
    finite(f"measured ({name})", measured)
    if noise is not None:
        noise = np.asarray(noise, float)
        stated = positive(f"noise ({name})", noise[~np.isposinf(noise)])
        if np.any((stated < 1 / LARGEST) | (stated > LARGEST)):
            worst = stated[np.argmax(np.abs(np.log(stated)))]
            raise ValueError(
                f"noise ({name}) must lie between {1 / LARGEST:g} and {LARGEST:g}, of which the squares are numbers, or be "
                f"infinite for what is to be left out, got {worst:g}."
            )
        noise = np.broadcast_to(noise, measured.shape)
    return jnp.asarray(measured), None if noise is None else jnp.asarray(noise)
