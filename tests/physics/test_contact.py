"""Contact of deformable bodies: uniform pressure, Newton's third law, derivatives, sliding without compiling, misuse."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _taylor import check_gradient

import simphys as sp
from simphys import fem, materials, physics
from simphys.contact import separated
from simphys.physics import Contact, contact


E, NU, REACH, GAP, DOWN = 10.0, 0.3, 1e-3, 5e-4, 0.02


def _moved(mesh, by):
    return eqx.tree_at(lambda m: m.points, mesh, mesh.points + jnp.asarray(by)[None])


def _blocks(cells=((4, 2), (3, 2)), *, down=DOWN, across=0.0, width=1.0, law=None, **options):
    """Two blocks, of meshes that do not match, one above the other; the upper one is pressed down and pushed across."""
    lower, upper = (fem.rectangle(n, (w, 0.5)) for n, w in zip(cells, (1.0, width), strict=True))
    mesh = fem.join({"lower": lower, "upper": _moved(upper, (0.0, 0.5 + GAP))})
    law = materials.LinearElastic(E=E, nu=NU) if law is None else law
    ends = {
        "floor": fem.Dirichlet("lower_bottom", (None, 0.0)),
        "side": fem.Dirichlet("lower_left", (0.0, None)),
        "push": fem.Dirichlet("upper_left", (across, None)),
        "press": fem.Dirichlet("upper_top", (None, -down)),
    }
    touch = {"touch": Contact(("lower_top", "upper_bottom"), stiffness=1.0, reach=REACH, **options)}
    return physics.Solid(fem.FunctionSpace(mesh, 1, 2), materials.PlaneStrain(law), ends, touch)


def _pressure_of_the_blocks(reach):
    """The pressure that both columns and the gap between them agree on: E' (U − g₀ + g)/H = −κ b′(g)."""
    modulus, height = E / (1 - NU**2), 1.0
    low, high = 1e-9 * reach, reach
    for _ in range(100):
        g = (low + high) / 2
        s = g / reach
        push = 2 * (1 - s) * -np.log(s) + (1 - s) ** 2 / s
        low, high = (g, high) if push > modulus * (DOWN - GAP + g) / height else (low, g)
    return modulus * (DOWN - GAP + low) / height


@pytest.fixture(scope="module")
def pressed():
    body = _blocks()
    return body, sp.solve(body)


def test_uniform_pressure_passes_meshes_that_do_not_match(pressed):
    """Patch test: stresses are even to .3 %, and what both columns and the gap say; the force is of the third law."""
    body, solution = pressed
    stress = np.asarray(body.stress(solution.value))
    pressure = _pressure_of_the_blocks(REACH)
    np.testing.assert_allclose(stress[:, 1, 1], -pressure, rtol=3e-3)
    assert np.abs(stress[:, 0]).max() < 3e-3 * pressure
    found = contact(body, solution.value)
    assert float(found.force[1]) == pytest.approx(-pressure, rel=1e-4)
    assert float(found.area) == pytest.approx(1.0, rel=1e-12)
    touching = solution.certificate.touching
    assert 0 < float(touching.smallest) == float(found.smallest) < REACH
    assert f"{int(touching.pairs)} pairs in contact, smallest gap 0.0007" in str(solution)
    assert int(touching.pairs) > 10 and int(touching.overlooked) == 0


def test_forces_balance(pressed):
    """To rounding: of both bodies on each other, and of what holds them."""
    body, solution = pressed
    nodal = body.loads["touch"].integral(body.space).local((body.space,), (solution.value,))[0][0]
    assert np.abs(nodal.sum(axis=(0, 1))).max() < 1e-15 < np.abs(nodal).max()
    ends = [body.resultant(solution.value, where) for where in ("lower_bottom", "upper_top")]
    force = contact(body, solution.value, "touch").force
    np.testing.assert_allclose([ends[0][1], ends[1][1]], [-force[1], force[1]], rtol=1e-8)


@pytest.mark.slow
def test_derivatives():
    """Of the force, by E, where the upper body is, its nodes and δ; where it does not touch they are 0."""
    body = _blocks(law=materials.LinearElastic(E=E, nu=NU))
    upper = jnp.asarray(np.asarray(body.space.nodes())[:, 1] > 0.5)
    top = body.space.nodes()[:, 1] - 0.5

    def force(given, x):
        body, upper, top = given
        points = body.space.mesh.points
        rise = jnp.where(upper, x[1] * 1e-4 + x[2] * points[:, 0] * top, 0.0)
        where = lambda b: (b.material.material.E, b.space.mesh.points, b.loads["touch"].reach)
        there = (E * x[0], points + jnp.stack([0 * rise, rise], axis=1), REACH * x[3])
        changed = eqx.tree_at(where, body, there)
        return contact(changed, sp.solve(changed).value).force[1]

    given = body, upper, top
    program = lambda x: force(given, x)
    order = check_gradient(program, jnp.array([1.0, 0.3, 0.01, 1.1]))
    assert order is not None


@pytest.mark.slow
def test_sliding_compiles_nothing():
    """Pushed across by more than a facet, down and up again, off and on: one program; gaps stay open."""
    body = _blocks(((6, 1), (2, 1)), width=0.4)
    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, *_, **__: compiled.append(name) if "backend_compile" in name else None
    )
    forces = []
    solve = eqx.filter_jit(lambda body: (lambda v: (contact(body, v), v))(sp.solve(body).value))
    for down, across in ((0.02, 0.0), (0.02, 0.31), (-0.01, 0.31), (0.01, 0.55)):
        moved = body.replace("press", value=-down).replace("push", value=across)
        found, _ = solve(moved)
        assert float(found.smallest) > 0
        forces.append(float(found.force[1]))
        if len(forces) == 1:
            first = len(compiled)
    assert len(compiled) == first
    assert forces[2] == 0 and forces[0] < forces[3] < 0


def test_misuse_raises():
    options = dict(stiffness=1.0, reach=REACH)
    with pytest.raises(ValueError, match="`where` must name a facet group, or two different ones"):
        Contact(("a", "a"), **options)
    with pytest.raises(ValueError, match="`samples` must be a whole number"):
        Contact("a", samples=0, **options)
    with pytest.raises(ValueError, match="`travel` must be positive"):
        Contact("a", travel=-1.0, **options)
    with pytest.raises(ValueError, match="`reach` must be positive"):
        Contact("a", stiffness=1.0, reach=-1.0)
    mesh = fem.rectangle((2, 2))
    law = materials.PlaneStrain(materials.LinearElastic(E=E, nu=NU))
    make = lambda mesh, touch: physics.Solid(fem.FunctionSpace(mesh, 1, 2), law, [fem.Dirichlet("all", 0.0)], touch)
    with pytest.raises(ValueError, match="share 1 nodes: where a body may touch itself"):
        make(mesh, Contact(("top", "left"), **options))
    with pytest.raises(ValueError, match="`reach` 0.6 must be below the distance 0.5 of parts of 'all'"):
        make(mesh, Contact("all", stiffness=1.0, reach=0.6))
    both = fem.join({"a": mesh, "b": _moved(fem.rectangle((3, 3)), (0.3, 0.93))})
    with pytest.raises(
        ValueError, match="'a_all' and 'b_all' overlap as they are given: 2 pairs of facets cross, by up to 0.07"
    ):
        named = both.with_union("a_all", [f"a_{n}" for n in ("left", "right", "bottom", "top")])
        named = named.with_union("b_all", [f"b_{n}" for n in ("left", "right", "bottom", "top")])
        make(named, Contact(("a_all", "b_all"), **options))


@pytest.mark.parametrize("dim", [2, 3])
def test_a_reach_beyond_the_thinnest_part_of_two_bodies_is_refused(dim):
    """A strip all of whose sides may touch a block; with one side of it, facets shorter than the reach do no harm."""
    block, strip = (fem.rectangle, fem.box)[dim - 2], (fem.rectangle, fem.box)[dim - 2]
    lower = block((2,) * dim, (1.0,) * dim)
    upper = strip((9,) + (1,) * (dim - 1), (1.0,) + (0.5,) * (dim - 2) + (0.1,))
    mesh = fem.join({"block": lower, "strip": _moved(upper, np.append(np.zeros(dim - 1), 1.2))})
    sides = ("left", "right", "bottom", "top", "front", "back")[: 2 * dim]
    mesh = mesh.with_union("strip_skin", [f"strip_{side}" for side in sides])
    law = materials.LinearElastic(E=E, nu=NU)
    space, law = fem.FunctionSpace(mesh, 1, dim), materials.PlaneStrain(law) if dim == 2 else law
    make = lambda where, reach: physics.Solid(
        space, law, fem.Dirichlet("block_bottom", 0.0), Contact(where, stiffness=1.0, reach=reach), density=1.0
    )
    with pytest.raises(
        ValueError, match="`reach` 0.15 must be below the thickness 0.1 of the thinnest part of 'strip_"
    ):
        make(("block_top", "strip_skin"), 0.15)
    make(("block_top", "strip_skin"), 0.09)
    make(("block_top", "strip_bottom"), 0.15)


@pytest.mark.parametrize("dim", [2, 3])
def test_bodies_that_overlap_are_moved_apart(dim):
    """Straight out of the lower one, by as deep as they are in one another and the gap; what is apart stays."""
    lower = fem.rectangle((4, 2), (1.0, 0.5)) if dim == 2 else fem.box((2, 2, 1), (1.0, 1.0, 0.5))
    small = fem.rectangle((2, 2), (0.5, 0.5)) if dim == 2 else fem.box((1, 1, 1), (0.5, 0.5, 0.5))
    by = np.append(np.full(dim - 1, 0.2), 0.43)
    mesh = fem.join({"lower": lower, "upper": _moved(small, by)})
    names = ("lower_top", "upper_bottom")
    found = separated(mesh, names, 1e-3)
    moved = np.asarray(found.points - mesh.points)
    np.testing.assert_allclose(moved[: lower.n_points], 0.0, atol=1e-15)
    assert np.abs(moved[lower.n_points :] - np.append(np.zeros(dim - 1), 0.071)).max() < 1e-8
    assert separated(found, names, 1e-3) is found
    law = materials.LinearElastic(E=E, nu=NU)
    law = materials.PlaneStrain(law) if dim == 2 else law
    ends = [fem.Dirichlet("lower_bottom", 0.0), fem.Dirichlet("upper_top", 0.0)]
    make = lambda mesh: physics.Solid(
        fem.FunctionSpace(mesh, 1, dim), law, ends, Contact(names, stiffness=1.0, reach=5e-3)
    )
    make(found)
    with pytest.raises(ValueError, match="nodes of their surfaces lie inside of another body, up to 0.07 deep"):
        make(mesh)
    with pytest.raises(ValueError, match="are of one body"):
        separated(lower, ("top", "bottom"), 1e-3)
    with pytest.raises(ValueError, match="`gap` must be positive"):
        separated(mesh, names, 0.0)


def test_a_body_made_of_several_keeps_their_groups():
    a, b = fem.rectangle((2, 1)), fem.rectangle((1, 2), cell_type="triangle")
    mesh = fem.join({"a": a, "b": _moved(b, (2.0, 0.0))})
    assert mesh.n_cells == 6 and mesh.n_points == a.n_points + b.n_points
    assert sorted(mesh.cell_groups) == ["a", "b"]
    for name, part, by in (("a", a, 0.0), ("b", b, 2.0)):
        for group in ("left", "top"):
            there = np.asarray(mesh.points)[np.asarray(mesh.nodes_on(f"{name}_{group}"))]
            own = np.asarray(part.points)[np.asarray(part.nodes_on(group))] + [by, 0.0]
            np.testing.assert_array_equal(there[np.lexsort(there.T)], own[np.lexsort(own.T)])
    with pytest.raises(ValueError, match="one dimension and degree"):
        fem.join({"a": a, "b": fem.box((1, 1, 1))})
    with pytest.raises(ValueError, match="give the name 'a_b' twice"):
        fem.join({"a": a.with_cell_group("b", lambda x: x[0] > -1), "a_b": b})


@pytest.mark.slow
def test_lists_that_are_too_short_are_named_and_lengthened(pressed):
    body, solution = pressed
    short = _blocks(pairs=10)
    found = sp.solve(short)
    np.testing.assert_allclose(found.value, solution.value, atol=1e-12)
    inside = eqx.filter_jit(lambda b: sp.solve(b, throw=False).result)(short)
    assert inside == sp.RESULTS.contact_overflow
