"""Problems with known solutions, irregular meshes, and the norms in which errors are measured."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.sparse.linalg import spsolve

from simphys.assembly import System
from simphys.fem import Domain, FunctionSpace, Integral, Mesh, box, cells_of, line, rectangle
from simphys.linalg import to_scipy
from simphys.physics import AbstractBalance, Terms
from simphys.physics._terms import build


CELLS = ("interval", "triangle", "quadrilateral", "tetrahedron", "hexahedron")


def grid(cell_type: str, n: int, degree: int = 1) -> Mesh:
    """The unit line, square or cube in n cells (blocks) a side; the whole boundary is the facet group `all`."""
    if cell_type == "interval":
        mesh = line(n, degree=degree)
    elif cell_type in ("triangle", "quadrilateral"):
        mesh = rectangle((n, n), cell_type=cell_type, degree=degree)
    else:
        mesh = box((n, n, n), cell_type=cell_type, degree=degree)
    return mesh.with_facet_group("all", lambda x: x[0] < jnp.inf)


def irregular(mesh: Mesh, amount: float, seed: int = 0) -> Mesh:
    """Move interior nodes at random by up to `amount`; quadratic cells become curved."""
    inside = np.all((np.asarray(mesh.points) > 1e-9) & (np.asarray(mesh.points) < 1 - 1e-9), axis=1)
    shift = np.random.default_rng(seed).uniform(-amount, amount, mesh.points.shape) * inside[:, None]
    groups = dict(facet_groups=mesh.facet_groups)
    return Mesh(np.asarray(mesh.points) + shift, mesh.cells, mesh.cell_type, mesh.degree, **groups)


class Poisson(AbstractBalance):
    """−∇·(k ∇u) = s, with the source a function of position."""

    space: FunctionSpace
    k: jax.Array
    constraints: tuple
    loads: tuple
    source: object = eqx.field(static=True)
    system: System

    def __init__(self, space, constraints, source=None, k=1.0):
        self.space, self.loads, self.source, self.k = space, (), source, jnp.asarray(k, dtype=float)
        self.constraints, self.system = build((space,), constraints, self.terms())

    def terms(self):
        """Diffusion and source."""
        inner = Integral(cells_of(self.space), _flux, self.k, _stored, slots=("gradient",))
        if self.source is None:
            return Terms((inner,))
        fine = cells_of(self.space, None, 2 * self.space.degree + 3)
        return Terms((inner, Integral(fine, self.source, None, None, slots=("value",), constant=True)))


def _flux(fields, point, k):
    return ((None, k * fields[0].gradient),)


def _stored(fields, point, k):
    return k / 2 * jnp.sum(fields[0].gradient ** 2)


@eqx.filter_jit
def _linearised(problem, y):
    return problem.value(y), problem.residual(y, None), problem.jacobian(y, None)


_start = eqx.filter_jit(lambda problem, guess: problem.unknowns(guess))


def newton_step(problem):
    """The field after one Newton step from 0, by SciPy: the solution of a linear problem, at little compile time."""
    return _linearised(problem, _stepped(problem, _start(problem, None))[0])[0]


def root(problem, guess=None, most=30):
    """The solution by Newton's own steps, for what is told of a law, not of `solve`: at a third of its compile time."""
    y = _start(problem, guess)
    for _ in range(most):
        y, step, size = _stepped(problem, y)
        if step <= 1e-11 * size:
            return _linearised(problem, y)[0]
    raise AssertionError(f"Newton's method has not ended within {most} steps")


def _stepped(problem, y):
    """What follows y, how far that is, and how large both are."""
    _, residual, jacobian = _linearised(problem, y)
    leaves, form = jax.tree.flatten(y)
    flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(residual)])
    step = spsolve(to_scipy(jacobian).tocsc(), flat)
    parts = np.split(step, np.cumsum([leaf.size for leaf in leaves])[:-1])
    moved = [np.asarray(leaf) - part.reshape(leaf.shape) for leaf, part in zip(leaves, parts, strict=True)]
    size = max(np.linalg.norm(leaf) for each in (leaves, moved) for leaf in each)
    return jax.tree.unflatten(form, moved), np.linalg.norm(step), size


def errors(space: FunctionSpace, u, exact) -> tuple[float, float]:
    """Return ‖u − exact‖ in L2 and |u − exact| in H1."""
    domain = Domain(None, None, 2 * space.degree + 4)

    # The space is an argument: as a constant, its tables would be folded at compile time, which takes seconds.
    @eqx.filter_jit
    def both(space, u):
        geometry = domain.geometry(space.mesh)
        basis = domain.basis(space, geometry, "both")
        columns = jnp.einsum("ea...,eqas->eq...s", u[space.cells], basis)
        flat = lambda a: a.reshape(*a.shape[:2], -1)
        at = lambda f: flat(jax.vmap(jax.vmap(f))(geometry.position))
        size = space.value_size
        wrong, steep = flat(columns[..., :size]) - at(exact), flat(columns[..., size:]) - at(jax.jacfwd(exact))
        norm = lambda e: jnp.sqrt(jnp.sum(jnp.sum(e**2, -1) * geometry.measure))
        return norm(wrong), norm(steep)

    return tuple(map(float, both(space, u)))
