"""Contact of bodies on reference problems: Hertz, a C that closes on itself, blocks in space, the potential of ipctk."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys import fem, materials, physics
from simphys.assembly import assemble
from simphys.contact._crossed import crossed
from simphys.contact._near import Known
from simphys.physics import Contact, contact
from simphys.stepping import Newmark, march


NU = 0.3
SYMMETRIC = {"bottom": (None, 0.0), "top": (0.0, None)}


def _mapped(mesh, function):
    return eqx.tree_at(lambda m: m.points, mesh, jnp.asarray(function(np.asarray(mesh.points))))


def _crossings(body, value):
    """Pairs of facets that have gone through one another."""
    surface = body.loads[0].surface
    middles = np.asarray(surface.middles)
    x = np.asarray(body.space.nodes() + value)[np.asarray(surface.nodes)][middles].mean(axis=1)
    known = Known(np.asarray(surface.side_of), middles, surface.two)
    return crossed(known, x, np.asarray(surface.facets), np.asarray(surface.edges))[0]


@pytest.mark.slow
def test_hertz_of_two_bodies():
    """Steel on aluminium, R 500 mm, 3.5 kN/mm: a = 6.2146 mm, p₀ = 358.54 MPa, to 1.5 %.

    (At R 50 mm and 35 kN/mm, the same by Hertz, the surface strains by 3 %: no longer his theory.)
    """
    size, radius, down = 80.0, 500.0, 0.128

    def along(s, width):
        """Even up to 9 mm, then ever wider."""
        t = np.maximum(s / 0.6 - 1, 0.0)
        return 9.0 * np.minimum(s / 0.6, 1.0) + 9.0 * t + (width - 15.0) * (1.5 * t) ** 3

    graded = lambda x: np.stack([along(x[:, 0], size), -size * (1 - x[:, 1]) ** 2.2], axis=1)
    lower = _mapped(fem.rectangle((22, 8), (1.0, 1.0)), graded)

    def punch(x):
        x = np.stack([along(x[:, 0], size), size * x[:, 1] ** 2.2], axis=1)
        bottom = x[:, 0] ** 2 / (2 * radius)
        return np.stack([x[:, 0], bottom + 1e-4 + x[:, 1] * (size - bottom) / size], axis=1)

    upper = _mapped(fem.rectangle((19, 8), (1.0, 1.0)), punch)
    mesh = fem.join({"lower": lower, "upper": upper})
    modulus = fem.CellField(jnp.where(jnp.arange(mesh.n_cells) < lower.n_cells, 70e3, 210e3))
    law = materials.PlaneStrain(materials.LinearElastic(E=modulus, nu=0.3))
    ends = [
        fem.Dirichlet("lower_bottom", 0.0),
        fem.Dirichlet("lower_left", (0.0, None)),
        fem.Dirichlet("upper_left", (0.0, None)),
        fem.Dirichlet("upper_top", (0.0, -down)),
    ]
    touch = Contact(("lower_top", "upper_bottom"), stiffness=1e3, reach=4e-4, travel=10.0)
    body = physics.Solid(fem.FunctionSpace(mesh, 2, 2), law, ends, touch)
    value = sp.solve(body).value
    found = contact(body, value)
    force = -2 * float(found.force[1])
    combined = 1 / ((1 - 0.09) / 70e3 + (1 - 0.09) / 210e3)
    a, peak = np.sqrt(4 * force * radius / (np.pi * combined)), np.sqrt(force * combined / (np.pi * radius))
    # Both surfaces' samples, each for half of the pressure.
    weight = np.asarray(body.loads[0].integral(body.space).areas((body.space,))[0]) / 2
    x = np.asarray(found.position[:, 0])
    push = weight * np.asarray(found.pressure)
    assert force == pytest.approx(3.5e3, rel=0.05)
    assert push.sum() == pytest.approx(force / 2, rel=2e-3)
    # Of a half ellipse ⟨x²⟩ = a²/4; and the one that fits best.
    assert 2 * np.sqrt(push @ x**2 / push.sum()) == pytest.approx(a, rel=0.015)
    ellipse = np.sqrt(np.maximum(1 - x**2 / a**2, 0.0))
    assert push @ ellipse / (weight @ ellipse**2) == pytest.approx(peak, rel=0.015)
    assert np.sqrt(3.5e3 * combined / (np.pi * radius)) == pytest.approx(358.54, rel=1e-4)


def _c(n=22):
    """A C that is open to the right, 1.1 × 0.5, of arms 0.1 thick."""
    whole = fem.rectangle((n, 10), (1.1, 0.5))
    middle = np.asarray(whole.points)[np.asarray(whole.cells)].mean(axis=1)
    kept = ~((middle[:, 0] > 0.1) & (np.abs(middle[:, 1] - 0.25) < 0.15))
    used, cells = np.unique(np.asarray(whole.cells)[kept], return_inverse=True)
    mesh = fem.Mesh(np.asarray(whole.points)[used], cells.reshape(-1, 4), "quadrilateral")
    mesh = mesh.with_facet_group("left", lambda x: x[0] < 1e-9)
    return mesh.with_point_group("pulled", lambda x: (np.abs(x[0] - 1.0) < 1e-9) & (x[1] > 0.5 - 1e-9))


@pytest.mark.slow
def test_a_c_closes_on_itself():
    """Its arm is pulled down by more than the gap: nothing crosses, the other arm bends with it, forces balance."""
    law = materials.PlaneStrain(materials.NeoHooke.from_young(E=10.0, nu=0.3))
    space = fem.FunctionSpace(_c(), 1, 2)
    make = lambda loads: physics.Solid(
        space, law, [fem.Dirichlet("left", 0.0), fem.Dirichlet("pulled", (None, -0.4))], loads
    )
    body = make(Contact("all", stiffness=1.0, reach=0.01))
    solution = sp.solve(body)
    value, touching = solution.value, solution.certificate.touching
    assert len(_crossings(body, value)) == 0 and 0 < float(touching.smallest) < 0.01
    lower = np.asarray(space.nodes())[:, 1] < 0.101
    assert np.asarray(value)[lower, 1].min() < -0.05
    np.testing.assert_allclose(contact(body, value).force, 0.0, atol=1e-12)
    ends = [float(body.resultant(value, where)[1]) for where in ("left", "pulled")]
    assert ends[0] == pytest.approx(-ends[1], rel=1e-7) and abs(ends[0]) > 1e-3
    free = sp.solve(make(())).value
    assert len(_crossings(body, free)) > 0


@pytest.mark.slow
def test_blocks_in_space():
    """Held at all sides: stresses are even to what δ is of a cell, the force is what both columns and the gap say."""
    lower, upper = (fem.box((n, n, 1), (1.0, 1.0, 0.5), cell_type="tetrahedron") for n in (2, 3))
    mesh = fem.join({"lower": lower, "upper": _mapped(upper, lambda x: x + [0.0, 0.0, 0.5005])})
    ends = [fem.Dirichlet("lower_bottom", (None, None, 0.0)), fem.Dirichlet("upper_top", (None, None, -0.02))]
    for n in ("lower", "upper"):
        ends += [fem.Dirichlet(f"{n}_{side}", (0.0, None, None)) for side in ("left", "right")]
        ends += [fem.Dirichlet(f"{n}_{side}", (None, 0.0, None)) for side in ("front", "back")]
    law = materials.NeoHooke.from_young(E=10.0, nu=0.3)
    touch = Contact(("lower_top", "upper_bottom"), stiffness=1.0, reach=1e-3)
    body = physics.Solid(fem.FunctionSpace(mesh, 1, 3), law, ends, touch)
    value = sp.solve(body).value
    found, stress = contact(body, value), np.asarray(body.stress(value))[:, 2, 2]
    assert np.abs(stress / stress.mean() - 1).max() < 0.025
    gap = float(jnp.mean(found.gap))
    squeeze = (0.02 - 5e-4 + gap) / 1.0
    F = np.diag([1.0, 1.0, 1 - squeeze])
    expected = float(law.first_piola(jnp.asarray(F))[2, 2])
    assert float(found.force[2]) == pytest.approx(expected, rel=3e-3)
    assert len(_crossings(body, value)) == 0


@pytest.mark.slow
def test_equal_blocks_take_few_steps():
    """Rim on rim, vertex on vertex: where the nearest point goes from facet to facet, potentials are rough (it took 45)."""
    lower = fem.box((4, 4, 1), (1.0, 1.0, 0.5))
    mesh = fem.join({"lower": lower, "upper": _mapped(lower, lambda x: x + [0.0, 0.0, 0.5005])})
    ends = [fem.Dirichlet("lower_bottom", 0.0), fem.Dirichlet("upper_top", (0.0, 0.0, -0.02))]
    touch = Contact(("lower_top", "upper_bottom"), stiffness=1.0, reach=1e-3)
    body = physics.Solid(fem.FunctionSpace(mesh, 1, 3), materials.NeoHooke.from_young(E=10.0, nu=0.3), ends, touch)
    solution = sp.solve(body)
    assert int(solution.stats.newton_steps) <= 8
    assert int(solution.certificate.touching.pairs) == len(body.loads[0].surface.owners)


@pytest.mark.slow
def test_a_ring_is_pressed_into_another():
    """Lamé: a ring swells by the pressure in it, closes the gap, is held by an outer one: p to .3, hoop stress to 2 %."""
    a, b, c, gap, inside, reach = 1.0, 1.5, 2.0, 4e-3, 20.0, 4e-4
    turned = lambda low, high: (
        lambda x: np.stack([(low + (high - low) * x[:, 0]) * f(np.pi / 2 * x[:, 1]) for f in (np.cos, np.sin)], axis=1)
    )
    rings = {"inner": (a, b), "outer": (b + gap, c + gap)}
    flat = fem.rectangle((3, 12), degree=2)
    mesh = fem.join({name: _mapped(flat, turned(*ends)) for name, ends in rings.items()})
    ends = [fem.Dirichlet(f"{ring}_{side}", value) for ring in rings for side, value in SYMMETRIC.items()]
    law = materials.PlaneStrain(materials.LinearElastic(E=1e3, nu=NU))
    touch = Contact(("inner_right", "outer_left"), stiffness=100.0, reach=reach, travel=0.4)
    body = physics.Solid(fem.FunctionSpace(mesh, 2, 2), law, ends, [physics.Pressure("inner_left", inside), touch])
    value = sp.solve(body).value
    found = contact(body, value, body.loads[1])
    # What both rings' displacements and the gap that is left say of the pressure between them.
    swell = lambda p, q, r, s, x: ((p * r**2 - q * s**2) * (1 - 2 * NU) * x + (p - q) * r**2 * s**2 / x) / (s**2 - r**2)
    factor, left = (1 + NU) / 1e3, float(jnp.mean(found.gap))
    outer = (b + gap, c + gap)
    both = lambda q: factor * (swell(inside, q, a, b, b) - swell(q, 0.0, *outer, b + gap)) - gap + left
    slope = both(1.0) - both(0.0)
    expected = -both(0.0) / slope
    assert 3.0 < expected < inside
    weight = np.asarray(body.loads[1].integral(body.space).areas((body.space,))[0])
    assert weight @ np.asarray(found.pressure) / weight.sum() == pytest.approx(expected, rel=3e-3)
    # At the outside the hoop stress is 2 q r²/(s² − r²).
    stress = np.asarray(body.stress(value))
    middle = np.asarray(mesh.points)[np.asarray(mesh.cells)].mean(axis=1)
    r, t = np.linalg.norm(middle, axis=1), np.arctan2(middle[:, 1], middle[:, 0])
    hoop = np.einsum("ei,eij,ej->e", *(lambda n: (n, stress[:, :2, :2], n))(np.stack([-np.sin(t), np.cos(t)], axis=1)))
    q, (r0, s0) = expected, outer
    there = r > b + gap
    lame = q * r0**2 / (s0**2 - r0**2) * (1 + s0**2 / r[there] ** 2)
    np.testing.assert_allclose(hoop[there], lame, rtol=0.02)


@pytest.mark.slow
def test_potential_is_that_of_ipctk():
    """In the plane, area-weighted with its improved maximum: pairs, distances and weights, at random displacements."""
    ipctk = pytest.importorskip("ipctk")
    lower, upper = fem.rectangle((7, 1)), _mapped(fem.rectangle((5, 1)), lambda x: x * [0.8, 1.0] + [0.1, 1.02])
    mesh = fem.join({"lower": lower, "upper": upper})
    space = fem.FunctionSpace(mesh, 1, 2)
    touch = Contact("all", stiffness=3.0, reach=0.05, samples=1)
    law = materials.PlaneStrain(materials.LinearElastic(E=1.0, nu=0.3))
    ends = [fem.Dirichlet("lower_bottom", 0.0), fem.Dirichlet("upper_top", 0.0)]
    far = eqx.tree_at(lambda m: m.points, mesh, mesh.points + jnp.where(mesh.points[:, 1:] > 1.01, 1.0, 0.0))
    body = physics.Solid(fem.FunctionSpace(far, 1, 2), law, ends, touch)
    term = body.loads[0].integral(space)
    # Samples are a little aside of the vertices; here they are put on them.
    shares = lambda t: t.surface.samples.shares
    whole = term.surface.samples.whole
    term = eqx.tree_at(shares, term, (jnp.rint(shares(term) / whole) * whole).astype(jnp.int32))
    value = jnp.asarray(5e-3 * np.random.default_rng(0).uniform(-1, 1, size=space.shape))
    _, energy = term.local((space,), (value,))
    nodes = np.asarray(term.surface.nodes)
    rest, edges = np.asarray(space.nodes())[nodes], np.asarray(term.surface.facets)
    surface = ipctk.CollisionMesh(rest, edges)
    found = ipctk.NormalCollisions()
    found.use_area_weighting = True
    found.collision_set_type = ipctk.NormalCollisions.CollisionSetType.IMPROVED_MAX_APPROX
    x = rest + np.asarray(value)[nodes]
    found.build(surface, x, 0.05)
    total = 0.0
    for k in range(len(found)):
        # Its barrier is one of d², so only who is near whom, distances and weights are compared.
        d = np.sqrt(found[k].compute_distance(found[k].dof(x, surface.edges, surface.faces)))
        total += found[k].weight * -0.05 * (d / 0.05 - 1) ** 2 * np.log(d / 0.05)
    assert len(found) > 10 and float(energy) == pytest.approx(3.0 * total, rel=1e-9)


@pytest.mark.slow
def test_a_block_bounces_off_another():
    """Newmark's steps: nothing crosses in any of them, the block goes back up, energy is kept to 3 %."""
    lower = fem.rectangle((5, 2), (1.0, 0.4))
    upper = _mapped(fem.rectangle((3, 2), (0.5, 0.4)), lambda x: x + [0.23, 0.42])
    space = fem.FunctionSpace(fem.join({"lower": lower, "upper": upper}), 1, 2)
    law = materials.PlaneStrain(materials.NeoHooke.from_young(E=1e3, nu=0.3))
    touch = Contact(("lower_top", "upper_bottom"), stiffness=100.0, reach=4e-3)
    body = physics.Solid(space, law, fem.Dirichlet("lower_bottom", 0.0), touch, density=1.0)
    above = jnp.asarray(np.asarray(space.nodes())[:, 1] > 0.41)
    speed = jnp.where(above[:, None], jnp.array([[0.0, -1.0]]), 0.0)
    found = march(Newmark(), body, (jnp.zeros(space.shape), speed), jnp.linspace(0.0, 0.1, 51))
    touched = [body.touching(body.unknowns(u)) for u in found.values[::2]]
    assert all(len(_crossings(body, u)) == 0 for u in found.values)
    assert max(int(t.pairs) for t in touched) > 3 and int(touched[-1].pairs) == 0
    kinetic = lambda v: float(assemble((space,), (body.terms().stored,), (v,))[2])
    before, after = kinetic(speed), kinetic(found.final.v) + float(body.evaluate(body.unknowns(found.final.u)).energy)
    assert before == pytest.approx(0.1, rel=1e-9) and after == pytest.approx(before, rel=0.03)
    assert 0.5 < float(jnp.mean(found.final.v[above, 1])) < 1.0


@pytest.mark.slow
def test_edges_stop_edges():
    """Two roofs laid across each other, ridge on ridge, where no vertex is near any facet: pressed, they do not pass."""
    turn = np.array([[1.0, 0.0, 0.0], [0.0, 0.5**0.5, -(0.5**0.5)], [0.0, 0.5**0.5, 0.5**0.5]])
    bar = fem.box((2, 1, 1), (2.0, 0.7, 0.7)).with_union("sides", ("front", "back", "bottom", "top"))
    lower = _mapped(bar, lambda x: (x - [1.0, 0.35, 0.35]) @ turn.T + [0.05, 0.0, 0.0])
    swap = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    height = 0.35 * 2**0.5
    upper = _mapped(
        bar, lambda x: ((x - [1.0, 0.35, 0.35]) @ turn.T + [0.03, 0.0, 0.0]) @ swap + [0, 0, 2 * height + 5e-3]
    )
    space = fem.FunctionSpace(fem.join({"lower": lower, "upper": upper}), 1, 3)
    ends = [fem.Dirichlet("lower_left", 0.0), fem.Dirichlet("lower_right", 0.0)]
    ends += [fem.Dirichlet(f"upper_{side}", (0.0, 0.0, -0.05)) for side in ("left", "right")]
    touch = Contact(("lower_sides", "upper_sides"), stiffness=1.0, reach=0.02)
    body = physics.Solid(space, materials.NeoHooke.from_young(E=10.0, nu=0.3), ends, touch)
    solution = sp.solve(body)
    found = contact(body, solution.value)
    pairs = body.loads[0].integral(space).pairs(body.loads[0].integral(space).positions((space,), (solution.value,))[1])
    assert int((pairs.edges[:, 0] >= 0).sum()) > 0
    assert 0 < float(solution.certificate.touching.smallest) < 2e-3
    assert float(found.force[2]) < -1e-3 and len(_crossings(body, solution.value)) == 0
    np.testing.assert_allclose(body.reactions(solution.value).sum(axis=0), 0.0, atol=1e-9)
    below = jnp.where(space.nodes()[:, 2:] > height, jnp.array([[0.0, 0.0, -0.05]]), 0.0)
    assert not jnp.isfinite(body.evaluate(body.unknowns(below)).energy)
