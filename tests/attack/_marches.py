"""Random problems in time: heat, bodies with inertia or a memory, phases, damage, ODEs."""

import equinox as eqx
import jax
import jax.numpy as jnp
from _cases import Case, cast, conducting, pick, precision, split
from _layers import WAYS

import simphys as sp
from simphys import fem, materials as mt, physics as ph, stepping as st


STEPPERS = {
    "BackwardEuler": st.BackwardEuler,
    "Theta": lambda: st.Theta(0.6),
    "BDF2": st.BDF2,
    "ImplicitMidpoint": st.ImplicitMidpoint,
    "SDIRK2": st.SDIRK2,
    "SDIRK3": st.SDIRK3,
}
RULES = {"implicit": sp.Implicit(), "one step": sp.OneStep(), "unrolled": sp.Unrolled()}


def _through(rng, stepper, rule="implicit", drive=None, length=0.3):
    """How a problem is led through four steps, or through some of its own choice: a function that does so, and a word."""
    kept = None if rule == "unrolled" else pick(rng, [None, 2])
    adaptive = drive is None and stepper.error_constant is not None and rng.random() < 0.25

    def march(problem, state, dtype, method):
        options = dict(method=method, adjoint=RULES[rule], checkpoints=kept, throw=False)
        state = jax.tree.map(lambda u: jnp.asarray(u, dtype), state)
        if adaptive:
            # Every step grows as far as it may: times that depended on θ would be held fixed in derivatives only.
            wanted = dict(rtol=0.5, atol=1.0, first_step=length / 8, largest_step=length / 4, max_steps=12)
            return st.march_adaptively(stepper, problem, state, (0.0, length), **wanted, **options)
        return st.march(stepper, problem, state, jnp.linspace(0, length, 5, dtype=dtype), drive=drive, **options)

    return march, ", adaptive" if adaptive else ""


def _led(rng, name, problem, where, stepper, state, rule="implicit", drive=None):
    """A balance law in time with some of its leaves as parameters."""
    free, rest = split(problem, where)
    stepper_name, stepper = stepper
    march, how = _through(rng, stepper, rule, drive)

    def function(free):
        dtype, method = precision(free)
        found = march(eqx.combine(free, cast(rest, dtype)), state, dtype, method)
        last = [jnp.take(leaf, -1 if not how else found.steps, axis=0) for leaf in jax.tree.leaves(found.values)]
        return last, jnp.sum(found.weakly_active)

    return Case(f"{name}, {stepper_name}{how}, {rule}", free, function, "reverse" if rule == "unrolled" else "first")


def heat_in_time(rng):
    """Conduction in time by any stepper."""
    name, problem, where = conducting(rng, capacity=pick(rng, [2.0, mt.Polynomial([1.0, 0.3])]))
    stepper = pick(rng, STEPPERS)
    return _led(rng, name, problem, where, (stepper, STEPPERS[stepper]()), 0.6, pick(rng, RULES))


REMEMBERING = {
    "J2Plasticity": lambda: mt.J2Plasticity(E=1.3, nu=0.27, yield_stress=0.02, hardening=0.2),
    "J2Plasticity, all hardening": lambda: mt.J2Plasticity(
        E=1.3, nu=0.27, yield_stress=0.02, hardening=0.2, saturation=0.01, rate=5.0, kinematic=0.1, recovery=3.0
    ),
    "FinitePlasticity": lambda: mt.FinitePlasticity(E=1.3, nu=0.27, yield_stress=0.02, hardening=0.2, kinematic=0.1),
    "Viscoelastic": lambda: mt.Viscoelastic(mt.NeoHooke(mu=0.5, lam=1.2), shares=[0.3], times=[0.1]),
    "Viscoelastic, two branches": lambda: mt.Viscoelastic(
        mt.NeoHooke(mu=0.5, lam=1.2), shares=[0.3, 0.2], times=[0.1, 1.0]
    ),
    "IsotropicDamage": lambda: mt.IsotropicDamage(E=1.3, nu=0.2, threshold=0.02, rate=3.0),
}


# What softens carries no load beyond its peak: it is led by displacements.
PULLED = [fem.Dirichlet("right", (0.02, -0.01))]


def pulled(p, t):
    """The displacement of the right side, rising."""
    return eqx.tree_at(lambda p: p.constraints[1].value, p, p.constraints[1].value * (0.3 + t * 4).astype(t.dtype))


def body_in_time(rng):
    """A plane body with inertia, or with a memory."""
    cell = pick(rng, ["triangle", "quadrilateral"])
    space = fem.FunctionSpace(fem.rectangle((2, 1), (1.0, 0.5), cell_type=cell), 1, components=2)
    load, held = [ph.Traction("right", (0.02, -0.03))], [fem.Dirichlet("left", 0.0)]
    where = lambda p: (p.material, p.loads, p.space.mesh.points)
    drive = lambda p, t: eqx.tree_at(lambda p: p.loads[0].value, p, p.loads[0].value * (0.3 + t * 4).astype(t.dtype))
    if rng.random() < 0.4:
        law = pick(rng, [mt.NeoHooke(mu=0.5, lam=1.2), mt.LinearElastic(E=1.3, nu=0.27)])
        problem = ph.Solid(space, mt.PlaneStrain(law), held, load, density=0.2)
        stepper = pick(rng, [st.Newmark(), st.GeneralisedAlpha()])
        drive = pick(rng, [None, drive])
        return _led(rng, type(law).__name__, problem, where, (type(stepper).__name__, stepper), (0.0, 0.0), drive=drive)
    name = pick(rng, REMEMBERING)
    if name == "IsotropicDamage":
        problem = ph.Solid(space, mt.PlaneStrain(REMEMBERING[name]()), held + PULLED)
        where = lambda p: (p.material, p.constraints[1].value, p.space.mesh.points)
        return _led(rng, name, problem, where, ("Equilibrium", st.Equilibrium()), 0.0, drive=pulled)
    problem = ph.Solid(space, mt.PlaneStrain(REMEMBERING[name]()), held, load)
    return _led(rng, name, problem, where, ("Equilibrium", st.Equilibrium()), 0.0, drive=drive)


def fields_in_time(rng):
    """Coupled fields: heat and deformation, phases, damage with a length."""
    mesh = fem.rectangle((2, 1), (1.0, 0.5))
    kind = pick(rng, ["ThermoSolid", "AllenCahn", "CahnHilliard", "GradientDamage"])
    scalar, vector = fem.FunctionSpace(mesh, 1), fem.FunctionSpace(mesh, 2, components=2)
    euler, load = ("BackwardEuler", st.BackwardEuler()), [ph.Traction("right", (0.02, -0.03))]
    if kind == "ThermoSolid":
        law = mt.Thermoelastic(
            mt.PlaneStrain(mt.LinearElastic(E=1.3, nu=0.27)), expansion=0.01, capacity=1.5, reference=1.0, zero=-2.0
        )
        held = [fem.Dirichlet("left", 0.0), fem.Dirichlet("left", 1.3, field=1)]
        problem = ph.ThermoSolid((vector, scalar), law, mt.IsotropicConduction(k=0.8), held, load)
        stepper = pick(rng, [euler, ("BDF2", st.BDF2()), ("Theta", st.Theta(0.6))])
        return _led(rng, kind, problem, lambda p: (p.material, p.conduction, p.loads), stepper, (0.0, 1.0))
    if kind == "GradientDamage":
        law = mt.PlaneStrain(mt.IsotropicDamage(E=1.3, nu=0.2, threshold=0.02, rate=3.0))
        problem = ph.GradientDamage((vector, scalar), law, 0.3, [fem.Dirichlet("left", 0.0), *PULLED])
        where = lambda p: (p.material, p.length, p.constraints[1].value)
        return _led(rng, kind, problem, where, ("Equilibrium", st.Equilibrium()), (0.0, 0.0), drive=pulled)
    splitting = ("ConvexSplitting", st.ConvexSplitting())
    averaged = ("AverageVectorField", st.AverageVectorField())
    constants = dict(gradient_energy=0.05, mobility=0.7)
    if kind == "AllenCahn":
        problem = ph.AllenCahn(scalar, mt.DoubleWell(0.8), [fem.Dirichlet("left", 0.9)], **constants)
        where = lambda p: (p.law, p.gradient_energy, p.mobility, p.constraints[0].value)
        return _led(rng, kind, problem, where, pick(rng, [euler, splitting, averaged]), 0.2)
    problem = ph.CahnHilliard((scalar, scalar), mt.DoubleWell(0.8), **constants)
    where = lambda p: (p.law, p.gradient_energy, p.mobility)
    start = 0.3 * jnp.sin(3 * mesh.points[:, 0] + mesh.points[:, 1])
    return _led(rng, kind, problem, where, pick(rng, [euler, splitting]), (start, jnp.zeros_like(start)))


def ode(rng):
    """A nonlinear ODE whose function sees its parameters by one of several ways."""
    hidden, stepper = pick(rng, WAYS), pick(rng, STEPPERS)
    rule = pick(rng, RULES)
    rate = lambda k, t, u, a: -k[0] * u + k[1] * jnp.sin(u[::-1]) - k[2] * u**3 + jnp.cos(t)
    march, how = _through(rng, STEPPERS[stepper](), rule)

    def function(k):
        dtype, method = precision(k)
        found = march(st.ODE(WAYS[hidden](rate, k)), jnp.array([0.5, -0.2, 1.0]), dtype, method)
        return jnp.take(found.values, -1 if not how else found.steps, axis=0), jnp.zeros((), jnp.int32)

    only = "reverse" if rule == "unrolled" else "first" if rule == "one step" else None
    return Case(f"ODE, {hidden}, {stepper}{how}, {rule}", jnp.array([1.2, 0.4, 0.3]), function, only)
