"""Conditions that contradict each other, and index arrays that are none."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import newton_step

from simphys import RESULTS, physics, solve
from simphys.fem import Dirichlet, FunctionSpace, Mesh, Periodic, cells_of, line, rectangle
from simphys.inverse import FaceMean, PointValues, Resultant
from simphys.materials import IsotropicConduction


K = IsotropicConduction(k=2.0)


def heat(*constraints, mesh=None):
    return physics.Heat(FunctionSpace(rectangle((2, 2)) if mesh is None else mesh), K, constraints)


LEFT, RIGHT, AROUND = Dirichlet("left", 0.0), Dirichlet("right", 1.0), Periodic("left", "right")


@pytest.mark.parametrize("order", [(LEFT, RIGHT, AROUND), (AROUND, LEFT, RIGHT), (RIGHT, AROUND, LEFT)])
def test_values_on_both_sides_of_a_periodicity(order):
    with pytest.raises(ValueError, match="periodicity of 'right' with 'left' are decided by other conditions"):
        heat(*order)


@pytest.mark.slow
def test_values_that_agree_with_the_periodicity_are_no_contradiction():
    problem = heat(LEFT, RIGHT, Periodic("left", "right", 1.0))
    assert np.allclose(newton_step(problem), problem.space.nodes()[:, 0])
    # Corners that are held are on both sides.
    assert np.allclose(newton_step(heat(Dirichlet("bottom", 0.0), Dirichlet("top", 1.0), AROUND)).max(), 1.0)


@pytest.mark.slow
def test_values_that_come_to_contradict_later_are_never_an_answer():
    problem = heat(LEFT, RIGHT, Periodic("left", "right", 1.0))
    moved = eqx.tree_at(lambda p: p.constraints[1].value, problem, jnp.asarray(2.0))
    solution = solve(moved, throw=False)
    assert solution.result != RESULTS.successful and not np.isfinite(solution.value).all()
    reduction = problem.system.reduction
    held = lambda v: eqx.tree_at(lambda c: c[0].value, problem.constraints, v)
    slope = jax.grad(lambda v: jnp.sum(reduction.prescribed(problem.spaces, held(v), float)))
    assert np.isfinite(slope(0.0))


def test_two_periodicities_of_one_pair():
    with pytest.raises(ValueError, match="are decided by other conditions, and not as it says"):
        heat(Periodic("left", "right", 0.0), Periodic("left", "right", 1.0), Dirichlet([0], 0.0))
    heat(Periodic("left", "right"), Periodic("bottom", "top"), Dirichlet([0], 0.0))


def test_a_target_of_two_sources():
    """The second source follows the target; what joins once more what is joined must agree."""
    mesh = line(4).with_point_group("middle", lambda x: jnp.abs(x[0] - 0.5) < 1e-9)
    two = Periodic("left", "right", 1.0), Periodic("middle", "right", 3.0)
    problem = heat(*two, Dirichlet([1], 0.0), mesh=mesh)
    u = problem.value(jnp.arange(1.0, problem.system.reduction.size + 1))
    assert np.allclose(u[jnp.array([4, 2])], u[0] + jnp.array([1.0, -2.0]))
    heat(*two, Periodic("left", "middle", -2.0), Dirichlet([1], 0.0), mesh=mesh)
    with pytest.raises(ValueError, match="periodicity of 'middle' with 'left' are decided by other conditions"):
        heat(*two, Periodic("left", "middle"), Dirichlet([1], 0.0), mesh=mesh)


def test_a_group_is_not_periodic_with_itself():
    with pytest.raises(ValueError, match="two groups, got 'left' twice"):
        Periodic("left", "left")
    mesh = rectangle((2, 2)).with_point_group("west", lambda x: x[0] < 1e-9)
    with pytest.raises(ValueError, match="3 nodes of 'west' are their own partners in 'left'"):
        Periodic("left", "west").resolved(FunctionSpace(mesh))


@pytest.mark.slow
def test_a_mask_selects_nodes():
    space = FunctionSpace(rectangle((2, 2)))
    mask = np.asarray(space.nodes()[:, 0]) == 1.0
    for given in (mask, jnp.asarray(mask), mask.tolist()):
        assert Dirichlet(given, 0.0).nodes(space).tolist() == [2, 5, 8]
        assert Dirichlet(given, np.array([1.0, 2.0, 3.0])).resolved(space).where == (2, 5, 8)
    problem = heat(LEFT, Dirichlet(mask, 1.0))
    value = newton_step(problem)
    assert np.allclose(value, space.nodes()[:, 0])
    assert np.allclose(problem.resultant(value, mask), problem.resultant(value, "right"))
    assert np.allclose(problem.resultant(value, mask), 2.0)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (np.array([8.0]), "`where` must hold whole numbers or a mask, got float64"),
        (np.array([8.7]), "got float64"),
        ([1.0, 2.0], "got float64"),
        (jnp.array([1.0]), "got float64"),
        (np.array(["left"]), "got <U4"),
        (np.ones(4, bool), r"must have shape \(9,\), got \(4,\)"),
        (np.zeros(4, bool), r"must have shape \(9,\), got \(4,\)"),
        (np.ones((9, 1), bool), r"must have shape \(node,\), got \(9, 1\)"),
        ([9], "entries in 0 … 8"),
        ([-1], "entries in 0"),
    ],
)
def test_arrays_that_are_no_node_numbers(where, message):
    with pytest.raises(ValueError, match=message):
        heat(LEFT, Dirichlet(where, 0.0))


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ([0.0], "float64"),
        ([9], "entries in 0 … 8, got 9"),
        ([-1], "entries in 0 … 8"),
        (np.ones(3, bool), r"must have shape \(9,\)"),
    ],
)
def test_resultants_of_no_nodes(where, message):
    problem = heat(LEFT, RIGHT)
    with pytest.raises(ValueError, match=message):
        problem.resultant(jnp.zeros(9), where)


def test_masks_and_floats_elsewhere():
    space = FunctionSpace(rectangle((2, 2)))
    mesh = space.mesh
    assert cells_of(space, np.array([False, True, True, False])).cells.tolist() == [1, 2]
    for cells in ([0.0], [True, False], [4], [-1]):
        with pytest.raises(ValueError, match="`cells`"):
            cells_of(space, cells)
    what = (mesh.points, mesh.cells, mesh.cell_type)
    faces = np.zeros((4, 4), bool)
    faces[1, 2] = True
    groups = dict(
        cell_groups={"a": [True, False, False, True]}, point_groups={"b": np.arange(9) > 6}, facet_groups={"c": faces}
    )
    masked = Mesh(*what, **groups)
    assert masked.cells_in("a").tolist() == [0, 3] and masked.point_groups["b"].tolist() == [7, 8]
    assert masked.facets("c").tolist() == [[1, 2]]
    for kind, bad in (("cell", [True]), ("point", np.ones(8, bool)), ("facet", np.ones(4, bool)), ("cell", [1.0])):
        with pytest.raises(ValueError, match=f"{kind}_groups\\['x'\\]"):
            Mesh(*what, **{f"{kind}_groups": {"x": bad}})
    with pytest.raises(ValueError, match="`components` must hold whole numbers, got float64"):
        Dirichlet("left", 0.0, [0.5])
    with pytest.raises(ValueError, match="`components`: whole numbers expected, got booleans"):
        Dirichlet("left", 0.0, [True, False])
    vector = FunctionSpace(mesh, 1, 2)
    with pytest.raises(ValueError, match="`components` must have entries in 0 … 1, got 2"):
        PointValues(vector, [[0.5, 0.5]], [[1.0]], 1.0, components=[2])
    for kind in (Resultant, FaceMean):
        for component in (2, -1, 0.5):
            with pytest.raises(ValueError, match="`component`"):
                kind(vector, "left", 1.0, 1.0, component=component)
