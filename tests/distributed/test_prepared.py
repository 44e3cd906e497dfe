"""Divided problems in files: what is read is what was written, and a process reads its own parts alone."""

import json
import pathlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _processes import free_port, outputs, started

import simphys as sp
from simphys.distributed import Parts, read_divided, write_divided, write_parts


PROGRAM = (pathlib.Path(__file__).parent / "data" / "prepared.py").read_text()


def block(cells=(4, 3, 3), law=None, degree=1, **loads):
    mesh = sp.fem.box(cells)
    law = (
        sp.materials.NeoHooke(mu=sp.fem.CellField(jnp.linspace(3.0, 4.0, mesh.n_cells)), lam=6.0)
        if law is None
        else law
    )
    loads = loads or {"top": sp.physics.Traction("top", (0.0, 0.0, 0.1))}
    return sp.physics.Solid(sp.fem.FunctionSpace(mesh, degree, 3), law, [sp.fem.Dirichlet("left", 0.0)], loads)


@pytest.mark.parametrize("coarsest", [None, 60])
def test_what_is_read_is_what_was_written(tmp_path, coarsest):
    body = block()
    parts = Parts(body, 1, parts=3, coarsest=coarsest)
    write_divided(tmp_path, parts, body)
    assert sorted(p.name for p in tmp_path.iterdir()) == [*(f"part-{k:05d}.npz" for k in range(3)), "plan.json"]
    read, divided = read_divided(tmp_path, block((1, 1, 1)), 1)
    expected = parts.divide(body)
    same = lambda a, b: eqx.is_array(a) and a.dtype == b.dtype and np.array_equal(a, b)
    for mine, other in ((divided, expected), (eqx.tree_at(lambda p: p.place, read, parts.place, is_leaf=_none), parts)):
        assert jax.tree.structure(mine) == jax.tree.structure(other)
        assert all(map(same, jax.tree.leaves(mine), jax.tree.leaves(other)))
    assert repr(read) == repr(parts) and divided.linear == expected.linear
    with pytest.raises(ValueError, match="was read by parts is whole nowhere"):
        read.whole(divided.parameters.given)


def _none(leaf):
    return leaf is None


def test_positions_of_what_was_read_are_written(tmp_path):
    body = block((2, 2, 2))
    write_divided(tmp_path / "in", Parts(body, 1, parts=2), body)
    read, divided = read_divided(tmp_path / "in", block((1, 1, 1)), 1)
    x = np.append(np.asarray(body.space.nodes()), np.zeros((1, 3)), axis=0)
    write_parts(tmp_path / "block.pvtu", read, divided, {"position": jnp.asarray(x[np.asarray(read.nodes)])})
    for number in range(2):
        file = tmp_path / "block" / f"part_{number:04d}.vtu"
        points = sp.io.read_mesh(file).points
        np.testing.assert_array_equal(sp.io.read_fields(file).points["position"], points)


def test_what_does_not_fit_is_named(tmp_path):
    body = block((2, 2, 2))
    write_divided(tmp_path, Parts(body, 1, parts=2), body)
    small = block((1, 1, 1))
    with pytest.raises(ValueError, match=r"There is no divided problem in .*: plan.json cannot be read"):
        read_divided(tmp_path / "elsewhere", small, 1)
    law = sp.materials.LinearElastic(E=sp.fem.CellField(jnp.ones(1)), nu=0.3)
    with pytest.raises(ValueError, match="has other laws than `like`"):
        read_divided(tmp_path, block((1, 1, 1), law, top=small.loads["top"]), 1)
    with pytest.raises(ValueError, match=r"is of a Solid of weak, .* `like` of a Solid of weak \("):
        read_divided(tmp_path, sp.physics.Solid(small.space, small.material, small.constraints), 1)
    law = sp.materials.NeoHooke(mu=sp.fem.CellField(jnp.ones((1, 2))), lam=6.0)
    with pytest.raises(ValueError, match="`like` has other parameters"):
        read_divided(tmp_path, block((1, 1, 1), law, top=small.loads["top"]), 1)
    with pytest.raises(ValueError, match="degree 1, .* degree 2, "):
        read_divided(tmp_path, block((1, 1, 1), degree=2), 1)
    file = tmp_path / "part-00001.npz"
    arrays = dict(np.load(file))
    arrays["leaf 0"] = arrays["leaf 0"] + 1
    np.savez(file, **arrays)
    with pytest.raises(ValueError, match=r"part-00001.npz is damaged .*was altered"):
        read_divided(tmp_path, small, 1)
    file.unlink()
    with pytest.raises(ValueError, match="lacks part 1 of 2"):
        read_divided(tmp_path, small, 1)
    plan = json.loads((tmp_path / "plan.json").read_text())
    (tmp_path / "plan.json").write_text(json.dumps(plan | {"rows_first": True}))
    with pytest.raises(ValueError, match="is laid out for GPUs, these are CPUs"):
        read_divided(tmp_path, small, 1)


@pytest.mark.slow
def test_a_process_opens_its_own_part_alone_and_solves_what_one_process_solves(tmp_path):
    body = sp.physics.Heat(
        sp.fem.FunctionSpace(sp.fem.rectangle((6, 4)), degree=1),
        sp.materials.IsotropicConduction(k=sp.fem.CellField(jnp.linspace(1.0, 3.0, 24))),
        [sp.fem.Dirichlet("left", 0.3)],
        [sp.physics.Flux("right", 2.0)],
    )
    write_divided(tmp_path / "plate", Parts(body, 1, parts=2), body)
    port, folder = str(free_port()), str(tmp_path / "plate")
    with started(PROGRAM, [[port, "2", "0", folder], [port, "2", "1", folder]], tmp_path) as running:
        texts = outputs(running, tmp_path, 400)
    expected = float(jnp.sum(sp.solve(body, method=sp.Newton(rtol=1e-12)).value ** 2))
    for number, text in enumerate(texts):
        opened = [line.split()[1] for line in text.splitlines() if line.startswith("OPENED")]
        assert set(opened) == {"plan.json", f"part-{number:05d}.npz"}
        (found,) = [float(line.split()[1]) for line in text.splitlines() if line.startswith("FOUND")]
        assert found == pytest.approx(expected, rel=1e-10)
