"""Root problems to be solved and differentiated: a dense one, one of two fields in different units, one on a mesh."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys.fem import CellField, Dirichlet, FunctionSpace, rectangle
from simphys.materials import IsotropicConduction, Polynomial
from simphys.physics import Convection, Heat, Source


_A = jnp.asarray(np.random.default_rng(0).standard_normal((4, 4)) + 5 * np.eye(4))
_B = jnp.asarray(np.random.default_rng(1).standard_normal((4, 3)))


class Case(eqx.Module):
    """θ ↦ problem, and a scalar loss of its solution's value."""

    def problem(self, theta):
        raise NotImplementedError

    def loss(self, theta, **options):
        return self.reduce(sp.solve(self.problem(theta), **options).value)


class Dense(Case):
    """A y + θ₀ y³ = B sin θ, unsymmetric."""

    size = 3

    def problem(self, theta):
        return sp.RootProblem(jax.tree_util.Partial(self.residual, theta), guess=jnp.zeros(4))

    @staticmethod
    def residual(theta, y, args):
        return _A @ y + theta[0] * y**3 - _B @ jnp.sin(theta)

    def reduce(self, y):
        return jnp.sum(jnp.arange(1.0, 5.0) * y**2)


class TwoFields(Case):
    """A pressure p (2, 2) in Pa, of some 1e6, and a gap g (3,) in m, of some 1e-9, that depend on each other."""

    size = 3

    def problem(self, theta):
        guess = dict(p=jnp.ones((2, 2)), g=jnp.zeros(3))
        return sp.RootProblem(
            jax.tree_util.Partial(self.residual, theta),
            guess=guess,
            scale=dict(p=jnp.array(1e6), g=jnp.array(1e-9)),
        )

    @staticmethod
    def residual(theta, y, args):
        p, g = y["p"] / 1e6, y["g"] * 1e9
        mean = jnp.mean(p)
        p = 1e6 * (p + 0.1 * theta[0] * p**3 + 0.2 * g[0] - theta[1] * jnp.arange(1.0, 5.0).reshape(2, 2))
        g = 1e-9 * (2 * g + jnp.tanh(g * mean) - theta[2] * jnp.arange(3.0) - 0.3 * mean)
        return dict(p=p, g=g)

    def reduce(self, y):
        return jnp.sum((y["p"] / 1e6) ** 2) + jnp.sum(jnp.arange(3.0) * (y["g"] * 1e9) ** 3)


_SPACE = FunctionSpace(rectangle((3, 2)))
_FRAME = Heat(
    _SPACE,
    IsotropicConduction(k=Polynomial([1.0, 0.5, 0.2])),
    [Dirichlet("left", 1.0)],
    [Source(CellField(jnp.ones(6))), Convection("right", 2.0, 0.3)],
)


class OnMesh(Case):
    """Heat conduction with k(T): an unsymmetric sparse tangent, solved by a direct solver."""

    size = 3

    def problem(self, theta):
        where = lambda heat: (heat.material.k.coefficients, heat.loads[0].value.values, heat.loads[1].h)
        coefficients = jnp.stack([jnp.ones(()), theta[0], theta[0] ** 2])
        return eqx.tree_at(where, _FRAME, (coefficients, theta[1] * jnp.arange(6.0), theta[2]))

    def reduce(self, y):
        return jnp.mean(y**2) + y[-1]


THETA = jnp.array([0.7, 1.3, 0.9])
CASES = {"dense": Dense(), "two fields": TwoFields(), "mesh": OnMesh()}


def check_derivatives(f, x, d, e, *, h=1e-4, rtol=1e-7, atol=0.0):
    """Compare both modes of the first and second derivative of f at x, along d and e, with differences."""

    @jax.jit
    def everything(x):
        value, jvp = jax.jvp(f, (x,), (d,))
        gradient, hvp = jax.jvp(jax.grad(f), (x,), (d,))
        reverse = jax.grad(lambda x: jnp.vdot(jax.grad(f)(x), e))(x)
        return value, jvp, gradient, hvp, reverse

    # (One program for the differences, too: its compilation is what counts.)
    _, jvp, gradient, hvp, reverse = everything(x)
    ends = {k: everything(x + k * h * d) for k in (-2, -1, 1, 2)}
    differences = lambda i: (8 * (ends[1][i] - ends[-1][i]) - (ends[2][i] - ends[-2][i])) / (12 * h)
    expected = differences(0)
    np.testing.assert_allclose(jvp, expected, rtol=1e-8)
    np.testing.assert_allclose(jnp.vdot(gradient, d), expected, rtol=1e-8)
    np.testing.assert_allclose(hvp, differences(2), rtol=rtol, atol=atol)
    np.testing.assert_allclose(jnp.vdot(reverse, d), jnp.vdot(hvp, e), rtol=1e-8)
