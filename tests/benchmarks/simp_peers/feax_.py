"""simp in FEAX: `python feax_.py simp SIZE`, beside the `common.py` of the peers' folder."""

import time

import feax as fe
import jax
import jax.numpy as jnp
import numpy as np
from _densities import densities, young
from common import Timer, args, report


_, N = args()
timer = Timer()


class Cantilever(fe.Problem):
    """Linear elasticity with a Young's modulus for each element, and a traction on one face."""

    def get_tensor_map(self):
        """σ(∇u, E)."""

        def stress(gradient, E):
            mu, lam = E / 2.6, E * 0.3 / (1.3 * 0.4)
            strain = 0.5 * (gradient + gradient.T)
            return lam * jnp.trace(strain) * jnp.eye(3) + 2 * mu * strain

        return stress

    def get_surface_maps(self):
        """A traction of −1 in z; FEAX adds surface terms to the residual with this sign."""
        return [lambda u, x, *rest: jnp.array([0.0, 0.0, 1.0])]


def box():
    """Nodes with x slowest, and hexahedra in VTK's order, z fastest."""
    axes = [np.linspace(0, length, n + 1) for length, n in ((2.0, 2 * N), (1.0, N), (1.0, N))]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    i = np.arange(len(points)).reshape(2 * N + 1, N + 1, N + 1)
    corners = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)]
    part = lambda at, n: slice(at, at + n)
    cells = [i[part(a, 2 * N), part(b, N), part(c, N)].ravel() for a, b, c in corners]
    return points, np.stack(cells, 1)


started = time.perf_counter()
points, cells = box()
mesh = fe.mesh.Mesh(jnp.asarray(points), jnp.asarray(cells), ele_type="HEX8")
right = lambda p: jnp.isclose(p[0], 2.0, atol=1e-6)
problem = Cantilever(mesh, vec=3, dim=3, location_fns=[right])
held = fe.DirichletBCConfig([fe.DirichletBCSpec(lambda p: jnp.isclose(p[0], 0.0, atol=1e-6), "all", 0.0)]).create_bc(
    problem
)
rho = jnp.asarray(densities(N).ravel())
parameters = lambda rho: fe.TracedParams(volume_vars=(young(rho),))
structure = fe.TracedStructure.from_problem(problem)
options = fe.AMGSolverOptions(near_nullspace="rigid_body", solver="cg", tol=1e-10)
solver = fe.create_solver(
    problem,
    held,
    solver_options=options,
    linear=True,
    traced_params=parameters(rho),
    traced_structure=structure,
    return_solution=False,
)
guess = fe.zero_like_initial_guess(problem, held)
half = lambda x: np.where(np.isclose(x, 0) | np.isclose(x, 1), 0.5, 1.0)
force = np.zeros_like(points)
at = np.isclose(points[:, 0], 2.0)
force[at, 2] = -half(points[at, 1]) * half(points[at, 2]) / N**2
force = jnp.asarray(force.ravel())
t_setup = time.perf_counter() - started

run = jax.jit(lambda rho: solver(parameters(rho), guess, traced_structure=structure))
value_and_grad = jax.jit(jax.value_and_grad(lambda rho: force @ run(rho)))
timer.run("f", lambda: jax.block_until_ready(run(rho)))
loss, slope = timer.run("g", lambda: jax.block_until_ready(value_and_grad(rho)))
first, warm = timer.t["g"]
report(
    "feax",
    "simp",
    N,
    points.size,
    t_setup,
    *timer.t["f"],
    t_grad=warm,
    t_grad_first=first,
    check=loss,
    grad_check=jnp.linalg.norm(slope),
)
