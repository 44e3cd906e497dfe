"""The mesh: what it refuses, its groups, its facets."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys.fem import Mesh, box, line, rectangle


SQUARE = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
TWO = np.array([[0, 1, 2], [1, 3, 2]])


def test_leaves_are_jax_arrays_and_points_are_differentiable():
    mesh = rectangle((2, 2))
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(mesh))
    assert mesh.cells.dtype == jnp.int32 and mesh.facet_groups["left"].dtype == jnp.int32

    def area(points):
        moved = eqx.tree_at(lambda m: m.points, mesh, points)
        a, b, c, _ = jnp.moveaxis(moved.points[moved.cells], 1, 0)
        u, v = b - a, c - a
        return jnp.sum(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])

    assert jnp.allclose(jnp.sum(jax.grad(area)(mesh.points) * mesh.points), 2 * area(mesh.points))


def test_built_under_jit_from_traced_points():
    moved = jax.jit(lambda s: Mesh(s * SQUARE, TWO, "triangle").points)(2.0)
    assert jnp.array_equal(moved, 2 * SQUARE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(cell_type="wedge"), "`cell_type` must be one of .*got 'wedge'"),
        (dict(degree=4), "`degree` of a mesh must be 1, 2 or 3, got 4"),
        (dict(degree=2), r"must have shape \(cell, 6\), got \(2, 3\)"),
        (dict(points=np.zeros((4, 3))), r"must have shape \(node, 2\), got \(4, 3\)"),
        (dict(cells=TWO[:0]), "The mesh has no cells"),
        (dict(cells=TWO.astype(float)), "`cells` must hold integers, got float64"),
        (dict(cells=TWO + 2**32), "`cells` must fit into 32 bits"),
        (dict(cells=[[0, 1, 2], [1, 4, 2]]), r"1 cell names nodes outside 0 … 3: 1\."),
        (dict(cells=[[0, 1, 2], [-1, 3, 2]]), r"1 cell names nodes outside 0 … 3: 1\."),
        (dict(cells=[[0, 1, 2]]), r"1 node belongs to no cell \(orphan\): 3\."),
        (
            dict(points=np.where(SQUARE == 1, np.nan, 0)),
            r"3 nodes with NaN or infinite .*: 1, 2, 3\.",
        ),
        (dict(points=np.where(SQUARE == 1, np.inf, 0)), "3 nodes with NaN or infinite"),
        (dict(cells=[[0, 1, 2], [1, 2, 3]]), r"1 cell inverted \(det J < 0\): 1\."),
        (dict(cells=TWO[:, ::-1]), "All 2 cells are negatively oriented"),
        (dict(points=SQUARE * [1, 0]), r"2 cells degenerate \(det J = 0 within rounding\): 0, 1\."),
        (dict(cells=[[0, 1, 2], [1, 3, 3]]), "1 cell degenerate"),
        (dict(cell_groups={"a": [2]}), r"Cell group 'a' must have entries in 0 … 1, got 2 … 2"),
        (dict(cell_groups={"a": [[0, 1]]}), r"Cell group 'a' must have shape \(n,\), got \(1, 2\)"),
        (dict(facet_groups={"a": [0, 1]}), r"Facet group 'a' must have shape \(n, 2\), got \(2,\)"),
        (dict(facet_groups={"a": [[0, 3]]}), r"Facet group 'a' must have entries in 0 … 2, got 3 … 3"),
        (dict(point_groups={"a": [-1]}), r"Point group 'a' must have entries in 0 … 3, got -1 … -1"),
    ],
)
def test_refuses(change, message):
    arguments = dict(points=SQUARE, cells=TWO, cell_type="triangle", degree=1)
    Mesh(**arguments)
    with pytest.raises(ValueError, match=message):
        Mesh(**{**arguments, **change})


def test_names_the_first_of_many_inverted_cells():
    mesh = rectangle((10, 10), cell_type="triangle")
    cells = np.array(mesh.cells)
    cells[20:40] = cells[20:40, ::-1]
    with pytest.raises(ValueError, match=r"20 cells inverted .*: 20, 21, 22, 23, 24, …"):
        Mesh(mesh.points, cells, "triangle")


def test_folded_quadratic_cell():
    mesh = rectangle((1, 1), degree=2)
    with pytest.raises(ValueError, match="1 cell folded"):
        Mesh(mesh.points.at[mesh.cells[0, 4]].add(jnp.array([0.5, 0.0])), mesh.cells, "quadrilateral", 2)


def test_thin_cells_pass_in_single_precision():
    thin = box((2, 2, 2), (1e4, 1.0, 1e-3), cell_type="tetrahedron")
    single = Mesh(thin.points.astype(jnp.float32), thin.cells, "tetrahedron")
    assert single.points.dtype == jnp.float32 and single.n_cells == thin.n_cells


def test_flat_cells_far_from_the_origin_fail():
    mesh = rectangle((2, 2))
    points = np.array(mesh.points) * [1.0, 1e-12] + 1e3
    with pytest.raises(ValueError, match="degenerate"):
        Mesh(points, mesh.cells, "quadrilateral")


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize(
    "make",
    [
        lambda d: line(4, degree=d),
        lambda d: rectangle((3, 2), degree=d),
        lambda d: rectangle((3, 2), cell_type="triangle", degree=d),
        lambda d: box((2, 3, 2), degree=d),
        lambda d: box((2, 3, 2), cell_type="tetrahedron", degree=d),
    ],
)
def test_boundary_is_the_union_of_the_sides(make, degree):
    mesh = make(degree)
    sides = np.concatenate([np.asarray(pairs) for pairs in mesh.facet_groups.values()])
    assert np.array_equal(np.unique(sides, axis=0), mesh.boundary_facets())
    assert len(sides) == len(mesh.boundary_facets())


def test_boundary_of_overlapping_cells():
    mesh = Mesh(SQUARE, [*TWO.tolist(), TWO[0].tolist(), TWO[0].tolist()], "triangle")
    with pytest.raises(ValueError, match="facets are shared by more than two cells"):
        mesh.boundary_facets()


def test_groups_by_position():
    mesh = box((3, 3, 3), (3.0, 3.0, 3.0), degree=2)
    named = (
        mesh.with_facet_group("corner", lambda x: (x[0] < 1.1) & (x[2] < 1e-9))
        .with_cell_group("lower", lambda x: x[2] < 1.1)
        .with_point_group("edge", lambda x: jnp.all(x[:2] < 1e-9))
    )
    corner = np.asarray(named.facets("corner"))
    bottom = {tuple(pair) for pair in np.asarray(mesh.facets("bottom")).tolist()}
    assert len(corner) == 3 and all(tuple(pair) in bottom for pair in corner.tolist())
    assert np.array_equal(named.cells_in("lower"), np.arange(9))
    edge = np.asarray(named.points[named.nodes_on("edge")])
    assert np.array_equal(edge, np.stack([np.zeros(7), np.zeros(7), np.arange(7) / 2], axis=1))
    assert len(named.nodes_on("lower")) == 7 * 7 * 3
    assert np.array_equal(named.nodes_on("left"), np.flatnonzero(mesh.points[:, 0] == 0))


LEFT_OR_TOP = {
    "and, or": lambda x: x[0] < 1e-9 or (x[1] > 1.9 and x[1] < 2.1),
    "NumPy": lambda x: np.isclose(x[0], 0.0) | np.isclose(x[1], 2.0),
    "JAX": lambda x: jnp.isclose(x[0], 0.0) | jnp.isclose(x[1], 2.0),
    "all positions": lambda x: np.isclose(x[:, 0], 0.0) | np.isclose(x[:, 1], 2.0),
    "a length": lambda x: np.linalg.norm(x) < 1e-9 or float(x[0]) == 0.0 or x[1] == 2.0,
    "another meaning all at once": lambda x: bool(x[0] == 0.0) or x[1] >= x.max() == 2.0,
    "a mean of a position": lambda x: (x[0] == 0.0) | ((x[1] == 2.0) & (x[0] <= 2 * np.mean(x))),
}


@pytest.mark.parametrize("predicate", LEFT_OR_TOP.values(), ids=LEFT_OR_TOP)
def test_predicates_of_all_kinds(predicate):
    mesh = rectangle((4, 4), (2.0, 2.0))
    expected = np.union1d(mesh.nodes_on("left"), mesh.nodes_on("top"))
    assert np.array_equal(mesh.with_point_group("new", predicate).nodes_on("new"), expected)
    assert len(mesh.with_facet_group("new", predicate).facets("new")) == 8


def test_nodes_by_mask_and_number():
    mesh = rectangle((4, 4), (2.0, 2.0))
    left = np.asarray(mesh.nodes_on("left"))
    for chosen in (left, left.tolist(), np.isin(np.arange(mesh.n_points), left), jnp.asarray(left)):
        assert np.array_equal(mesh.with_point_group("new", chosen).nodes_on("new"), left)
        assert np.array_equal(mesh.with_facet_group("new", chosen).facets("new"), mesh.facets("left"))


def test_unknown_group_lists_the_known_ones():
    mesh = rectangle((2, 2))
    with pytest.raises(
        ValueError,
        match=r"No facet group 'lefft'; there are 'bottom', 'left', 'right', 'top'. Did you mean 'left'",
    ):
        mesh.facets("lefft")
    with pytest.raises(ValueError, match="No cell group 'left'; there are none"):
        mesh.cells_in("left")
    with pytest.raises(ValueError, match="No point, facet or cell group 'x'"):
        mesh.nodes_on("x")


def test_a_name_of_two_kinds():
    mesh = rectangle((2, 2))
    same = mesh.with_point_group("left", lambda x: x[0] == 0)
    assert np.array_equal(same.nodes_on("left"), mesh.nodes_on("left"))
    other = mesh.with_point_group("left", lambda x: x[1] == 0)
    with pytest.raises(ValueError, match="'left' names a point and a facet group with different nodes"):
        other.nodes_on("left")


@pytest.mark.parametrize(
    ("predicate", "message"),
    [
        (lambda x: x > 0, r"returns one for each; got bool of shape \(9, 2\)"),
        (lambda x: x[0], r"returns a boolean.*got float64 of shape \(\)"),
        (lambda x: x[:, 0], r"got float64 of shape \(9,\)"),
        (lambda x: np.isclose(x[2], 0.0), r"DOLFINx hands over \(3, points\): write `x\[0\]`"),
        (lambda x: 1 / 0, "division by zero"),
        (np.ones(8, bool), r"a mask must have shape \(9,\)"),
        ([0, 9], r"entries in 0 … 8"),
        ([0.5], "must hold whole numbers"),
        (lambda x: x[0] < -1, "No facet satisfies the predicate of group 'new'"),
    ],
)
def test_predicates_refused(predicate, message):
    with pytest.raises((ValueError, ZeroDivisionError), match=message):
        rectangle((2, 2)).with_facet_group("new", predicate)


def test_group_names_are_not_reused():
    with pytest.raises(ValueError, match="already a facet group 'left'"):
        rectangle((2, 2)).with_facet_group("left", lambda x: x[0] < 1e-9)


def test_groups_need_a_concrete_mesh():
    with pytest.raises(ValueError, match="needs a concrete mesh"):
        eqx.filter_jit(lambda mesh: mesh.nodes_on("left"))(rectangle((2, 2)))


def test_a_union_of_groups():
    mesh = rectangle((3, 2)).with_union("wet", ["right", "top", "right"])
    assert mesh.facet_groups["wet"].shape == (5, 2)
    x = np.asarray(mesh.points)[np.asarray(mesh.nodes_on("wet"))]
    assert np.all((x[:, 0] == 1) | (x[:, 1] == 1)) and len(x) == 6
    for groups in (["right", "nowhere"], []):
        with pytest.raises(ValueError, match="groups of one kind"):
            mesh.with_union("more", groups)
    with pytest.raises(ValueError, match="wet"):
        mesh.with_union("wet", ["left"])
