"""Every physics and every stepper with arrays in float32, in a process of 64 bits and in one of 32."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.fem import Dirichlet, FunctionSpace, Mesh, taylor_hood
from simphys.materials import (
    DoubleWell,
    FinitePlasticity,
    IsotropicConduction,
    IsotropicDamage,
    J2Plasticity,
    LinearElastic,
    NeoHooke,
    PhaseChange,
    PlaneStrain,
    Polynomial,
    Thermoelastic,
)
from simphys.physics import (
    AllenCahn,
    Backflow,
    BodyForce,
    Boussinesq,
    CahnHilliard,
    Closure,
    Convection,
    Flux,
    GradientDamage,
    Heat,
    MixedSolid,
    NavierStokes,
    NodalForces,
    Pressure,
    Radiation,
    Solid,
    Source,
    ThermoSolid,
    Traction,
)
from simphys.stepping import (
    BDF2,
    ODE,
    SDIRK2,
    SDIRK3,
    AverageVectorField,
    BackwardEuler,
    ConvexSplitting,
    Equilibrium,
    GeneralisedAlpha,
    ImplicitMidpoint,
    Theta,
    march,
    march_adaptively,
)


STEEL = dict(E=200.0, nu=0.3)
FIRST = [BackwardEuler(), Theta(), BDF2(), SDIRK2(), SDIRK3(), ImplicitMidpoint(), AverageVectorField()]


def clamp():
    return [Dirichlet("left", 0.0)]


def pull():
    return [Traction("right", [1.0, 0.0])]


def single(mesh):
    return Mesh(mesh.points.astype(jnp.float32), mesh.cells, mesh.cell_type, facet_groups=mesh.facet_groups)


def cast(tree):
    return jax.tree.map(lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, tree)


def plane(degree=1, components=None):
    return FunctionSpace(single(sp.fem.rectangle((2, 1))), degree, components=components)


def pair():
    vectors = plane(2, 2)
    return vectors, FunctionSpace(vectors.mesh, 1)


def thermo(**options):
    law = Thermoelastic(PlaneStrain(LinearElastic(**STEEL)), expansion=1e-5, capacity=3.0, reference=300.0, **options)
    return ThermoSolid(pair(), law, IsotropicConduction(k=2.0), clamp(), [*pull(), Convection("right", 2.0, 290.0)])


def solid(law, *more, **options):
    loads = [*pull(), BodyForce([0.0, 1.0]), NodalForces(np.ones((6, 2))), *more]
    return Solid(plane(1, 2), law, clamp(), loads, **options)


def heat(law, more=(), **options):
    loads = [Convection("right", 2.0, 1.0), Radiation("top", 0.5, 1.0), Flux("bottom", 1.0), Source(1.0), *more]
    return Heat(plane(), law, clamp(), loads, **options)


PLASTIC = dict(**STEEL, yield_stress=0.5)
BRITTLE = dict(E=1.0, nu=0.2, threshold=1e-3, rate=50.0)
MELTING = dict(latent=2.0, melting=0.3, width=0.1)
RUBBER = dict(mu=1.0, lam=2.0)


def fading(c, x):
    return -0.1 * c.value


def melting():
    return heat(IsotropicConduction(k=1.0), [Closure(fading)], capacity=PhaseChange(1.0, **MELTING))


def softening():
    return GradientDamage(pair(), PlaneStrain(IsotropicDamage(**BRITTLE)), 0.3, clamp(), pull())


def reacting():
    return AllenCahn(plane(), DoubleWell(), (), [Source(0.1)], gradient_energy=0.1)


def mixture():
    space = plane()
    return CahnHilliard((space, space), DoubleWell(), gradient_energy=0.1)


def stream():
    return NavierStokes(taylor_hood(single(sp.fem.rectangle((2, 1)))), 0.3, 1.0, clamp(), [*pull(), Backflow("right")])


def lifted():
    mesh, held = single(sp.fem.rectangle((2, 1))), [*clamp(), Dirichlet("left", 1.0, field=2)]
    return Boussinesq(mesh, 0.3, 1.0, 0.1, 1.0, held, pull(), expansion=0.1, gravity=[0.0, -1.0])


STEADY = {
    "follower": lambda: solid(PlaneStrain(NeoHooke(**RUBBER)), Pressure("right", 1.0, True)),
    "mixed": lambda: MixedSolid(pair(), PlaneStrain(LinearElastic(**STEEL)), clamp(), pull()),
    "heat": lambda: heat(IsotropicConduction(k=Polynomial([1.0, 0.1]))),
    "Navier–Stokes": stream,
}
STEPPED = {
    "heat": (lambda: Heat(plane(), IsotropicConduction(k=1.0), clamp(), capacity=2.0), 0.0, FIRST[1::3]),
    "melting, learned": (melting, 0.0, FIRST[:1]),
    "Biot": (lambda: thermo(linearised=True), (0.0, 300.0), FIRST[2:3]),
    "motion": (lambda: solid(PlaneStrain(LinearElastic(**STEEL)), density=1.0), (0.0, 0.0), [GeneralisedAlpha()]),
    "plastic": (lambda: solid(PlaneStrain(J2Plasticity(**PLASTIC))), 0.0, [Equilibrium()]),
    "finitely plastic": (lambda: solid(PlaneStrain(FinitePlasticity(**PLASTIC))), 0.0, [Equilibrium()]),
    "damage": (softening, (0.0, 0.0), [Equilibrium()]),
    "Allen–Cahn": (reacting, 0.2, [ConvexSplitting()]),
    "Cahn–Hilliard": (mixture, (0.2, 0.0), [AverageVectorField()]),
    "Boussinesq": (lifted, (0.0, 0.0, 0.0), FIRST[:1]),
}
HISTORIES = [(name, 32 if name == "finitely plastic" else 64) for name in STEPPED]


def types(tree):
    return {leaf.dtype for leaf in jax.tree.leaves(tree) if jnp.issubdtype(leaf.dtype, jnp.floating)}


@pytest.mark.breadth
@pytest.mark.parametrize(("name", "bits"), [*((name, 64) for name in STEADY), ("heat", 32)])
def test_solves(name, bits):
    """A body whose mesh is in float32 with numbers as they come, and one all of whose arrays are.

    Where a process computes in 32 bits there is no other type: one law stands for all.
    """
    with jax.enable_x64(bits == 64):
        made = STEADY[name]()
        for problem in (made, cast(made)) if bits == 64 else (made,):
            found = eqx.filter_eval_shape(lambda problem: sp.solve(problem, throw=False).value, problem)
            assert types(found) == {jnp.dtype(jnp.float32)}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "bits"), HISTORIES)
def test_marches(name, bits):
    """Times are in the process's own type. All arrays of a problem are cast for the first of its steppers only."""
    make, start, steppers = STEPPED[name]
    with jax.enable_x64(bits == 64):
        made, times = make(), jnp.linspace(0.0, 1.0, 3)
        for stepper in steppers:
            run = lambda problem, stepper=stepper: march(stepper, problem, start, times, throw=False)
            for problem in (made, cast(made)) if bits == 64 and stepper is steppers[0] else (made,):
                found = eqx.filter_eval_shape(run, problem)
                assert types(found.final.u) == types(found.values) == {jnp.dtype(jnp.float32)}, stepper


@pytest.mark.slow
def test_steps_that_adapt_themselves():
    run = lambda problem: march_adaptively(SDIRK2(), problem, 0.0, (0.0, 1.0), rtol=1e-2, throw=False)
    found = eqx.filter_eval_shape(run, heat(IsotropicConduction(k=1.0), capacity=2.0))
    assert types(found.final.u) == {jnp.dtype(jnp.float32)}


@pytest.mark.breadth
@pytest.mark.parametrize("stepper", FIRST[:6])
def test_differential_equations(stepper):
    decay = ODE(lambda t, u, k: -k * u, jnp.float32(2.0))
    run = lambda: march(stepper, decay, jnp.ones(2, jnp.float32), jnp.linspace(0.0, 1.0, 3), throw=False)
    assert types(eqx.filter_eval_shape(run).final.u) == {jnp.dtype(jnp.float32)}


@pytest.mark.slow
def test_a_thermal_body_is_led():
    """Steel, of which expansion takes a hundred thousandth of the heat: as by conduction alone, in 64 bits."""
    bar, times = cast(thermo()), jnp.asarray([0.0, 0.5, 1.0])
    found = march(BackwardEuler(), bar, (0.0, 300.0), times)
    assert types(found.final.u) == types(found.values) == {jnp.dtype(jnp.float32)}
    space = FunctionSpace(sp.fem.rectangle((2, 1)))
    alone = Heat(space, IsotropicConduction(k=2.0), (), [Convection("right", 2.0, 290.0)], capacity=3.0)
    wanted = march(BackwardEuler(), alone, 300.0, times).final.u
    np.testing.assert_allclose(found.final.u[1], np.asarray(wanted), rtol=1e-4)
