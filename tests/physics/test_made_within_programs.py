"""Problems made while a program is traced: of a mesh that is known, of one that is not, and what then is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient

import simphys as sp
from simphys import grids, materials as mt, physics as ph
from simphys.fem import Dirichlet, FunctionSpace, Periodic, RigidTie, Slip, Weak, rectangle, taylor_hood


MESH = rectangle((3, 2), (1.0, 0.8))
GRID = grids.Grid.uniform((4, 4))


def both(t):
    return jnp.stack([t, 0 * t])


def law(t):
    return mt.PlaneStrain(mt.LinearElastic(E=t, nu=0.3))


def solid(mesh, t, held=None, loads=(), degree=1):
    held = [Dirichlet("left", 0.0), Dirichlet("right", both(t))] if held is None else held
    return ph.Solid(FunctionSpace(mesh, degree, components=2), law(t), held, [ph.Traction("top", both(t)), *loads])


def discontinuous(mesh, t):
    jumps = Weak(lambda u, at, p: (10 * p * u.jump, None), t, "interior")
    return ph.Balance(
        FunctionSpace(mesh, ("DG", 1)), [Weak(lambda u, at, p: (p * u.value - 1.0, u.gradient), t), jumps]
    )


def revolved(mesh, t):
    space = FunctionSpace(mesh, 2, components=2)
    material = mt.Axisymmetric(mt.LinearElastic(E=t, nu=0.3))
    return ph.Solid(space, material, [Dirichlet("bottom", (None, 0.0))], [ph.Pressure("left", t)])


def flow(mesh, t):
    return ph.NavierStokes(taylor_hood(mesh), t, t, [Dirichlet("all", 0.0)], [ph.BodyForce(both(t))])


def stokes(mesh, t):
    held = [Dirichlet("left", both(t)), Dirichlet("top", 0.0), Dirichlet("bottom", 0.0)]
    return ph.Stokes(taylor_hood(mesh), t, held)


def mixed(mesh, t):
    material = mt.PlaneStrain(mt.IsochoricNeoHooke(mu=t, kappa=10.0))
    return ph.MixedSolid(taylor_hood(mesh), material, [Dirichlet("left", 0.0), Dirichlet("right", both(t))])


def touching(mesh, t):
    contact = ph.Contact(["top", "bottom"], stiffness=1.0, reach=0.01)
    return solid(mesh, t, [Dirichlet("left", 0.0)], [contact])


MAKERS = {
    "solid": lambda mesh, t: solid(mesh, t, degree=2),
    "held by springs": lambda mesh, t: solid(mesh, t, [], [ph.ElasticSupport("left", 1.0)]),
    "slip": lambda mesh, t: solid(mesh, t, [Slip("left"), Slip("bottom")]),
    "rigid tie": lambda mesh, t: solid(mesh, t, [Dirichlet("left", 0.0), RigidTie("right", rotation=True)]),
    "periodic": lambda mesh, t: solid(mesh, t, [Periodic("bottom", "top", both(t)), Dirichlet([0], 0.0)]),
    "multigrid": lambda mesh, t: solid(mesh, t).with_multigrid(),
    "contact": touching,
    "discontinuous": discontinuous,
    "revolved": revolved,
    "mixed": mixed,
    "stokes": stokes,
    "flow": flow,
}
ASKS = {"slip", "rigid tie", "periodic", "multigrid", "contact", "stokes", "flow"}
"""Those that must know where nodes are."""


def residual(problem):
    return problem.residual(problem.unknowns(None))


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_made_within_a_program(name):
    """By parameters that are traced, on a mesh that is known: under `jit` and `vmap`. (Nothing is compiled.)"""
    shapes = jax.eval_shape(lambda t: residual(MAKERS[name](MESH, t)), jnp.asarray(0.9))
    lanes = jax.eval_shape(jax.vmap(lambda t: residual(MAKERS[name](MESH, t))), jnp.array([0.9, 1.0]))
    assert jax.tree.map(lambda x: (2, *x.shape), shapes) == jax.tree.map(lambda x: x.shape, lanes)


@pytest.mark.parametrize("name", MAKERS)
def test_a_mesh_that_is_made_within_too(name):
    """Serves whoever need not know where its nodes are; others say so."""
    make = lambda t: residual(MAKERS[name](rectangle((3, 2), (t, 0.8)), t))
    if name in ASKS:
        with pytest.raises(ValueError, match="outside"):
            jax.eval_shape(make, jnp.asarray(0.9))
    else:
        jax.eval_shape(make, jnp.asarray(0.9))


@pytest.mark.slow
def test_gradients_by_lengths_of_a_mesh():
    """The bar's tip moves by σ l/E (1 − ν²): its derivative by l, with all made within; and Taylor's test."""

    @jax.jit
    def tip(size):
        mesh = rectangle((2, 2), (size, 0.8))
        space = FunctionSpace(mesh, 1, components=2)
        held = [Dirichlet("left", (0.0, None)), Dirichlet("bottom", (None, 0.0))]
        body = ph.Solid(
            space, mt.PlaneStrain(mt.LinearElastic(E=2.0, nu=0.3)), held, [ph.Traction("right", [0.1, 0.0])]
        )
        return sp.solve(body).value[-1, 0]

    at = jnp.asarray(1.3)
    assert float(jax.grad(tip)(at)) == pytest.approx(0.1 / 2.0 * (1 - 0.3**2), rel=1e-9)
    check_gradient(lambda size: tip(size) ** 2, at)


def test_vectors_of_grids_are_given_as_arrays_too():
    """A velocity of a number for each axis as a tuple, a NumPy array, a traced one; another count is refused at once."""
    sides = {side: grids.Periodic() for side in ("left", "right", "bottom", "top")}
    made = lambda a: grids.ConservationLaw(GRID, grids.LinearAdvection(a), sides)
    for given in ((1.0, 2.0), np.array([1.0, 2.0]), jnp.array([1.0, 2.0])):
        assert [float(a) for a in made(given).law.velocity] == [1.0, 2.0]
    for wrong in (1.0, np.array([1.0, 2.0, 3.0])):
        with pytest.raises(ValueError, match="2 numbers"):
            made(wrong)
    held = {"left": grids.Dirichlet(1.0), **{side: grids.Outflow() for side in ("right", "bottom", "top")}}
    carried = lambda a: grids.Diffusion(GRID, 1.0, held, velocity=a)
    fields = [carried(given).velocity for given in ((1.0, 2.0), np.array([1.0, 2.0]))]
    assert [x.shape for x in fields[0].components] == [(5, 4), (4, 5)]
    assert all(map(np.array_equal, fields[0].components, fields[1].components))
    with pytest.raises(ValueError, match="2 numbers, or a `FaceField`"):
        carried(np.zeros((4, 4)))
    lid = grids.Wall(np.array([1.0, 0.0]))
    assert isinstance(lid.velocity, tuple) and float(lid.velocity[0]) == 1.0
    jax.eval_shape(lambda t: carried(both(t)).velocity.components, jnp.asarray(0.9))
