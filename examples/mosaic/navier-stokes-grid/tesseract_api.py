"""Flow of the Mosaic benchmark by simphys, in two and three dimensions: staggered, explicit, projected.

∂v/∂t + v·∇v = −∇p + ν ∇²v,   ∇·v = 0
"""

import math

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from grid_schemas import Inputs, Outputs

import simphys as sp
from simphys import grids


MOST = 1e9
"""Bytes of stages that are kept for the adjoint; beyond, steps are repeated from √steps checkpoints."""


class InputSchema(Inputs):
    """Inputs of the benchmark."""


class OutputSchema(Outputs):
    """Outputs of the benchmark."""


def build(inputs):
    """Return the problem; viscosity, profile and resistance are put in later."""
    *cells, dim = inputs["v0"].shape
    cells, extent = tuple(cells[:dim]), inputs["domain_extent"]
    steps = np.array([extent / n for n in cells])
    # What is given stands at multiples of the step: these are the centres of the cells.
    grid = grids.Grid.uniform(cells, -steps / 2, extent - steps / 2)
    body = None if inputs["obstacle"] is None else obstacle(inputs["obstacle"], extent, steps.min())
    return grids.NavierStokes(grid, 1.0, sides(grid, inputs), body=body)


def sides(grid, inputs):
    """Return the conditions; a profile that enters makes the other end an opening."""
    found, profile = {}, inputs["inflow_profile"]
    for pair, axis in zip(grid.sides, "xyz", strict=False):
        for name, end in zip(pair, ("lo", "hi"), strict=True):
            found[name] = condition(inputs["boundary_conditions"][f"{axis}_{end}"], f"{axis}_{end}")
    if profile is not None:
        if grid.dimension != 2 or profile.shape != grid.shape[1:]:
            raise ValueError(f"`inflow_profile` must have shape {grid.shape[1:]}, in 2-D, got {profile.shape}.")
        found["left"] = grids.Inflow(np.ones(profile.shape))
        if isinstance(found["right"], grids.Periodic):
            found["right"] = grids.Outflow()
    return found


def condition(side, name):
    """Return what holds on one side."""
    kind, value = str(getattr(side["type"], "value", side["type"])), side["value"]
    if kind == "dirichlet" and value is not None:
        return tuple(grids.Dirichlet(v) for v in value)
    known = {"periodic": grids.Periodic, "no_slip": grids.Wall, "dirichlet": grids.Wall}
    known["neumann"] = lambda: grids.Outflow(enters=True)
    if kind not in known:
        raise ValueError(f"`{name}` must be one of {sorted(known)}, got {kind!r}.")
    return known[kind]()


def obstacle(given, extent, step):
    """Return the body, of a thickness of its surface of a cell."""
    kind, centre = str(getattr(given["shape"], "value", given["shape"])), np.array(given["center"]) * extent
    if kind == "cylinder":
        return grids.Body(grids.Ball(centre, given["radius"] * extent), 1.0, step / 2)
    return grids.Body(grids.Box(centre, np.array(given["half_widths"]) * extent), 1.0, step / 2)


def shifted(v, axis, sign):
    """Return a periodic array half a step further along an axis, by its Fourier series."""
    n = v.shape[axis]
    phase = jnp.exp(1j * sign * np.pi * np.arange(n // 2 + 1) / n)
    phase = phase.reshape(tuple(-1 if a == axis else 1 for a in range(v.ndim)))
    return jnp.fft.irfft(phase * jnp.fft.rfft(v, axis=axis), n, axis=axis)


def at_faces(space, c, v):
    """Return a component at its faces, of what stands at centres."""
    if space.periodic(c):
        return shifted(v, c, -1)
    padded = jnp.pad(v, [(1, 1) if a == c else (0, 0) for a in range(v.ndim)], mode="edge")
    n = padded.shape[c]
    part = lambda i, j: padded[tuple(slice(i, j) if a == c else slice(None) for a in range(v.ndim))]
    return (part(0, n - 1) + part(1, n)) / 2


def at_centres(space, velocity):
    """Return the components at centres."""
    cells = space.at_cells(velocity)
    each = enumerate(velocity.components)
    return [shifted(v, c, 1) if space.periodic(c) else cells[c].values for c, v in each]


def pushed(problem, u, p):
    """Return the force on the fluid along x as the benchmark sums it up: negative where the fluid goes along x.

    Over the fluid cells whose neighbour along x lies within the body, of its pressure and speed.
    """
    grid = problem.space.grid
    within = problem.body.distance(*grid.points()) < 0
    ahead, behind = ~within & jnp.roll(within, -1, 0), ~within & jnp.roll(within, 1, 0)
    each = p * grid.spacings[1][0] - problem.viscosity * u
    return jnp.sum(jnp.where(behind, each, 0) - jnp.where(ahead, each, 0))


def simulate(problem, inputs):
    """Return the outputs."""
    v0, steps, dt = inputs["v0"], inputs["steps"], inputs["dt"][0]
    dim = v0.shape[-1]
    problem = eqx.tree_at(lambda p: p.viscosity, problem, inputs["viscosity"][0])
    if problem.body is not None:
        problem = eqx.tree_at(lambda p: p.body.resistance, problem, 200 / dt)
    if inputs["inflow_profile"] is not None:
        profile = inputs["inflow_profile"][None]
        problem = eqx.tree_at(lambda p: p.space.sides[0].pairs[0][0].value, problem, profile)
    space, size = problem.space, 3 * 8 * math.prod(problem.space.grid.shape) * (dim + 1)
    start = [at_faces(space, c, v0[..., c].reshape(space.grid.shape)) for c in range(dim)]
    seen = lambda t, flow, now: pushed(now, at_centres(now.space, flow.velocity)[0], flow.pressure.values)
    found = sp.stepping.march(
        sp.stepping.RK3(),
        problem,
        space.field(start),
        dt * jnp.arange(steps + 1, dtype=v0.dtype),
        checkpoints=None if steps * size < MOST else math.isqrt(steps - 1) + 1,
        observe=None if problem.body is None or dim == 3 else seen,
        save=None,
    )
    result = jnp.stack(at_centres(space, found.final.u.velocity), -1).reshape(v0.shape)
    late = 0.0 if found.observed is None else jnp.mean(found.observed[-max(1, steps // 2) :])
    return {"result": result, "drag": jnp.reshape(jnp.asarray(late, result.dtype), (1,))}


def shapes(inputs):
    """Return the shapes of outputs."""
    return {"result": (inputs["v0"].shape, "float32"), "drag": ((1,), "float32")}


ENDPOINTS = sp.tesseract.of_function(simulate, InputSchema, OutputSchema, prepare=build, shapes=shapes)


def apply(inputs: InputSchema) -> OutputSchema:
    """March."""
    return ENDPOINTS.apply(inputs)


def vector_jacobian_product(inputs, vjp_inputs, vjp_outputs, cotangent_vector):
    """One adjoint sweep."""
    return ENDPOINTS.vector_jacobian_product(inputs, vjp_inputs, vjp_outputs, cotangent_vector)


def jacobian_vector_product(inputs, jvp_inputs, jvp_outputs, tangent_vector):
    """One march of the tangent."""
    return ENDPOINTS.jacobian_vector_product(inputs, jvp_inputs, jvp_outputs, tangent_vector)


def jacobian(inputs, jac_inputs, jac_outputs):
    """One adjoint sweep for each number of the outputs."""
    return ENDPOINTS.jacobian(inputs, jac_inputs, jac_outputs)


def abstract_eval(abstract_inputs):
    """Shapes alone."""
    return ENDPOINTS.abstract_eval(abstract_inputs)
