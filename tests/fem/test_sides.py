"""Facets between two cells: which of the two their normal points out of."""

import jax.numpy as jnp
import numpy as np
import pytest

from simphys import physics
from simphys.fem import CellField, Dirichlet, FunctionSpace, Integral, Mesh, facets_of, rectangle, total_energy
from simphys.io import read_mesh
from simphys.materials import IsotropicConduction, LinearElastic, PlaneStrain


NODES = "*NODE\n" + "\n".join(f"{1 + i + 3 * j}, {i}., {j}." for j in range(3) for i in range(3))
QUADS = "\n*ELEMENT, TYPE=CPE4, ELSET=ALL\n1, 1,2,5,4\n2, 2,3,6,5\n3, 5,6,9,8\n4, 4,5,8,7\n"

MSH = """$MeshFormat
2.2 0 8
$EndMeshFormat
$PhysicalNames
4
1 1 "middle"
1 2 "edge"
2 3 "left"
2 4 "right"
$EndPhysicalNames
$Nodes
6
1 0 0 0
2 1 0 0
3 2 0 0
4 0 1 0
5 1 1 0
6 2 1 0
$EndNodes
$Elements
4
1 1 2 1 1 2 5
2 1 2 2 2 3 6
3 3 2 3 3 1 2 5 4
4 3 2 4 4 2 3 6 5
$EndElements
"""


def read(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    return read_mesh(tmp_path / name)


def area_vector(mesh, name, side=None):
    geometry = facets_of(FunctionSpace(mesh), name, side=side).geometry(mesh)
    return np.einsum("eqd,eq->d", geometry.normal, geometry.measure)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [("1, S2\n4, S2", [2, 0]), ("2, S4\n3, S4", [-2, 0]), ("1, S2\n3, S4", [0, 0]), ("4, S1\n3, S1", [0, -2])],
)
def test_a_surface_of_a_deck_keeps_the_side_it_names(tmp_path, rows, expected):
    mesh = read(tmp_path, "a.inp", f"{NODES}{QUADS}*SURFACE, NAME=WALL\n{rows}\n")
    assert mesh.unsided == ()
    np.testing.assert_allclose(area_vector(mesh, "WALL"), expected, atol=1e-15)


def test_a_pressure_on_a_wall_inside_pushes(tmp_path):
    mesh = read(tmp_path, "a.inp", f"{NODES}{QUADS}*SURFACE, NAME=WALL\n1, S2\n4, S2\n")
    space = FunctionSpace(mesh, 1, 2)
    term = physics.Pressure("WALL", 3.0).integral(space)
    push = lambda x: total_energy(term, (space,), (jnp.broadcast_to(jnp.asarray(x), (9, 2)),))
    assert float(push([1.0, 0.0])) == pytest.approx(6.0) and float(push([0.0, 1.0])) == pytest.approx(0.0)


def test_a_group_without_sides_has_no_normal_but_an_area(tmp_path):
    mesh = read(tmp_path, "a.msh", MSH)
    assert mesh.unsided == ("middle",)
    geometry = facets_of(FunctionSpace(mesh), "middle").geometry(mesh)
    assert float(geometry.measure.sum()) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="'middle' has facets between two cells.*`side`"):
        geometry.normal  # noqa: B018
    np.testing.assert_allclose(area_vector(mesh, "edge"), [1, 0])
    np.testing.assert_allclose(area_vector(mesh, "middle", "left"), [1, 0], atol=1e-15)
    np.testing.assert_allclose(area_vector(mesh, "middle", "right"), [-1, 0], atol=1e-15)
    np.testing.assert_allclose(area_vector(mesh, "edge", "right"), [1, 0], atol=1e-15)
    with pytest.raises(ValueError, match="belong to one cell of `side` 'left', but 0 of 1 belong to two and 1 to none"):
        facets_of(FunctionSpace(mesh), "edge", side="left")
    with pytest.raises(ValueError, match="1 of 1 belong to two"):
        both = Mesh(
            mesh.points, mesh.cells, "quadrilateral", cell_groups={"all": [0, 1]}, facet_groups=mesh.facet_groups
        )
        both.facets("middle", "all")


def test_loads_with_a_normal_name_their_side(tmp_path):
    mesh = read(tmp_path, "a.msh", MSH).with_union("skin", ["middle", "edge"])
    assert mesh.unsided == ("middle", "skin")
    vector, scalar = FunctionSpace(mesh, 1, 2), FunctionSpace(mesh)
    for name in ("middle", "skin"):
        for load in (physics.Pressure(name, 1.0), physics.Pressure(name, 1.0, True)):
            with pytest.raises(ValueError, match=f"'{name}' has facets between two cells"):
                load.integral(vector)
        with pytest.raises(ValueError, match=f"'{name}' has facets between two cells"):
            physics.Flux(name, 1.0).integral(scalar)
    physics.Flux("middle", 1.0, side="left").integral(scalar)
    physics.Traction("middle", [1.0, 0.0]).integral(vector)
    up = jnp.zeros((6, 2)).at[:, 0].set(1.0)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        term = physics.Pressure("middle", 2.0, side=side).integral(vector)
        assert float(total_energy(term, (vector,), (up,))) == pytest.approx(2 * sign)


def _weak(fields, point, parameters):
    return ((point.normal[0] * fields[0].value, None),)


def _energy(fields, point, parameters):
    return point.normal[0] * fields[0].value ** 2 / 2


def test_a_term_of_ones_own_cannot_read_a_normal_that_is_not_there(tmp_path):
    space = FunctionSpace(read(tmp_path, "a.msh", MSH))
    term = Integral(facets_of(space, "middle"), _weak, None, _energy, slots=("value",))
    with pytest.raises(ValueError, match="'middle' has facets between two cells"):
        total_energy(term, (space,), (jnp.ones(6),))


def _slope(fields, point, parameters):
    return ((fields[0].gradient[0], None),)


def _value(fields, point, parameters):
    return ((parameters * fields[0].value, None),)


def _square(fields, point, parameters):
    return parameters * fields[0].value ** 2 / 2


def test_gradients_and_values_of_cells_have_two_sides(tmp_path):
    mesh = read(tmp_path, "a.msh", MSH)
    space, u = FunctionSpace(mesh), jnp.ones(6)
    with pytest.raises(ValueError, match="'middle' has facets between two cells, where a gradient has two values"):
        total_energy(Integral(facets_of(space, "middle"), _slope, jnp.asarray(1.0), _square), (space,), (u,))
    h = CellField(jnp.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="where a parameter that differs from cell to cell has two values"):
        total_energy(Integral(facets_of(space, "middle"), _value, h, _square), (space,), (u,))
    for side, expected in (("left", 0.5), ("right", 1.0)):
        term = Integral(facets_of(space, "middle", side=side), _value, h, _square)
        assert float(total_energy(term, (space,), (u,))) == pytest.approx(expected)
    # A value alone has no side.
    term = Integral(facets_of(space, "middle"), _value, jnp.asarray(3.0), _square)
    assert float(total_energy(term, (space,), (u,))) == pytest.approx(1.5)


def test_whole_problems(tmp_path):
    mesh = read(tmp_path, "a.msh", MSH)
    law = PlaneStrain(LinearElastic(E=1.0, nu=0.3))
    hold = Dirichlet("edge", (0.0, 0.0))
    with pytest.raises(ValueError, match="'middle'"):
        physics.Solid(FunctionSpace(mesh, 1, 2), law, [hold], [physics.Pressure("middle", 1.0)])
    with pytest.raises(ValueError, match="'middle'"):
        physics.Heat(
            FunctionSpace(mesh), IsotropicConduction(k=1.0), [Dirichlet("edge", 0.0)], [physics.Flux("middle", 1.0)]
        )


def test_names_of_groups_without_sides_are_checked():
    mesh = rectangle((1, 1))
    with pytest.raises(ValueError, match="No facet group 'middle'"):
        Mesh(mesh.points, mesh.cells, mesh.cell_type, facet_groups=mesh.facet_groups, unsided=("middle",))
