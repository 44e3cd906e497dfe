"""A problem on a mesh that is divided among devices, as a root problem like any other."""

import dataclasses
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import lineax as lx
from jax.sharding import Mesh

from .._trees import norm
from .._typing import Array, Float, Int
from ..assembly import NodePairs, assemble
from ..fem import FunctionSpace, Integral, density_at_points
from ..implicit import AbstractRootProblem, Evaluated
from ._multigrid import DividedMultigrid
from ._operator import DividedMatrix
from ._restriction import as_rows
from ._sharded import on_parts


class Parameters(eqx.Module):
    """What of a divided problem depends on the problem's parameters: arrays with a leading axis for parts."""

    space: FunctionSpace
    flow: tuple[Integral, ...]
    gauges: tuple[Integral, ...]
    given: Float[Array, "part node c"]
    """Prescribed values, 0 elsewhere."""
    forces: Float[Array, "part node c"]


class Divided(AbstractRootProblem):
    """F(û) = 0 of a body whose cells are divided among devices; made by `Parts.divide`.

    Each part assembles its own cells, asks its neighbours for the values of nodes that they own, and hands them their
    share of residuals and matrix rows. All else (Newton's method, line search, continuation, certificates, adjoints) is
    what every root problem gets; all parts compute the same numbers of it, so that they agree on status and steps.

    Values are (part, node, component), of the nodes that a part owns and 0 in empty places; `Parts.whole` puts them
    together.
    """

    parameters: Parameters
    rest: Parameters
    """What differs in the unloaded problem; None in all other places."""
    multigrid: DividedMultigrid
    pairs: tuple[Int[Array, "part item a b"], ...]
    """Matrix blocks of each term with a tangent."""
    nodes: Int[Array, "part node"]
    """Numbers of the nodes that parts own in the whole; behind the last in empty places."""
    blocks: int = eqx.field(static=True)
    """Places for matrix blocks that a part makes."""
    devices: Mesh = eqx.field(static=True)
    raises: ClassVar[bool] = False

    @property
    def linear(self):
        """Whether every term is."""
        return all(term.linear or term.constant for term in self.parameters.flow)

    def residual(self, y, args=None):
        """Return the residual of the nodes that each part owns."""
        return self.evaluate(y, args).residual

    def evaluate(self, y, args=None):
        """Return it with √Σ|r_e|² and the energy, summed over parts."""
        residual, sizes, energy = on_parts(self.devices, _evaluated, self.multigrid.levels[0], self.parameters, y)
        return Evaluated(residual, norm(sizes), None if energy is None else jnp.sum(energy))

    def jacobian(self, y, args=None):
        """Return the assembled tangent, every part with its own rows."""
        level = self.multigrid.levels[0]
        tangent = lambda level, p, pairs, y: _tangent(level, p, pairs, y, self.blocks)
        blocks = on_parts(self.devices, tangent, level, self.parameters, self.pairs, y)
        return DividedMatrix(self.multigrid, blocks, self.devices, frozenset([lx.symmetric_tag]))

    def switches(self, y, args=None):
        """Return the switching functions of all terms at their quadrature points."""
        terms = [t for t in self.parameters.flow if t.switches is not None and not (t.linear or t.constant)]
        if not terms:
            return ()
        found = on_parts(self.devices, _switches, self.multigrid.levels[0], self.parameters, y)
        return tuple(s for s in found if s is not None)

    def unknowns(self, guess):
        """Return the free values of a guess, of the whole or divided; or 0."""
        given = self.parameters.given
        if guess is None:
            return jnp.zeros_like(given)
        if jnp.shape(guess) != given.shape:
            count = jnp.shape(guess)[0] if jnp.ndim(guess) else 0
            if jnp.size(guess) != count * given.shape[-1] or jnp.ndim(guess) == 0:
                raise ValueError(
                    f"`guess` must have shape {given.shape}, or that of the whole, got {jnp.shape(guess)}."
                )
            flat = jnp.reshape(guess, (count, given.shape[-1]))
            guess = flat.at[self.nodes].get(mode="fill", fill_value=0)
        return jnp.where(self._free, guess - given, 0)

    def value(self, y):
        """Return the field at the nodes that each part owns."""
        return jnp.where(self._free, y, 0) + self.parameters.given

    def unloaded(self):
        """Return the problem without loads and with prescribed values 0."""
        return dataclasses.replace(self, parameters=with_changes(self.rest, self.parameters))

    @property
    def _free(self):
        level = self.multigrid.levels[0]
        return level.free[:, : level.diagonal.shape[1]]


def with_changes(changes: Parameters, parameters: Parameters) -> Parameters:
    """Return parameters with others in some places, None in the rest of `changes`."""
    arrays, other = eqx.partition(parameters, eqx.is_array)
    return eqx.combine(changes, arrays, other)


def _fields(level, parameters, y):
    """The values of a part's own nodes, and of all nodes of its cells."""
    own = jnp.where(level.free[: y.shape[0]], y, 0) + parameters.given
    local = level.nodes.spread(own)
    return own, local if parameters.space.components is not None else local[:, 0]


def _evaluated(level, parameters, y):
    own, values = _fields(level, parameters, y)
    space = (parameters.space,)
    (forces,), (size,), energy = assemble(space, parameters.flow, (values,))
    _, (floor,), _ = assemble(space, parameters.gauges, (values,))
    residual = level.nodes.collect(as_rows(forces)) - parameters.forces
    residual = jnp.where(level.free[: y.shape[0]], residual, 0)
    if energy is not None:
        energy = energy - jnp.vdot(parameters.forces, own)
    return residual, (size, floor, norm(parameters.forces)), energy


def _tangent(level, parameters, pairs, y, count):
    _, values = _fields(level, parameters, y)
    side = y.shape[1]
    sums = {(0, 0): jnp.zeros((count, side * side), y.dtype)}
    moving = [term for term in parameters.flow if not term.constant]
    for term, numbers in zip(moving, pairs, strict=True):
        sums = term.add_tangents((parameters.space,), (values,), ((NodePairs(numbers, None, None),),), sums)
    return level.complete(sums[0, 0].reshape(count, side, side))


def _switches(level, parameters, y):
    _, values = _fields(level, parameters, y)
    found = []
    for term in parameters.flow:
        if term.switches is None or term.linear or term.constant:
            continue
        looked_at = dataclasses.replace(term, energy=term.switches)
        values_at, measure = density_at_points(looked_at, (parameters.space,), (values,))
        if values_at is None:
            continue
        there = term.domain.take(term.parameters[0].values) > 0
        there = there.reshape(-1, *(1,) * (values_at.ndim - 1))
        # Copies of cells say nothing: 1 is far from a kink.
        found.append(jnp.where(there, values_at, 1))
    return tuple(found)
