"""One mesh over several parts: the same body, the same gradient, the same number of iterations."""

import pathlib
from xml.etree import ElementTree

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _processes import free_port, outputs, started

import simphys as sp
from simphys.distributed import DividedConjugateGradients, Parts, keep_parts, take_up, traffic, write_parts
from simphys.distributed._agreement import compare
from simphys.distributed._bisection import bisect
from simphys.distributed._exchange import AXIS, beside, exchange_of
from simphys.distributed._numbering import numbered


def cube(cells=3, law=None, **loads):
    space = sp.fem.FunctionSpace(sp.fem.box((cells,) * 3), degree=1, components=3)
    law = sp.materials.LinearElastic(E=1000.0, nu=0.3) if law is None else law
    held = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", 0.1, components=0)]
    return sp.physics.Solid(space, law, held, loads)


@pytest.mark.parametrize("parts", [1, 2, 3, 7, 16])
def test_bisection_gives_parts_of_one_size_that_are_compact(parts):
    points = np.stack(np.meshgrid(np.arange(20.0), np.arange(10.0), np.arange(10.0)), -1).reshape(-1, 3)
    owner = bisect(points, parts)
    counts = np.bincount(owner, minlength=parts)
    assert counts.max() - counts.min() <= 1 + np.log2(parts)
    sides = [np.ptp(points[owner == part], axis=0).max() for part in range(parts)]
    assert max(sides) <= 20 / parts ** (1 / 3) + 3


def test_what_is_seen_comes_from_its_owner_and_goes_back_as_a_sum():
    owner = np.array([0, 0, 1, 2, 1, 2, 2, 0])
    wanted = [np.array([0, 1, 7, 2, 6]), np.array([2, 4, 0]), np.array([3, 5, 6, 0, 4])]
    numbering = numbered(owner, wanted, 3)
    exchange = jax.tree.map(jnp.asarray, beside(exchange_of(numbering)))
    whole = np.append(np.random.default_rng(0).standard_normal(8), 0.0)
    places = np.stack([numbering.whole(part, 8) for part in range(3)])
    own = jnp.asarray(whole[places[:, : numbering.places]])
    seen = jax.vmap(lambda e, x: e.spread(x), axis_name=AXIS)(exchange, own)
    there = places < 8
    np.testing.assert_array_equal(np.asarray(seen)[there], whole[places][there])
    ones = jnp.asarray(there, float)
    back = jax.vmap(lambda e, x: e.collect(x), axis_name=AXIS)(exchange, ones)
    counts = np.bincount(places.ravel(), minlength=9)
    valid = there[:, : numbering.places]
    np.testing.assert_array_equal(np.asarray(back)[valid], counts[places[:, : numbering.places]][valid])


def _refused(text, body, *given, **named):
    with pytest.raises(ValueError, match=text):
        Parts(body, *given, **named)


def test_what_cannot_be_divided_is_named():
    body = cube(2)
    space = body.space
    _refused("`devices` must lie between 1 and", body, 1000)
    _refused(r"Part \d+ of 64 has no cells: 8 cells are too few", body, 1, parts=64)
    _refused("must have one field", _stokes(), 1)
    _refused("Only prescribed values", _periodic(), 1)
    _refused("got a `RootProblem`", sp.RootProblem(lambda y, args: y), 1)
    _refused(r"`owners` must have shape \(27,\)", body, 1, owners=np.zeros(5, int))
    follower = sp.physics.Pressure("top", 0.1, follower=True)
    soft = sp.physics.Solid(space, sp.materials.NeoHooke(mu=1.0, lam=1.0), body.constraints, [follower])
    _refused("'Pressure' has no symmetric tangent", soft, 1)


def _stokes():
    spaces = sp.fem.taylor_hood(sp.fem.rectangle((2, 2)))
    return sp.physics.Stokes(spaces, viscosity=1.0, constraints=[sp.fem.Dirichlet("all", 0.0)])


def _periodic():
    space = sp.fem.FunctionSpace(sp.fem.rectangle((2, 2)), degree=1)
    held = [sp.fem.Periodic("left", "right"), sp.fem.Dirichlet("bottom", 0.0)]
    return sp.physics.Heat(space, sp.materials.IsotropicConduction(k=1.0), held)


def test_a_part_too_large_for_its_device_says_how_many_would_do(monkeypatch):
    body = cube(4)
    monkeypatch.setattr("simphys.distributed._memory.memory_of", lambda device: 200_000)
    with pytest.raises(ValueError, match=r"takes about 0\.00\d+ GB, and it has 0\.0002 GB: some \d+ devices would do"):
        Parts(body, 1)
    monkeypatch.setattr("simphys.distributed._memory.memory_of", lambda device: 10**9)
    Parts(body, 1)


def test_processes_that_differ_are_both_named():
    one = ["process 0 on a", "simphys 1", "64 bits", "cpu", "Heat 00"]
    compare([one, ["process 1 on b", *one[1:]]])
    with pytest.raises(ValueError, match="another problem: process 0 on a has Heat 00, process 2 on c has Heat 01"):
        compare([one, ["process 1 on b", *one[1:]], ["process 2 on c", *one[1:4], "Heat 01"]])


def test_a_divided_matrix_is_for_its_own_solver():
    body = cube(2)
    divided = Parts(body, 1, parts=2).divide(body)
    operator = eqx.filter_eval_shape(divided.jacobian, divided.unknowns(None))
    assert isinstance(sp.linalg.Auto().choose(operator), DividedConjugateGradients)
    with pytest.raises(ValueError, match="divided among devices is solved by `DividedConjugateGradients`"):
        operator.as_matrix()
    with pytest.raises(ValueError, match="DividedMatrix"):
        sp.linalg.Direct().init(operator, {})
    with pytest.raises(ValueError, match="for matrices that are divided among devices, got a `SparseOperator`"):
        DividedConjugateGradients().init(eqx.filter_eval_shape(body.jacobian, body.unknowns(None)), {})


def test_laws_of_finite_strain_see_positions_in_parts_too():
    """Of what is smaller than their rounding Newton's method makes no failure: tiny loads ended as `load_limit`."""
    body = cube(2, sp.materials.NeoHooke(mu=3.0, lam=6.0))
    parts = Parts(body, 1, parts=2)
    divided, y = parts.divide(body), body.unknowns(None)
    seen = parts.whole(divided.sizes(divided.unknowns(None)))
    np.testing.assert_allclose(seen, body.sizes(y), rtol=1e-12, atol=0.11)  # (prescribed values count twice)
    assert float(jnp.min(seen)) >= 1.0
    linear = cube(2)
    divided = Parts(linear, 1, parts=2).divide(linear)
    assert divided.sizes(divided.unknowns(None)) is None


def test_parts_of_another_problem_are_refused():
    body = cube(2)
    with pytest.raises(ValueError, match="another mesh or of other terms"):
        Parts(body, 1).divide(cube(3))


def close(a, b, rtol):
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        # What nothing depends on (a thickness in 3-D) is rounding.
        assert np.max(np.abs(x - y)) <= rtol * max(np.max(np.abs(y)), 1e-2)


@pytest.mark.slow
def test_a_divided_body_and_its_gradient_are_those_of_the_whole():
    mu = sp.fem.CellField(jnp.linspace(3.0, 4.0, 27))
    forces = np.zeros((64, 3))
    forces[-1] = 0.01
    loads = {"top": sp.physics.Traction("top", (0.0, 0.0, 0.1)), "corner": sp.physics.NodalForces(forces)}
    body = cube(3, sp.materials.NeoHooke(mu=mu, lam=6.0), **loads)
    parts = Parts(body, 1, parts=3)
    assert repr(parts) == "Parts(3 parts, 64 nodes, levels 192)"

    def solved(body):
        solution = sp.solve(parts.divide(body), method=sp.Newton(rtol=1e-11))
        return jnp.sum(parts.whole(solution.value) ** 2), solution

    plain = lambda body: jnp.sum(sp.solve(body, method=sp.Newton(rtol=1e-11)).value ** 2)
    (value, solution), gradient, certificate = eqx.filter_jit(sp.value_and_grad(solved, has_aux=True))(body)
    expected, reference, _ = eqx.filter_jit(sp.value_and_grad(plain))(body)
    assert float(value) == pytest.approx(float(expected), rel=1e-10)
    assert bool(solution.certificate.converged) and int(certificate.solves) == 1
    assert float(solution.certificate.tangent_defect) < 1e-6
    close(gradient, reference, 1e-7)


@pytest.mark.slow
def test_as_many_iterations_on_sixteen_parts_as_on_one_and_in_the_layout_of_a_gpu(monkeypatch):
    body = cube(5)
    counts = []
    for number in (1, 16, 3):
        if number == 3:
            for place in ("_rows", "_transfer"):
                monkeypatch.setattr(f"simphys.distributed.{place}.accelerated", lambda: True)
        divided = Parts(body, 1, parts=number, coarsest=60).divide(body)
        y = divided.unknowns(None)
        operator = eqx.filter_jit(divided.jacobian)(y)
        force = eqx.filter_jit(divided.residual)(y)
        solver = DividedConjugateGradients(rtol=1e-8)
        x, _, stats = eqx.filter_jit(lambda o, v, s=solver: s.compute(s.init(o, {}), v, {}))(operator, force)
        left = operator.mv(x) - force
        assert float(jnp.linalg.norm(left)) <= 3e-8 * float(jnp.linalg.norm(force))
        counts.append(int(stats["num_steps"]))
    assert max(counts) <= 1.3 * counts[0] and counts[0] <= 16


PROGRAM = pathlib.Path(__file__).parent / "data" / "divided.py"


@pytest.mark.slow
def test_gradients_on_devices_and_on_processes_are_equal(tmp_path):
    """On four devices of one process, and on two processes: what one device finds is held to the whole above."""
    port, own = str(free_port()), tmp_path / "devices"
    own.mkdir()
    with started(PROGRAM.read_text(), [["0", "1", "4"]], own, "--xla_force_host_platform_device_count=4") as running:
        (text,) = outputs(running, own, 400)
    four = _numbers(text)
    with started(PROGRAM.read_text(), [[port, "2", "0"], [port, "2", "1"]], tmp_path) as running:
        first, second = map(_numbers, outputs(running, tmp_path, 400))
    assert four[0] == 4 and first[0] == 2
    np.testing.assert_allclose(first[1:], four[1:], rtol=1e-10, atol=1e-13)
    # Both processes have the same bits.
    np.testing.assert_array_equal(first, second)


def _numbers(text):
    (line,) = [line for line in text.splitlines() if line.startswith("FOUND")]
    return np.array(line.split()[1:], float)


def test_parts_are_written_each_for_itself(tmp_path):
    body = cube(3)
    parts = Parts(body, 1, parts=3)
    x = np.asarray(body.space.nodes())
    own = jnp.asarray(np.append(x, np.zeros((1, 3)), axis=0)[np.asarray(parts.nodes)])
    write_parts(tmp_path / "cube.pvtu", parts, body.space, {"position": own, "height": own[..., 2:]})
    index = ElementTree.parse(tmp_path / "cube.pvtu").getroot()
    sources = [piece.get("Source") for piece in index.iter("Piece")]
    assert sources == [f"cube/part_{k:04d}.vtu" for k in range(3)]
    declared = {a.get("Name"): (a.get("type"), a.get("NumberOfComponents")) for a in index.find(".//PPointData")}
    assert declared == {"position": ("Float64", "3"), "height": ("Float64", "1")}
    volume, cells = 0.0, 0
    for source in sources:
        mesh, fields = sp.io.read_mesh(tmp_path / source), sp.io.read_fields(tmp_path / source)
        np.testing.assert_array_equal(fields.points["position"], mesh.points)
        np.testing.assert_array_equal(fields.points["height"], mesh.points[:, 2])
        volume += float(jnp.sum(sp.fem.cells_of(sp.fem.FunctionSpace(mesh)).geometry(mesh).measure))
        cells += mesh.n_cells
    assert cells == 27 and volume == pytest.approx(1.0)
    with pytest.raises(ValueError, match=r"must have shape \(3, \d+, components\)"):
        write_parts(tmp_path / "cube.pvtu", parts, body.space, {"position": x})
    with pytest.raises(ValueError, match=r"must end in \.pvtu"):
        write_parts(tmp_path / "cube.vtu", parts, body.space, {})


def test_what_is_kept_by_three_parts_goes_on_with_two(tmp_path):
    body = cube(3)
    three, two = Parts(body, 1, parts=3), Parts(body, 1, parts=2)
    whole = np.random.default_rng(0).standard_normal((64, 3))
    held = lambda parts, field: jnp.asarray(np.append(field, np.zeros((1, 3)), axis=0)[np.asarray(parts.nodes)])
    keep_parts(tmp_path, three, body.space, {"u": held(three, whole - 1)}, 1)
    keep_parts(tmp_path, three, body.space, {"u": held(three, whole)}, 2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["manifest.json", "state-000000002"]
    for parts in (three, two):
        kept = take_up(tmp_path, parts, body.space)
        assert kept.done == 2
        np.testing.assert_array_equal(kept.fields["u"], held(parts, whole))
    with pytest.raises(ValueError, match="of another mesh"):
        take_up(tmp_path, two, cube(2).space)
    part = tmp_path / "state-000000002" / "part-00001.npz"
    arrays = dict(np.load(part))
    arrays["leaf 0"][0, 0] += 1e-9
    np.savez(part, **arrays)
    with pytest.raises(ValueError, match=r"part-00001.npz is damaged .*was altered"):
        take_up(tmp_path, two, body.space)
    part.unlink()
    with pytest.raises(ValueError, match="lacks part 1 of 3"):
        take_up(tmp_path, two, body.space)
    with pytest.raises(ValueError, match="There is no checkpoint in"):
        take_up(tmp_path / "elsewhere", two, body.space)


def test_traffic_counts_what_a_plan_sends():
    """A bar cut across: neighbours share the nodes of one section, 9 of them with 3 components."""
    space = sp.fem.FunctionSpace(sp.fem.box((16, 2, 2), (16.0, 2.0, 2.0)), degree=1, components=3)
    held = [sp.fem.Dirichlet("left", 0.0)]
    bar = sp.physics.Solid(space, sp.materials.LinearElastic(E=1.0, nu=0.3), held)
    found = traffic(Parts(bar, 1, parts=4))
    # On one level: a product for each step, and the coarsest residual, which is the finest.
    assert found.exchanges == 1 and found.sums == 2 and found.sum_bytes == 3 * 8 + 17 * 9 * 3 * 4
    assert found.neighbours == 2 and found.messages == 2
    sizes = [int(np.sum(np.asarray(n) < 17 * 9)) for n in Parts(bar, 1, parts=4).nodes]
    assert max(sizes) - min(sizes) <= 2
    assert 2 * 9 * 3 * 8 <= found.bytes <= 2 * 19 * 3 * 8
    deeper = traffic(Parts(bar, 1, parts=4, coarsest=60))
    assert deeper.exchanges > 6 and deeper.sum_bytes < found.sum_bytes
    assert traffic(Parts(bar, 1)).messages == 0
