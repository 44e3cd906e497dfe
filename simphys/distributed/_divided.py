"""A problem on a mesh that is divided among devices, as a root problem like any other."""

import dataclasses
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import lineax as lx
from jax.sharding import Mesh

from .._trees import norm
from .._typing import Array, Int
from ..assembly import NodePairs, assemble
from ..fem import density_at_points
from ..implicit import AbstractRootProblem, Evaluated
from ._multigrid import DividedMultigrid
from ._operator import DividedMatrix
from ._parameters import Parameters, with_changes
from ._restriction import as_rows
from ._rows import DividedRows
from ._sharded import on_parts


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
    """Matrix blocks of each term with a tangent, that of what is stored last."""
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

    @property
    def level(self) -> DividedRows:
        """Rows of the matrix, and who tells whom what."""
        return self.multigrid.levels[0]

    def residual(self, y, args=None):
        """Return the residual of the nodes that each part owns."""
        return self.evaluate(y, args).residual

    def evaluate(self, y, args=None):
        """Return it with √Σ|r_e|² and the energy, summed over parts."""
        return self.flow(self.value(y))

    def flow(self, value) -> Evaluated:
        """Return R at a field, prescribed values included."""
        return self._summed(_flow, value)

    def storage(self, value) -> Evaluated:
        """Return S at a field."""
        return self._summed(_storage, value)

    def jacobian(self, y, args=None):
        """Return the assembled tangent, every part with its own rows."""
        return self.tangent((1.0, self, "flow", self.value(y)))

    def tangent(self, *shares: tuple[Any, "Divided", str, Array]) -> DividedMatrix:
        """Return the matrix Σ c ∂R/∂u, every part with its own rows.

        **Arguments:**

        - `shares`: of each c, the problem of R, which of its terms ("flow" or "stored"), and u.
        """
        looked_at = [(p.parameters, getattr(p, f"{which}_pairs"), u) for _, p, which, u in shares]
        kinds = [which for _, _, which, _ in shares]
        dtype, parts = shares[0][3].dtype, self.nodes.shape[0]
        factors = [jnp.broadcast_to(jnp.asarray(c, dtype), (parts,)) for c, *_ in shares]
        blocks = lambda level, factors, each: _tangent(level, factors, each, kinds, self.blocks)
        found = on_parts(self.devices, blocks, self.level, factors, looked_at)
        return DividedMatrix(self.multigrid, found, self.devices, frozenset([lx.symmetric_tag]))

    @property
    def flow_pairs(self) -> tuple[Int[Array, "part item a b"], ...]:
        """Matrix blocks of the terms of R."""
        return self.pairs[: len(self.pairs) - len(self.parameters.stored)]

    @property
    def stored_pairs(self) -> tuple[Int[Array, "part item a b"], ...]:
        """Matrix blocks of what is stored."""
        return self.pairs[len(self.pairs) - len(self.parameters.stored) :]

    def switches(self, y, args=None):
        """Return the switching functions of all terms at their quadrature points."""
        return self.switches_at(self.value(y))

    def switches_at(self, value, which: str = "flow") -> tuple[Array, ...]:
        """Return those of R or S at a field."""
        kinked = [_kinked(term) for term in getattr(self.parameters, which)]
        if not any(kinked):
            return ()
        found = on_parts(self.devices, lambda *own: _switches(*own, which), self.level, self.parameters, value)
        return tuple(s for s in found if s is not None)

    def _summed(self, function, value):
        residual, sizes, energy = on_parts(self.devices, function, self.level, self.parameters, value)
        return Evaluated(residual, norm(sizes), None if energy is None else jnp.sum(energy))

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

    def sizes(self, y):
        """Return displacements as large as positions, for laws of finite strain."""
        seen = self.parameters.seen
        return None if seen is None else jnp.abs(self.value(y)) + seen

    def unloaded(self):
        """Return the problem without loads and with prescribed values 0."""
        return dataclasses.replace(self, parameters=with_changes(self.rest, self.parameters))

    @property
    def _free(self):
        return self.level.free[:, : self.level.diagonal.shape[1]]


def _kinked(term):
    return not (term.switches is None or term.linear or term.constant)


def _seen(level, parameters, own):
    """The values of all nodes of a part's cells, from those of its own nodes."""
    return level.seen(own, parameters.space.components is None)


def _collected(level, forces, own):
    return jnp.where(level.free[: own.shape[0]], level.nodes.collect(as_rows(forces)), 0)


def _flow(level, parameters, own):
    space, values = (parameters.space,), (_seen(level, parameters, own),)
    (forces,), (size,), energy = assemble(space, parameters.flow, values)
    _, (floor,), _ = assemble(space, parameters.gauges, values)
    residual = _collected(level, forces, own) - jnp.where(level.free[: own.shape[0]], parameters.forces, 0)
    if energy is not None:
        energy = energy - jnp.vdot(parameters.forces, own)
    return residual, (size, floor, norm(parameters.forces)), energy


def _storage(level, parameters, own):
    space, values = (parameters.space,), (_seen(level, parameters, own),)
    (forces,), (size,), energy = assemble(space, parameters.stored, values)
    _, (floor,), _ = assemble(space, parameters.stored_gauges, values)
    return _collected(level, forces, own), (size, floor), energy


def _tangent(level, factors, looked_at, kinds, count):
    total = 0
    for factor, (parameters, pairs, own), which in zip(factors, looked_at, kinds, strict=True):
        values, side = _seen(level, parameters, own), own.shape[1]
        sums = {(0, 0): jnp.zeros((count, side * side), own.dtype)}
        moving = [term for term in getattr(parameters, which) if not term.constant]
        for term, numbers in zip(moving, pairs, strict=True):
            sums = term.add_tangents((parameters.space,), (values,), ((NodePairs(numbers, None, None),),), sums)
        total = total + factor * sums[0, 0].reshape(count, side, side)
    return level.complete(total)


def _switches(level, parameters, own, which):
    values, found = _seen(level, parameters, own), []
    for term in getattr(parameters, which):
        if not _kinked(term):
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
