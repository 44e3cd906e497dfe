"""Bodies of fluid whose velocity is prescribed all around: the level of their pressure, and the volume that comes in."""

import jax.numpy as jnp
import numpy as np
import scipy.sparse as sps
from scipy.sparse.csgraph import connected_components

from .._trees import any_traced
from .._typing import Array
from ..assembly import AbstractConstraint, assemble, build_reduction
from ..fem import Dirichlet, Integral, cells_of
from ._held import cell_edges
from ._named import Named, several


LARGEST_NET_FLUX = 1e-2
"""Of what passes the boundary: interpolated profiles are not exactly balanced."""


def with_level(spaces, constraints) -> tuple[tuple[AbstractConstraint, ...] | Named, tuple, tuple[Array, ...]]:
    """Return constraints with those that fix the level of a pressure that nothing else does.

    Velocity and pressure are the first two of the spaces. Beside them, for each of those pressures the node that was taken
    and whether each node is one of its body; and the latter for every body whose velocity is prescribed all around.

    **Raises:** `ValueError` if the prescribed velocity of such a body brings in a net volume.
    """
    given = several("constraints", constraints, AbstractConstraint, "constraints")
    constraints = tuple(c.resolved(spaces[c.field]) for c in given)
    pair, own = spaces[:2], tuple(c for c in constraints if c.field < 2)
    reduction = build_reduction(pair, own)
    found = _enclosed(pair, reduction, own)
    held = tuple((node, inside) for node, inside in found if node is not None)
    closed = tuple(jnp.asarray(inside) for _, inside in found)
    if not any_traced(constraints):
        for inside in closed:
            net, total, rounding = map(float, _through(pair, reduction, own, inside))
            if abs(net) > max(LARGEST_NET_FLUX * total, rounding):
                raise ValueError(
                    f"The velocity is prescribed all around, and brings in a net volume of {-net:.3g} per time (of "
                    f"{total:.3g} that pass the boundary): no incompressible flow does. Leave an outlet free."
                )
    pins = tuple(Dirichlet([node], 0.0, field=1).resolved(spaces[1]) for node, _ in held)
    every = (*constraints, *pins)
    if isinstance(given, Named):
        every = Named(every, (*given.names, *(f"level of the pressure {k + 1}" for k in range(len(pins)))))
    return every, held, closed


def what_flows_in(problem) -> dict:
    """Return for the `closed` bodies of a flow whether what is prescribed brings in no net volume, as its `relations`."""
    holds = []
    for inside in problem.closed:
        net, total, rounding = _through(problem.spaces, problem.system.reduction, problem.constraints, inside)
        holds.append(jnp.abs(net) <= jnp.maximum(LARGEST_NET_FLUX * total, rounding))
    return {"what flows in flows out": holds} if holds else {}


def _enclosed(spaces, reduction, constraints):
    """For each part of the mesh with ∫ div w dV = 0 for all w that vanish where the velocity is prescribed: a node whose
    pressure stands for all, None if one is prescribed, and whether each node is one of the part."""
    pressure = spaces[1]
    n = pressure.n_nodes
    count, part = _connected(*spaces[:2])
    owned = ~reduction.fixed()[reduction.offsets[1] :]
    leading = np.zeros(n, bool)
    leading[np.asarray(reduction.representative)[reduction.sizes[0] :] - reduction.offsets[1]] = True
    found = []
    for body in range(count):
        inside = part == body
        flows = _divergence(spaces, jnp.asarray(inside))
        free = reduction.reduce((flows, pressure.zeros()), spaces, constraints)
        rounding = float(jnp.finfo(flows.dtype).eps) ** 0.6
        if float(jnp.max(jnp.abs(free), initial=0.0)) > rounding * float(jnp.max(jnp.abs(flows))):
            continue
        found.append((int(np.flatnonzero(inside & leading)[0]) if owned[inside].all() else None, inside))
    return found


def _connected(velocity, pressure):
    """Number of parts of the mesh, and the one of each pressure: cells are of one part where a velocity is of both."""
    n, size = pressure.n_nodes, pressure.n_nodes + velocity.n_nodes
    first = [np.concatenate([np.asarray(b.cells)[:, 0] for b in space.blocks]) for space in (pressure, velocity)]
    both = np.stack([first[0], n + first[1]])
    links = np.concatenate([cell_edges(pressure), n + cell_edges(velocity), both], axis=1)
    graph = sps.coo_array((np.ones(links.shape[1]), tuple(links)), shape=(size, size))
    names, part = np.unique(connected_components(graph, directed=False)[1][:n], return_inverse=True)
    return len(names), part


def _through(spaces, reduction, constraints, inside):
    """∫ div v dV of the prescribed velocity, Σ of the sizes of its nodes' shares, and how much of it may be rounding.

    The spaces are all that the constraints are on; velocity and pressure come first.
    """
    flows = _divergence(spaces[:2], inside)
    speed = reduction.prescribed(spaces, constraints, flows.dtype)[: flows.size]
    through = flows.ravel() * speed
    rounding = jnp.finfo(flows.dtype).eps ** 0.6 * jnp.sum(jnp.abs(flows)) * jnp.max(jnp.abs(speed))
    return jnp.sum(through), jnp.sum(jnp.abs(through)), rounding


def _divergence(spaces, inside):
    """∫ div w dV over a part, for every basis function w, of the velocity's shape."""
    term = Integral(cells_of(spaces[0]), _flow, None, fields=(0, 1), slots=("gradient", "value"))
    return assemble(spaces, (term,), (spaces[0].zeros(), inside.astype(spaces[0].mesh.points.dtype)))[0][0]


def _flow(fields, point, parameters):
    dim = fields[0].gradient.shape[0]
    return (None, fields[1].value * jnp.eye(dim, dtype=fields[1].value.dtype)), (None, None)
