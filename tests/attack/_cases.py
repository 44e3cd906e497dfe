"""Random problems: what the cases have in common, and bodies and fields at rest.

Each maker draws a structure from a generator and returns a `Case`: parameters (a pytree of arrays) and a function of
them that solves something and returns the solution. What a maker draws is decided by the generator alone.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

import simphys as sp
from simphys import fem, materials as mt, physics as ph


class Case(NamedTuple):
    """Parameters θ and θ ↦ (solution, count of kinks), in the precision of θ; `only` names the derivatives that there are.

    None: all; `first`: no second ones; `forward`, `reverse`: first ones in that mode. `single`: whether θ may be of
    float32.
    """

    name: str
    parameters: Any
    function: Callable
    only: str | None = None
    single: bool = True


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
    "HolzapfelGasserOgden": lambda: mt.HolzapfelGasserOgden(
        mu=0.4, k1=0.3, k2=1.0, dispersion=0.1, kappa=1.5, fibres=[[0.8, 0.6, 0.0], [0.8, -0.6, 0.0]]
    ),
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


def precision(parameters):
    """The precision of parameters, and a method that solves as well as it allows."""
    dtype = jnp.result_type(*jax.tree.leaves(parameters))
    return dtype, sp.Newton(rtol=1e-11) if dtype == jnp.float64 else sp.Newton(rtol=1e-5)


def cast(tree, dtype):
    """Floating arrays of a pytree in another precision."""
    return jax.tree.map(lambda leaf: leaf.astype(dtype) if eqx.is_inexact_array(leaf) else leaf, tree)


def adjoint(rng):
    """An adjoint policy with its name and the derivatives that it allows."""
    return pick(
        rng,
        [
            ("implicit", sp.Implicit(), None),
            ("implicit", sp.Implicit(recycle=False), None),
            ("one step", sp.OneStep(), "first"),
            ("unrolled", sp.Unrolled(), "reverse"),
            ("unrolled forward", sp.Unrolled(forward=True), "forward"),
        ],
    )


def plane_mesh(rng, n=(2, 2), lengths=(1.0, 0.8)):
    """A rectangle of some kind of cells; what they are called, and a degree of functions that fits."""
    degree, cell = pick(rng, [1, 1, 2]), pick(rng, ["triangle", "quadrilateral"])
    return fem.rectangle(n, lengths, cell_type=cell, degree=degree), cell, degree


def split(problem, where):
    """The floating leaves that `where` finds in a problem, and all the others."""
    chosen = {id(leaf) for leaf in jax.tree.leaves(where(problem)) if eqx.is_inexact_array(leaf)}
    return eqx.partition(problem, jax.tree.map(lambda leaf: id(leaf) in chosen, problem))


def some(rng, loads):
    """Most of the loads, at least one."""
    return [load for load in loads if rng.random() < 0.6] or loads[:1]


def at_rest(rng, name, problem, where, policy=None):
    """A balance law with some of its leaves as parameters."""
    kind, rule, only = adjoint(rng) if policy is None else policy
    free, rest = split(problem, where)

    def function(free):
        dtype, method = precision(free)
        found = sp.solve(eqx.combine(free, cast(rest, dtype)), method=method, adjoint=rule, throw=False)
        return found.value, found.certificate.weakly_active

    return Case(f"{name}, {kind}", free, function, only)


def _held(rng, dim):
    """Constraints that hold a body, by name."""
    held = fem.Dirichlet("left", 0.0)
    pulled = fem.Dirichlet("right", (0.05, *[None] * (dim - 1)))
    across = fem.Periodic("bottom", "top", (0.0, 0.01, *[0.0] * (dim - 2)))
    kinds = {
        "clamped": [held],
        "clamped ": [held],
        "pulled": [held, pulled],
        "tied": [held, fem.RigidTie("right")],
        "tied, turning": [held, fem.RigidTie("right", rotation=True)],
        # The jump holds all turns but that about its own axis: nothing is said twice, whatever values are drawn.
        "periodic": [across, fem.Dirichlet([0], 0.0)] + [fem.Dirichlet([1], (None, 0.0, None))] * (dim == 3),
    }
    name = pick(rng, kinds)
    return name.strip(), kinds[name]


def solid(rng):
    """A body at small or finite strain, in 2-D or 3-D, under some loads."""
    dim = pick(rng, [2, 2, 2, 3])
    if dim == 2:
        mesh, cell, degree = plane_mesh(rng)
    else:
        cell, degree = pick(rng, [("tetrahedron", 1), ("hexahedron", 1), ("tetrahedron", 2)])
        mesh = fem.box((1, 1, 1), (1.0, 0.8, 0.7), cell_type=cell, degree=degree)
    laws = {**RUBBERS, **HOOKEAN}
    name = pick(rng, laws)
    law, space = laws[name](), fem.FunctionSpace(mesh, degree, components=dim)
    if dim == 2:
        plane = pick(rng, [mt.PlaneStrain, mt.PlaneStress])
        name, law = f"{name} {plane.__name__}", plane(law)
    elif name == "LinearElastic" and rng.random() < 0.5:
        name, law = (
            "LinearElastic by cells",
            mt.LinearElastic(E=fem.CellField(jnp.linspace(1, 2, mesh.n_cells)), nu=0.27),
        )
    loads = some(
        rng,
        [
            ph.Traction("right", rng.uniform(-0.03, 0.05, dim)),
            ph.BodyForce(rng.uniform(-0.04, 0.04, dim)),
            ph.Pressure("right", float(rng.uniform(-0.03, 0.03)), follower=dim == 2 and name.split()[0] in RUBBERS),
            ph.ElasticSupport("right", 0.4),
            ph.NodalForces(0.01 * rng.uniform(-1, 1, (space.n_nodes, dim))),
        ],
    )
    how, constraints = _held(rng, dim)
    problem = ph.Solid(space, law, constraints, loads)
    parts = lambda p: (p.material, p.loads, [getattr(c, "value", getattr(c, "jump", None)) for c in p.constraints])
    where = pick(rng, [parts, lambda p: (*parts(p), p.space.mesh.points)])
    return at_rest(rng, f"{name}, {cell} {degree}, {how}, {len(loads)} loads", problem, where)


def conducting(rng, capacity=None):
    """A problem of conduction with its name, and what is varied."""
    mesh, cell, degree = plane_mesh(rng)
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
        ph.LateralConvection(0.3, 0.2, 1.5),
        ph.Radiation("right", 0.8, 0.5, zero=-2.0, sigma=0.05),
    ]
    held = [fem.Dirichlet("left", 1.0)]
    if rng.random() < 0.3:
        held.append(fem.Periodic("bottom", "top"))
    problem = ph.Heat(fem.FunctionSpace(mesh, degree), conductions[name](), held, some(rng, loads), capacity=capacity)
    # A conductivity matrix must stay symmetric, which changes of single entries are not.
    law = lambda p: () if name == "K" else p.material
    where = lambda p: (law(p), p.loads, p.constraints[0].value, p.space.mesh.points)
    return f"heat {name}, {cell} {degree}", problem, where


def heat(rng):
    """Steady conduction."""
    return at_rest(rng, *conducting(rng))


def mixed(rng):
    """Two fields: nearly incompressible bodies, and slow flow."""
    mesh = fem.rectangle((2, 2), (1.0, 0.8), cell_type=pick(rng, ["triangle", "quadrilateral"]))
    space, load = fem.taylor_hood(mesh), [ph.Traction("right", (0.02, -0.03))]
    policy = pick(rng, [("implicit", sp.Implicit(), None), ("one step", sp.OneStep(), "first")])
    if rng.random() < 0.4:
        held = [fem.Dirichlet("left", (0.3, 0.0)), fem.Dirichlet("bottom", 0.0), fem.Dirichlet("top", 0.0)]
        if rng.random() < 0.5:
            if rng.random() < 0.4:
                held, load = held[:2], [*load, ph.WeakVelocity("top", (0.1, 0.0), slip=rng.random() < 0.5)]
            flow = ph.NavierStokes(space, 0.7, 1.3, held, [*load, ph.Backflow("right")], resistance=0.2, grad_div=0.1)
            where = lambda p: (p.viscosity, p.density, p.resistance, p.loads, p.space[0].mesh.points)
            return at_rest(rng, "NavierStokes", flow, where, policy)
        problem = ph.Stokes(space, 0.7, held, load)
        return at_rest(rng, "Stokes", problem, lambda p: (p.viscosity, p.loads, p.space[0].mesh.points), policy)
    laws = {"LinearElastic": mt.LinearElastic(E=1.3, nu=0.49), "NeoHooke": mt.IsochoricNeoHooke(mu=0.4, kappa=20.0)}
    name = pick(rng, laws)
    problem = ph.MixedSolid(space, mt.PlaneStrain(laws[name]), [fem.Dirichlet("left", 0.0)], load)
    where = lambda p: (p.material, p.loads, p.thickness)
    return at_rest(rng, f"MixedSolid {name}", problem, where, policy)
