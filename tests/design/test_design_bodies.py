"""Designs as bodies with meshes of their own: volume, groups, pieces, walls, what printers read, and what they hold."""

import dataclasses
import xml.etree.ElementTree as ElementTree
import zipfile

import jax.numpy as jnp
import meshio
import numpy as np
import pytest
from test_parts import MESHES, edges_pair_up, volume

import simphys as sp
from simphys import design, fem


def centres(mesh):
    return np.asarray(mesh.points)[np.asarray(mesh.cells)].mean(axis=1)


def ball(mesh, radius=0.4):
    """A density whose level 1/2 is half a ball (a disk) that stands on the mesh's last axis."""
    middle = np.array([1.0, 0.5, 0.0][: mesh.dim])
    middle[-1] = 0.0
    return middle, np.clip(0.5 + 2 * (radius - np.linalg.norm(centres(mesh) - middle, axis=1)), 0, 1)


@pytest.mark.parametrize("name", MESHES)
def test_half_a_ball_is_meshed_and_keeps_its_groups(name):
    mesh = MESHES[name](12)
    mesh = mesh.with_cell_group("near", lambda x: x[0] < 1.0)
    _, density = ball(mesh)
    body = design.body_of(mesh, density)
    assert body.strays == () and set(body.mesh.facet_groups) == {"bottom"} and set(body.mesh.cell_groups) == {"near"}
    points, triangles = body.surface(0.3)
    assert edges_pair_up(triangles) and float(np.min(fem.cell_quality(body.mesh))) > 0.15
    wanted = 2 / 3 * np.pi * 0.4**3 if mesh.dim == 3 else np.pi / 2 * 0.4**2 * 0.3
    np.testing.assert_allclose(volume(points, triangles), wanted, rtol=0.07)
    flat = np.asarray(body.mesh.points)[:, -1]
    facets = np.asarray(body.mesh.cells)[:, fem.facet_vertices(body.mesh.cell_type)]
    on = np.asarray(body.mesh.facet_groups["bottom"])
    assert np.all(np.abs(flat[facets[on[:, 0], on[:, 1]]]) < 1e-12)
    # All of the facets there, and no other.
    outer = fem.boundary_facets(np.asarray(body.mesh.cells), body.mesh.cell_type)
    assert np.sum(np.all(np.abs(flat[facets[outer[:, 0], outer[:, 1]]]) < 1e-12, axis=1)) == len(on)


@pytest.mark.parametrize("name", MESHES)
def test_any_density_makes_a_mesh_that_can_be_used(name):
    """No cell is inverted (a `Mesh` would refuse it), and nothing is lost where all is full."""
    mesh, random = MESHES[name](4), np.random.default_rng(0)
    for density in (random.uniform(size=mesh.n_cells), random.integers(0, 2, mesh.n_cells)):
        body = design.body_of(mesh, density, strays=True)
        assert float(np.min(fem.cell_quality(body.mesh))) > 0.02
        kept, other = design.body_of(mesh, density), design.body_of(mesh, density, smooth=5, strays=True)
        size = lambda body: volume(*body.surface())
        np.testing.assert_allclose(size(kept) + sum(kept.strays), size(body), rtol=1e-9)
        assert float(np.min(fem.cell_quality(other.mesh))) > 0
    body = design.body_of(mesh, np.ones(mesh.n_cells))
    np.testing.assert_allclose(volume(*body.surface()), 2.0, rtol=1e-12)
    assert set(body.mesh.facet_groups) == set(mesh.facet_groups)
    assert design.body_of(mesh, np.zeros(mesh.n_cells)) is None


@pytest.mark.parametrize("name", MESHES)
def test_smoothing_takes_the_steps_and_leaves_the_volume(name):
    mesh = MESHES[name](12)
    noise = np.random.default_rng(0).uniform(-0.2, 0.2, mesh.n_cells)
    density = np.clip(ball(mesh)[1] + noise, 0.0, 1.0)
    cut, smooth = (design.body_of(mesh, density, smooth=times).surface(0.3) for times in (0, 20))
    flat = 0.0 if mesh.dim == 3 else 2 / 0.3
    wall = lambda surface: design.part_facts(*surface).area - flat * volume(*surface)
    # Of all walls around a volume smooth ones are the least.
    assert wall(smooth) < 0.99 * wall(cut), (wall(smooth), wall(cut))
    np.testing.assert_allclose(volume(*smooth), volume(*cut), rtol=0.02)


@pytest.mark.slow
def test_what_a_maker_asks():
    mesh = fem.box((12, 4, 6), (3.0, 1.0, 1.5))
    facts = design.part_facts(*design.part_of(mesh, np.ones(mesh.n_cells)))
    np.testing.assert_allclose([facts.volume, facts.area, facts.wall, facts.overhang], [4.5, 18.0, 1.0, 0.0], atol=1e-9)
    assert facts.pieces == pytest.approx((4.5,)) and facts.mass(7.8) == pytest.approx(35.1)
    mesh = fem.box((24, 8, 12), (3.0, 1.0, 1.5))
    x = centres(mesh)
    table = (x[:, 2] > 1.0) | (x[:, 0] < 0.5) | (x[:, 0] > 2.5)
    body = design.body_of(mesh, table)
    facts = design.part_facts(*body.surface())
    np.testing.assert_allclose(facts.wall, 0.5, atol=0.1)
    # The underside of the top, 2 × 1 of the area; turned round it stands on it.
    np.testing.assert_allclose(facts.overhang * facts.area, 2.0, atol=0.3)
    assert design.part_facts(*body.surface(), up=(0, 0, -1)).overhang < 0.02
    hollow = np.all(np.abs(x - [1.5, 0.5, 0.75]) < [0.5, 0.2, 0.3], axis=1)
    inner = design.part_facts(*design.part_of(mesh, ~hollow))
    assert len(inner.pieces) == 2 and inner.pieces[1] < 0 and sum(inner.pieces) == pytest.approx(inner.volume)


def test_strays_are_named_and_left_out():
    mesh = fem.rectangle((30, 10), (3.0, 1.0))
    x = centres(mesh)
    density = (x[:, 0] < 1.5) | ((np.abs(x[:, 0] - 2.35) < 0.2) & (np.abs(x[:, 1] - 0.5) < 0.2))
    body = design.body_of(mesh, density)
    assert len(body.strays) == 1 and body.strays[0] == pytest.approx(0.12, rel=0.3)
    assert float(np.max(np.asarray(body.mesh.points)[:, 0])) < 1.7 and "1 stray" in repr(body)
    assert design.body_of(mesh, density, strays=True).strays == ()


def test_printers_read_it(tmp_path):
    mesh = MESHES["hexahedra"](2)
    points, triangles = design.body_of(mesh, np.ones(mesh.n_cells)).surface()
    sp.io.write_surface(tmp_path / "box.obj", points, triangles)
    found = meshio.read(tmp_path / "box.obj")
    np.testing.assert_allclose(volume(found.points, found.cells_dict["triangle"]), 2.0, rtol=1e-8)
    sp.io.write_surface(tmp_path / "box.3mf", points, triangles, unit="meter")
    with zipfile.ZipFile(tmp_path / "box.3mf") as archive:
        assert archive.testzip() is None and archive.namelist()[0] == "[Content_Types].xml"
        model = ElementTree.fromstring(archive.read("3D/3dmodel.model"))
        ElementTree.fromstring(archive.read("_rels/.rels"))
    space = "{http://schemas.microsoft.com/3dmanufacturing/core/2015/02}"
    corners = np.array([[float(v.get(k)) for k in "xyz"] for v in model.iter(space + "vertex")])
    faces = np.array([[int(t.get(k)) for k in ("v1", "v2", "v3")] for t in model.iter(space + "triangle")])
    assert model.get("unit") == "meter" and volume(corners, faces) == pytest.approx(2.0, rel=1e-8)


def strip(mesh):
    law = sp.materials.PlaneStress(sp.materials.LinearElastic(E=10.0, nu=0.0))
    space = fem.FunctionSpace(mesh, 2, components=2)
    body = sp.physics.Solid(space, law, [fem.Dirichlet("left", 0.0)], [sp.physics.Traction("pull", [1.0, 0.0])])
    return design.Compliance(body), [design.AtMost(design.Volume(), 0.5)]


@pytest.mark.slow
def test_half_a_strip_is_as_stiff_as_a_body_as_its_densities_say():
    """F²L/(EA) of the upper half, pulled along, where the cut follows cells; without a body there is nothing to judge."""
    mesh = fem.rectangle((6, 4), (3.0, 1.0)).with_facet_group("pull", lambda x: (x[0] > 2.99) & (x[1] > 0.499))
    layout, (objective, (filled,)) = design.Layout(mesh), strip(mesh)
    full = np.where(centres(mesh)[:, 1] > 0.5, 1.0, 0.0)
    value, outcome = objective(layout, jnp.asarray(full), objective.begin())
    share = {filled.name: float(np.mean(full))}
    found = design.Design(
        "", "", full, full, layout, float(value), share, [], (objective, filled), (outcome.memory, None)
    )
    judged = design.reanalysed(found, strip, smooth=0)
    np.testing.assert_allclose(judged.objective.of_body, 0.5**2 * 3.0 / (10.0 * 0.5), rtol=1e-9)
    np.testing.assert_allclose(judged.objective.change, 0.0, atol=1e-6)
    np.testing.assert_allclose(judged.constraints[filled.name].of_body, 0.5, rtol=1e-12)
    assert "0.15 as a body" in str(judged)
    with pytest.raises(ValueError, match="there is no body"):
        design.reanalysed(dataclasses.replace(found, density=0.1 * full), strip)
    # A load that acts where nothing is left is no load.
    with pytest.raises(ValueError):
        design.reanalysed(dataclasses.replace(found, density=1 - full), strip)


def test_misuse_is_named():
    mesh = fem.rectangle((4, 2))
    with pytest.raises(ValueError, match="A density for each"):
        design.body_of(mesh, np.ones(3))
    with pytest.raises(ValueError, match="`smooth`"):
        design.body_of(mesh, np.ones(8), smooth=-1)
    with pytest.raises(ValueError, match="split by smaller cells"):
        design.body_of(mesh.refined([0]), np.ones(mesh.refined([0]).n_cells))
    points, triangles = design.part_of(mesh, np.ones(8))
    for given, match in ((dict(up=(0, 0, 0)), "`up`"), (dict(angle=90.0), "`angle`")):
        with pytest.raises(ValueError, match=match):
            design.part_facts(points, triangles, **given)
    with pytest.raises(ValueError, match="expected, got"):
        design.part_facts(points, triangles[:0])
