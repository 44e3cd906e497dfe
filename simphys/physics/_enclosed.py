"""Bodies of fluid whose velocity is prescribed all around: the level of their pressure, and the volume that comes in."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sps
from scipy.sparse.csgraph import connected_components

from .._trees import any_traced
from .._typing import Array
from ..assembly import AbstractConstraint, assemble, build_reduction
from ..fem import Dirichlet, Integral, cells_of, known_nodes
from ._held import cell_edges
from ._named import Named, several
from ._weak_velocity import WeakVelocity, weak_velocities


LARGEST_NET_FLUX = 1e-2
"""Of what passes the boundary: interpolated profiles are not exactly balanced."""


def with_level(
    spaces, constraints, weak: tuple[WeakVelocity, ...] = ()
) -> tuple[tuple[AbstractConstraint, ...] | Named, tuple, tuple[Array, ...]]:
    """Return constraints with those that fix the level of a pressure that nothing else does.

    Velocity and pressure are the first two of the spaces, `weak` velocities that are given weakly. Beside them, for each of
    those pressures the node that was taken and whether each node is one of its body; and the latter for every body whose
    velocity is prescribed all around.

    **Raises:** `ValueError` if the prescribed velocity of such a body brings in a net volume.
    """
    known_nodes(spaces[1], "A flow")
    given = several("constraints", constraints, AbstractConstraint, "constraints")
    constraints = tuple(c.resolved(spaces[c.field]) for c in given)
    pair, own = spaces[:2], tuple(c for c in constraints if c.field < 2)
    reduction = build_reduction(pair, own)
    found = _enclosed(pair, reduction, own, weak)
    held = tuple((node, inside) for node, inside in found if node is not None)
    closed = tuple(jnp.asarray(inside) for _, inside in found)
    if not any_traced((constraints, weak)):
        for inside in closed:
            net, total, rounding = map(float, _through(pair, reduction, own, weak, inside))
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
    holds, weak = [], weak_velocities(problem.loads)
    for inside in problem.closed:
        net, total, rounding = _through(problem.spaces, problem.system.reduction, problem.constraints, weak, inside)
        holds.append(jnp.abs(net) <= jnp.maximum(LARGEST_NET_FLUX * total, rounding))
    return {"what flows in flows out": holds} if holds else {}


def _enclosed(spaces, reduction, constraints, weak):
    """For each part of the mesh with ∫ div w dV = 0 for all w that vanish where the velocity is prescribed, less ∫ w·n dA
    where it is given weakly: a node whose pressure stands for all, None if one is prescribed, and whether each node is one
    of the part."""
    pressure = spaces[1]
    n = pressure.n_nodes
    count, part = _connected(*spaces[:2])
    owned = ~reduction.fixed()[reduction.offsets[1] :]
    leading = np.zeros(n, bool)
    leading[np.asarray(reduction.representative)[reduction.sizes[0] :] - reduction.offsets[1]] = True
    rows, columns, numbers = reduction.entries()
    weights = reduction.known_weights(spaces, constraints)[numbers]
    rounding = float(jnp.finfo(spaces[0].mesh.points.dtype).eps) ** 0.6
    found = []
    for body in range(count):
        inside = part == body
        with jax.ensure_compile_time_eval():  # while a program is traced the answer is still one of the mesh
            flows, all_round = (np.asarray(_divergence(spaces, held, jnp.asarray(inside))) for held in (weak, ()))
        free, own = np.zeros(reduction.size), rows < flows.size
        np.add.at(free, columns[own], weights[own] * flows.ravel()[rows[own]])
        if np.max(np.abs(free), initial=0.0) > rounding * np.max(np.abs(all_round)):
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


def _through(spaces, reduction, constraints, weak, inside):
    """∫ div v dV of the prescribed velocity, Σ of the sizes of its nodes' shares, and how much of it may be rounding.

    The spaces are all that the constraints are on; velocity and pressure come first.
    """
    flows = _divergence(spaces[:2], weak, inside)
    speed = reduction.prescribed(spaces, constraints, flows.dtype)[: flows.size]
    through = flows.ravel() * speed
    net, total = jnp.sum(through), jnp.sum(jnp.abs(through))
    rounding = jnp.finfo(flows.dtype).eps ** 0.6 * jnp.sum(jnp.abs(flows)) * jnp.max(jnp.abs(speed))
    for load in weak:
        own, area = load.through(spaces[:2], inside)
        net, total = net + jnp.sum(own), total + jnp.sum(jnp.abs(own))
        rounding = rounding + jnp.finfo(flows.dtype).eps ** 0.6 * jnp.sum(jnp.abs(area))
    return net, total, rounding


def _divergence(spaces, weak, inside):
    """∫ div w dV over a part, less ∫ w·n dA where it is given weakly, for all basis functions, of the velocity's shape."""
    inside = inside.astype(spaces[0].mesh.points.dtype)
    term = Integral(cells_of(spaces[0]), _flow, None, fields=(0, 1), slots=("gradient", "value"))
    terms = (term, *(load.outward(spaces) for load in weak))
    return assemble(spaces, terms, (spaces[0].zeros(), inside))[0][0]


def _flow(fields, point, parameters):
    dim = fields[0].gradient.shape[0]
    return (None, fields[1].value * jnp.eye(dim, dtype=fields[1].value.dtype)), (None, None)
