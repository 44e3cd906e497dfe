"""Random problems with a scalar goal: bodies, heat, marches, layers, functions that hide what they depend on.

Each maker draws a structure from a generator and returns a `Case`: parameters (a pytree of arrays) and a function of
them that solves something and returns a number. What a maker draws is decided by the generator alone.
"""

import functools
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys import fem, layers, materials as mt, physics as ph, stepping as st


class Case(NamedTuple):
    """Parameters θ and θ ↦ number; `forward` or `reverse` if only one mode of differentiation is offered."""

    name: str
    parameters: Any
    function: Callable
    only: str | None = None


METHOD = sp.Newton(rtol=1e-11)
# fmt: off
RUBBERS = {
    "NeoHooke": lambda: mt.NeoHooke(mu=0.5, lam=1.2),
    "IsochoricNeoHooke": lambda: mt.IsochoricNeoHooke(mu=0.4, kappa=1.5),
    "MooneyRivlin": lambda: mt.MooneyRivlin(c10=0.2, c01=0.05, kappa=1.0),
    "Yeoh": lambda: mt.Yeoh(c10=0.3, c20=0.05, c30=0.02, kappa=1.3),
    "Gent": lambda: mt.Gent(mu=0.4, limit=30.0, kappa=1.4),
    "Ogden": lambda: mt.Ogden(mu=[0.4, 0.05], alpha=[1.6, 3.0], kappa=1.5),
    "ArrudaBoyce": lambda: mt.ArrudaBoyce(mu=0.4, locking_stretch=3.0, kappa=1.4),
    "StVenantKirchhoff": lambda: mt.StVenantKirchhoff(E=1.2, nu=0.3),
}
HOOKEAN = {
    "LinearElastic": lambda: mt.LinearElastic(E=1.3, nu=0.27),
    "OrthotropicElastic": lambda: mt.OrthotropicElastic(
        E1=1.4, E2=1.0, E3=0.9, nu12=0.25, nu13=0.2, nu23=0.3, G12=0.4, G13=0.5, G23=0.35
    ),
}
# fmt: on


def pick(rng, items):
    """One of some items."""
    items = list(items)
    return items[int(rng.integers(len(items)))]


def adjoint(rng):
    """An adjoint policy with its name and the only mode that it allows."""
    return pick(
        rng,
        [
            ("implicit", sp.Implicit(), None),
            ("implicit", sp.Implicit(rtol=1e-10), None),
            ("one step", sp.OneStep(), "first"),
            ("unrolled", sp.Unrolled(), "reverse"),
            ("unrolled forward", sp.Unrolled(forward=True), "forward"),
        ],
    )


def goal(rng, value):
    """A smooth function of everything in a value, with weights of its own."""
    leaves = jax.tree.leaves(value)
    weights = [jnp.asarray(rng.uniform(-1, 1, leaf.shape)) for leaf in leaves]

    def of(value):
        flat = jax.tree.leaves(value)
        linear = sum(jnp.vdot(w.astype(v.dtype), v) for w, v in zip(weights, flat, strict=True))
        return linear + sum(jnp.vdot(v, v) for v in flat) / 2

    return of


def _mesh(rng, dim):
    degree = pick(rng, [1, 1, 2])
    if dim == 2:
        cell = pick(rng, ["triangle", "quadrilateral"])
        return fem.rectangle((2, 2), (1.0, 0.8), cell_type=cell, degree=degree), cell, degree
    cell = pick(rng, ["tetrahedron", "hexahedron"])
    return fem.box((1, 1, 1), (1.0, 0.8, 0.7), cell_type=cell, degree=degree), cell, degree


def split(problem, where):
    """The floating leaves that `where` finds in a problem, and all the others."""
    chosen = {id(leaf) for leaf in jax.tree.leaves(where(problem)) if eqx.is_inexact_array(leaf)}
    return eqx.partition(problem, jax.tree.map(lambda leaf: id(leaf) in chosen, problem))


def _problem_case(rng, name, problem, where, policy):
    """A balance law with some of its leaves as parameters."""
    kind, rule, only = policy
    free, rest = split(problem, where)
    shape = eqx.filter_eval_shape(lambda p: p.value(p.unknowns(None)), problem)
    measure = goal(rng, shape)

    def function(free):
        return measure(sp.solve(eqx.combine(free, rest), method=METHOD, adjoint=rule, throw=False).value)

    return Case(f"{name}, {kind}", free, function, only)


def solid(rng):
    """A body at small or finite strain, in 2-D or 3-D, under some loads."""
    dim = pick(rng, [2, 2, 3])
    mesh, cell, degree = _mesh(rng, dim)
    laws = {**RUBBERS, **HOOKEAN}
    name = pick(rng, laws)
    law = laws[name]()
    if dim == 2:
        plane = pick(rng, [mt.PlaneStrain, mt.PlaneStress])
        name, law = f"{name} {plane.__name__}", plane(law)
    loads = [
        ph.Traction("right", rng.uniform(-0.03, 0.05, dim)),
        ph.BodyForce(rng.uniform(-0.04, 0.04, dim)),
        ph.Pressure("top", float(rng.uniform(-0.03, 0.03))),
    ]
    loads = [load for load in loads if rng.random() < 0.6] or loads[:1]
    constraints = [fem.Dirichlet("left", 0.0)]
    if rng.random() < 0.3:
        constraints.append(fem.Dirichlet("right", (0.05, *[None] * (dim - 1))))
    elif rng.random() < 0.3:
        constraints.append(fem.RigidTie("right"))
    problem = ph.Solid(fem.FunctionSpace(mesh, degree, components=dim), law, constraints, loads)
    where = lambda p: (p.material, p.loads, [c.value for c in p.constraints if isinstance(c, fem.Dirichlet)])
    if rng.random() < 0.5:
        where_too = where
        where = lambda p: (*where_too(p), p.space.mesh.points)
    return _problem_case(rng, f"{name}, {cell} {degree}, {len(loads)} loads", problem, where, adjoint(rng))


def _heat(rng, capacity=None):
    mesh, cell, degree = _mesh(rng, 2)
    conductions = {
        "k": lambda: mt.IsotropicConduction(k=1.3),
        "k(T)": lambda: mt.IsotropicConduction(k=mt.Polynomial([1.0, 0.2, 0.1])),
        "K": lambda: mt.AnisotropicConduction(k=jnp.array([[1.2, 0.2], [0.2, 0.8]])),
    }
    name = pick(rng, conductions)
    loads = [
        ph.Flux("right", 0.7),
        ph.Source(0.5),
        ph.Convection("top", 1.1, 0.4),
    ]
    loads = [load for load in loads if rng.random() < 0.6] or loads[:1]
    problem = ph.Heat(
        fem.FunctionSpace(mesh, degree),
        conductions[name](),
        [fem.Dirichlet("left", 1.0)],
        loads,
        capacity=capacity,
    )
    where = lambda p: (p.material, p.loads, p.constraints[0].value, p.space.mesh.points)
    return f"heat {name}, {cell} {degree}", problem, where


def heat(rng):
    """Steady conduction."""
    return _problem_case(rng, *_heat(rng), adjoint(rng))


STEPPERS = {
    "BackwardEuler": st.BackwardEuler,
    "Theta": lambda: st.Theta(0.6),
    "BDF2": st.BDF2,
    "ImplicitMidpoint": st.ImplicitMidpoint,
    "SDIRK2": st.SDIRK2,
    "SDIRK3": st.SDIRK3,
}


def _marched(rng, stepper, state):
    checkpoints = pick(rng, [None, 2])
    times = jnp.linspace(0.0, 0.3, 5)

    def solve(problem, rule):
        tight = dict(method=METHOD, adjoint=rule, checkpoints=checkpoints)
        return st.march(stepper, problem, state, times, throw=False, **tight).values

    return solve


def heat_in_time(rng):
    """Conduction in time by any stepper."""
    name, problem, where = _heat(rng, capacity=pick(rng, [2.0, mt.Polynomial([1.0, 0.3])]))
    stepper = pick(rng, STEPPERS)
    march = _marched(rng, STEPPERS[stepper](), 0.6)
    kind, rule = pick(rng, [("implicit", sp.Implicit()), ("one step", sp.OneStep())])
    free, rest = split(problem, where)

    def function(free):
        u = march(eqx.combine(free, rest), rule)
        return jnp.sum(u[-1] ** 2) + jnp.sum(jnp.sin(u[2]))

    return Case(f"{name}, {stepper}, {kind}", free, function, "first")


def body_in_time(rng):
    """A plane body with inertia, or with a memory."""
    space = fem.FunctionSpace(fem.rectangle((2, 1), (1.0, 0.5)), 1, components=2)
    load, held = [ph.Traction("right", (0.02, -0.03))], [fem.Dirichlet("left", 0.0)]
    if rng.random() < 0.5:
        law = pick(rng, [mt.NeoHooke(mu=0.5, lam=1.2), mt.LinearElastic(E=1.3, nu=0.27)])
        problem = ph.Solid(space, mt.PlaneStrain(law), held, load, density=0.2)
        name, stepper, state = pick(
            rng, [("Newmark", st.Newmark(), (0.0, 0.0)), ("α", st.GeneralisedAlpha(), (0.0, 0.0))]
        )
        drive = None
    else:
        law = pick(
            rng,
            [
                mt.J2Plasticity(E=1.3, nu=0.27, yield_stress=0.02, hardening=0.2),
                mt.Viscoelastic(mt.NeoHooke(mu=0.5, lam=1.2), shares=[0.3], times=[0.1]),
            ],
        )
        problem = ph.Solid(space, mt.PlaneStrain(law), held, load)
        name, stepper, state = "equilibria", st.Equilibrium(), 0.0
        drive = lambda p, t: eqx.tree_at(lambda p: p.loads[0].value, p, p.loads[0].value * (0.3 + t * 4))
    where = lambda p: (p.material, p.loads, p.space.mesh.points)
    free, rest = split(problem, where)

    def function(free):
        moved = eqx.combine(free, rest)
        u = st.march(stepper, moved, state, jnp.linspace(0.0, 0.3, 4), method=METHOD, throw=False, drive=drive).values
        return jnp.sum(jnp.sin(jax.tree.leaves(u)[0][-1]))

    return Case(f"{type(law).__name__}, {name}", free, function)


def ode(rng):
    """A nonlinear ODE whose function sees its parameters by one of several ways."""
    hidden = pick(rng, WAYS)
    stepper = pick(rng, STEPPERS)
    rate = lambda k, t, u, a: -k[0] * u + k[1] * jnp.sin(u[::-1]) - k[2] * u**3 + jnp.cos(t)

    def function(k):
        problem = st.ODE(WAYS[hidden](rate, k))
        march = _marched(np.random.default_rng(0), STEPPERS[stepper](), jnp.array([0.5, -0.2, 1.0]))
        return jnp.sum(march(problem, sp.Implicit())[-1] ** 2)

    return Case(f"ODE, {hidden}, {stepper}", jnp.array([1.2, 0.4, 0.3]), function)


class _Plain:
    def __init__(self, function, k):
        self.function, self.k = function, k

    def method(self, *arguments):
        return self.function(self.k, *arguments)

    __call__ = method


def _default(function, k):
    return lambda *arguments, k=k: function(k, *arguments)


def _nested(function, k):
    box = {"k": [k]}
    inner = lambda *arguments: function(box["k"][0], *arguments)
    return lambda *arguments: inner(*arguments)


WAYS = {
    "closure": lambda function, k: lambda *arguments: function(k, *arguments),
    "partial": functools.partial,
    "jax partial": lambda function, k: jax.tree_util.Partial(function, k),
    "method": lambda function, k: _Plain(function, k).method,
    "callable object": _Plain,
    "default argument": _default,
    "namespace": lambda function, k: types.SimpleNamespace(f=_default(function, k)).f,
    "nested": _nested,
}


def root(rng):
    """Roots, minimisers and fixed points of functions that hide θ."""
    hidden, kind = pick(rng, WAYS), pick(rng, ["RootProblem", "Root", "Argmin", "FixedPoint", "energy"])
    way = WAYS[hidden]
    matrix = jnp.asarray(rng.uniform(-0.3, 0.3, (3, 3)))
    residual = lambda k, y, a: y**3 * k[0] + 2 * y + matrix @ jnp.sin(y) - k
    energy = lambda k, y, a: jnp.sum(k[0] ** 2 * y**4 / 4 + y**2 - k * y) + jnp.sum(jnp.cos(matrix @ y))
    contraction = lambda k, z, a: jnp.tanh(matrix @ z + k)
    guess = jnp.full(3, 0.4)

    def function(k):
        if kind == "RootProblem":
            y = sp.solve(sp.RootProblem(way(residual, k)), guess, method=METHOD).value
        elif kind == "energy":
            y = sp.solve(sp.RootProblem(energy=way(energy, k)), guess, method=METHOD).value
        elif kind == "Root":
            y = layers.Root(way(residual, k), METHOD)(guess).value
        elif kind == "Argmin":
            y = layers.Argmin(way(energy, k), rtol=1e-10)(guess).value
        else:
            solver = layers.Anderson(rtol=1e-12)
            y = layers.FixedPoint(way(contraction, k), solver, sp.Implicit(rtol=1e-9))(guess=guess).value
        return jnp.sum(y**2) + jnp.sum(k * y)

    return Case(f"{kind}, {hidden}", jnp.array([0.9, 0.3, -0.5]), function)


def qp(rng):
    """Quadratic programs with active and with far bounds."""
    n, m = 5, 6
    draw = lambda *shape: jnp.asarray(rng.uniform(-1, 1, shape))
    factor = draw(n, n)
    far = pick(rng, [1.0, 1e6, 1e9])
    data = dict(Q=factor @ factor.T + jnp.eye(n), q=draw(n), A=draw(1, n), b=draw(1), G=draw(m, n), h=jnp.ones(m))
    data["h"] = data["h"].at[0].mul(far).at[1].set(0.3)

    def function(data):
        symmetric = data["Q"] + data["Q"].T
        found = layers.QP(**{**data, "Q": symmetric / 2})(throw=False)
        return jnp.where(found.weakly_active > 0, jnp.nan, jnp.sum(found.value**2) + jnp.sum(found.value))

    return Case(f"QP, far bound {far:g}", data, function)


MAKERS = (solid, solid, solid, heat, heat_in_time, body_in_time, ode, root, root, qp)
