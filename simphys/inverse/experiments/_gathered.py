"""Jacobians with respect to maps: what the value of each cell does to the forces of its element, found for all at once.

∂F/∂θ_i = G_iᵀ ∂r_i/∂θ_i for θ_i of cell i: forces of one element alone depend on it, so one tangent along Σ e_i holds
the derivatives by all of them, where a tangent for each cell would visit all elements each time.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..._hidden import compiled
from ..._typing import Array
from ...fem import CellField
from ...implicit import Implicit, Verify, checked_solve, solve
from ...physics import AbstractBalance
from ..parameters import Parametrisation
from ._description import made
from ._experiment import AbstractExperiment
from ._load_steps import LoadSteps


COLUMNS = 128
"""Right-hand sides that are solved at a time: bounds memory."""
FEW = 16
"""Predictions of an observation up to which its derivatives are found by rows."""


@functools.singledispatch
def gathered_jacobian(
    experiment: AbstractExperiment, parameters: Parametrisation, phi: Array, evaluation
) -> Array | None:
    """Return ∂residuals/∂φ where that is cheaper than a tangent for each entry of φ; None elsewhere."""
    return None


@gathered_jacobian.register
def _(experiment: LoadSteps, parameters, phi, evaluation):
    maps = maps_of(parameters, experiment.problem)
    own = np.zeros(phi.shape[0], bool)
    for part in maps:
        own[part] = True
    others = np.flatnonzero(~own)
    whole = isinstance(experiment.adjoint, Implicit) and evaluation.memory[2] is None
    if not maps or others.size > COLUMNS or not whole:
        return None
    slopes, eye = [], jnp.eye(phi.shape[0], dtype=phi.dtype)
    for step, value in enumerate(evaluation.memory[1]):
        found, good = _by_cells(experiment, parameters, phi, *experiment.known(value, step), _Maps(maps))
        if not bool(good):
            return None
        slopes.append(found)
    jacobian = experiment.weighted(slopes)
    if others.size:
        rest = experiment.push(parameters, phi, evaluation, eye[:, others])
        jacobian = jacobian.at[:, others].set(rest)
    return jacobian


def maps_of(parameters: Parametrisation, problem) -> list[slice]:
    """Return the parts of φ that are maps, one entry for each cell of a body of one type of cells."""
    count, found = _cells_in(problem), []
    if count is None:
        return []
    by_cell = lambda x: isinstance(x, CellField)
    arrays = [field.values for field in jax.tree.leaves(problem, is_leaf=by_cell) if by_cell(field)]
    is_map = lambda part: by_cell(part) or any(part is values for values in arrays)
    for k, (p, transform) in enumerate(zip(parameters.parameters, parameters.transforms, strict=True)):
        part = parameters.part(k)
        entries = parameters.starts[k].shape == (count,) and part.stop - part.start == count
        if entries and transform.pointwise() and all(map(is_map, p.where(problem))):
            found.append(part)
    return found


def _cells_in(problem) -> int | None:
    """How many cells a body has, or one that is made of numbers; None for one of several types of cells, or no body."""

    def count(problem):
        body = made(problem)
        if not isinstance(body, AbstractBalance) or any(len(t.pieces(body.spaces)) > 1 for t in body.terms().flow):
            return None
        return _Static(body.spaces[0].mesh.n_cells)

    found = eqx.filter_eval_shape(count, problem)
    return None if found is None else found.number


class _Static(eqx.Module):
    """A number that tracing leaves alone."""

    number: int = eqx.field(static=True)


class _Maps:
    """Parts of φ as a static argument."""

    def __init__(self, parts):
        self.parts = tuple((part.start, part.stop) for part in parts)

    def __eq__(self, other):
        return isinstance(other, _Maps) and self.parts == other.parts

    def __hash__(self):
        return hash(self.parts)


@compiled
def _by_cells(experiment, parameters, phi, value, loads, settings, maps):
    """Derivatives of the predictions of one step, of each observation by all maps, and whether these are all there is."""
    at = lambda phi: experiment.loaded(parameters.apply(experiment.problem, phi), loads)
    problem = at(phi)
    places, rates, good = _rates(at, problem, phi, value, maps)
    known = solve(problem, value, method=Verify(rtol=1e-3), adjoint=experiment.adjoint, throw=False)
    y = problem.unknowns(value)
    operator, residual = problem.jacobian(y), problem.residual(y)
    predictions = [_Prediction(at, o, s, phi, value) for o, s in zip(experiment.observations, settings, strict=True)]
    lift = lambda t: jax.jvp(problem.value, (y,), (t,))[1]
    count = maps.parts[0][1] - maps.parts[0][0]
    width = min(COLUMNS, count)

    def some(where):
        number, first = where
        columns = _columns(problem, places, [r[number] for r in rates], first, width)
        probe = jnp.zeros(1, phi.dtype)
        ask = lambda c: checked_solve(
            operator, jax.tree.map(jnp.negative, c), probe, residual, known.certificate.converged,
            experiment.adjoint, False, y,
        )  # fmt: skip
        moved = jax.vmap(lambda c: lift(ask(c)))(columns)
        starts = jnp.asarray([start for start, _ in maps.parts])
        entries = jnp.minimum(starts[number] + first + jnp.arange(width), phi.shape[0] - 1)
        return [p.along(entries, moved) for p in predictions]

    starts = np.arange(0, count, width)
    numbers = np.repeat(np.arange(len(maps.parts)), len(starts))
    found = jax.lax.map(some, (jnp.asarray(numbers), jnp.asarray(np.tile(starts, len(maps.parts)))))

    def placed(slope):
        """(block, column, …) as (…, entry of φ), the others 0."""
        each = slope.reshape(len(maps.parts), -1, *slope.shape[2:])[:, :count]
        whole = jnp.zeros((phi.shape[0], *slope.shape[2:]), slope.dtype)
        for part, own in zip(maps.parts, each, strict=True):
            whole = whole.at[slice(*part)].set(own)
        return jnp.moveaxis(whole, 0, -1)

    return tuple(placed(slope) for slope in found), good


def _rates(at, problem, phi, value, maps):
    """What each item of each term contributes by the value of its cell, (map, item, local, component), and where.

    One more tangent, along a random direction, tells whether it is the value of their own cell alone.
    """
    values = value if isinstance(problem.space, tuple) else (value,)
    spaces = problem.spaces

    def forces(phi):
        return [term.local(spaces, values)[0] for term in at(phi).terms().flow]

    terms = problem.terms().flow
    probe = np.random.default_rng(0).uniform(0.5, 1.5, phi.shape[0])
    seeds = np.zeros((len(maps.parts) + 1, phi.shape[0]))
    for k, part in enumerate(maps.parts):
        seeds[k, slice(*part)] = 1.0
    seeds[-1] = probe * seeds.sum(axis=0)
    found = jax.vmap(lambda seed: jax.jvp(forces, (phi,), (seed,))[1])(jnp.asarray(seeds, phi.dtype))
    places, rates, good = [], [], jnp.ones((), bool)
    for term, of_term in zip(terms, found, strict=True):
        cells = _cells_of(term, spaces)
        for f, nodes, rate in zip(term.fields, term.unknowns(spaces), of_term, strict=True):
            own = rate[:-1]
            if cells is None:
                good = good & jnp.all(rate == 0)
                continue
            factors = jnp.stack([jnp.asarray(probe, phi.dtype)[slice(*part)][cells] for part in maps.parts])
            wanted = jnp.sum(factors.reshape(*factors.shape, *(1,) * (own.ndim - 2)) * own, axis=0)
            largest = lambda x: jnp.max(jnp.abs(x), initial=0)
            good = good & (largest(wanted - rate[-1]) <= _slack(phi) * largest(rate))
            places.append((f, cells, nodes))
            rates.append(own)
    return places, rates, good


def _slack(phi):
    return float(jnp.finfo(phi.dtype).eps) ** 0.5


def _cells_of(term, spaces):
    """The cell of each item, or None where an item has none, or two."""
    domain = getattr(term, "domain", None)
    if domain is None or getattr(domain, "two_sided", True):
        return None
    return domain.take(jnp.arange(spaces[0].mesh.n_cells))


def _columns(problem, places, rates, first, width):
    """∂F/∂θ_i of so many cells from the first on, as unknowns, one cell after the other."""
    spaces = problem.spaces
    totals = [jnp.zeros((width, *s.shape), rates[0].dtype) for s in spaces]
    for (f, cells, nodes), rate in zip(places, rates, strict=True):
        rate = rate[..., 0] if spaces[f].components is None else rate
        row = jnp.where((cells >= first) & (cells < first + width), cells - first, width)
        totals[f] = totals[f].at[row[:, None], nodes].add(rate, mode="drop")
    reduce = lambda fields: problem.split(problem.system.reduction.reduce(fields, spaces, problem.constraints))
    return jax.vmap(reduce)(tuple(totals))


class _Prediction:
    """Derivatives of what an observation predicts, by the entries of φ and by the value of the solution."""

    def __init__(self, at, observation, setting, phi, value):
        self.function = lambda phi, value: observation.predict(at(phi), value, setting)
        self.at = phi, value
        found, back = jax.vjp(self.function, *self.at)
        self.rows = None
        if found.size <= FEW:
            eye = jnp.eye(found.size, dtype=found.dtype).reshape(found.size, *found.shape)
            self.shape, self.rows = found.shape, jax.vmap(back)(eye)

    def along(self, entries, moved):
        """Return the derivatives, (column, …): by an entry of φ each, with which the solution moves."""
        if self.rows is not None:
            by_phi, by_value = self.rows
            total = by_phi[:, entries].T
            for rows, t in zip(jax.tree.leaves(by_value), jax.tree.leaves(moved), strict=True):
                total = total + t.reshape(t.shape[0], -1) @ rows.reshape(rows.shape[0], -1).T
            return total.reshape(-1, *self.shape)
        unit = lambda entry: (jnp.arange(self.at[0].shape[0]) == entry).astype(self.at[0].dtype)
        return jax.vmap(lambda entry, t: jax.jvp(self.function, self.at, (unit(entry), t))[1])(entries, moved)
