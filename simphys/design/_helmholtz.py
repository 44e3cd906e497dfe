"""A filter that is itself a boundary value problem."""

import equinox as eqx
import jax.numpy as jnp

from .._check import positive
from .._typing import PyTree
from ..assembly import System
from ..fem import CellField, FunctionSpace, Integral, Mesh, NodalField, cells_of, density_at_points
from ..implicit import solve
from ..physics import AbstractBalance, Terms, build
from ._filters import AbstractFilter


class _Smoothing(AbstractBalance):
    """∫ r² ∇ρ̃·∇v + (ρ̃ − ρ) v dV = 0, with no flux through the boundary."""

    space: FunctionSpace
    constraints: tuple
    loads: tuple
    source: CellField
    length: PyTree
    system: System

    def __init__(self, mesh: Mesh, length):
        self.space, self.constraints, self.loads = FunctionSpace(mesh, mesh.degree), (), ()
        self.source, self.length = CellField(jnp.zeros(mesh.n_cells, mesh.points.dtype)), jnp.asarray(length)
        _, self.system = build((self.space,), (), self.terms())

    def terms(self):
        """The one term."""
        return Terms((Integral(_points(self.space), _weak, (self.source, self.length), _energy, linear=True),))


def _points(space):
    return cells_of(space, degree=space.mass_degree)


def _weak(fields, point, parameters):
    source, length = parameters
    return ((fields[0].value - source, length**2 * fields[0].gradient),)


def _energy(fields, point, parameters):
    source, length = parameters
    gradient, value = fields[0].gradient, fields[0].value
    return length**2 * jnp.vdot(gradient, gradient) / 2 + value * value / 2 - source * value


class HelmholtzFilter(AbstractFilter):
    """The solution of a Helmholtz equation, averaged over each cell; it needs no list of neighbours.

    −r² Δρ̃ + ρ̃ = ρ,   ∂ρ̃/∂n = 0,   r = R / (2 √3)

    The volume is kept exactly, with passive regions and all. Its matrix is the same in every iteration, and so is its
    factor (in space: its multigrid hierarchy).

    **Arguments:**

    - `mesh`: the mesh.
    - `radius`: R, a length: that of the `ConeFilter` which smooths alike.

    Reference: B. S. Lazarov, O. Sigmund, International Journal for Numerical Methods in Engineering 86 (2011) 765–781.
    """

    problem: _Smoothing

    def __init__(self, mesh, radius):
        self.problem = _Smoothing(mesh, float(positive("radius", radius)) / (2 * 3**0.5))

    def __call__(self, values):
        problem = eqx.tree_at(lambda p: p.source.values, self.problem, values)
        smooth = solve(problem).value
        space = problem.space
        integral = Integral(_points(space), _weak, NodalField(smooth), _given, slots=("value",))
        density, measure = density_at_points(integral, (space,), (smooth,))
        return jnp.sum(density * measure, axis=1) / jnp.sum(measure, axis=1)

    def gradient(self, values, gradient):
        """The gradient itself."""
        return gradient


def _given(fields, point, value):
    return value
