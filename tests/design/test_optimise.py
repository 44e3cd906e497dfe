"""Runs that are killed go on to the last bit; what cannot be designed is refused, or says how far it came."""

import os
import signal
import subprocess
import sys
import textwrap

import jax.numpy as jnp
import numpy as np
import pytest
from _design_problems import half_full, mbb

import simphys as sp
from simphys import design


def task(sharp=True):
    solid = mbb(12, 4)
    mesh = solid.space.mesh
    layout = design.Layout(mesh, design.ConeFilter(mesh, 1.5), design.Heaviside(1.0) if sharp else None)
    stages = [design.Stage(6, penalty=1.5, sharpness=1.0), design.Stage(6, sharpness=2.0), design.Stage()]
    goal = design.Compliance(solid, design.SIMP(least=1e-6))
    return dict(layout=layout, objective=goal, constraints=[half_full()], stages=stages, max_iterations=16, every=4)


class Stop(Exception):
    pass


def stop_after(count):
    def watch(iteration, x):
        if iteration.number >= count:
            raise Stop

    return watch


def same(one, other):
    assert np.array_equal(one.x, other.x) and np.array_equal(one.density, other.density)
    columns = lambda found: [(h.objective, h.change, h.violation, h.stage, h.forward_residual) for h in found.history]
    assert columns(one) == columns(other)
    assert one.objective == other.objective and one.status == other.status


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return design.optimise(**task(), file=tmp_path_factory.mktemp("design") / "whole.npz")


@pytest.mark.slow
def test_the_same_with_and_without_interruption(tmp_path, whole):
    for count in (6, 13):
        with pytest.raises(Stop):
            design.optimise(**task(), file=tmp_path / "cut.npz", on_iteration=stop_after(count))
    same(design.optimise(**task(), file=tmp_path / "cut.npz"), whole)
    assert [h.stage for h in whole.history] == [0] * 6 + [1] * 6 + [2] * 4
    assert whole.status == "design_unfinished" and "still moved by" in whole.message
    assert whole.history[-1].objective < whole.history[12].objective
    with pytest.raises(ValueError, match="of another optimiser"):
        design.optimise(**task(), file=tmp_path / "cut.npz", tolerance=0.1)
    with pytest.raises(ValueError, match="of another design problem"):
        design.optimise(**task() | {"constraints": [design.AtMost(design.Volume(), 0.4)]}, file=tmp_path / "cut.npz")
    tampering_is_refused(tmp_path / "cut.npz")
    (tmp_path / "cut.npz").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="damaged"):
        design.optimise(**task(), file=tmp_path / "cut.npz")


def tampering_is_refused(file):
    with np.load(file) as stored:
        arrays = {name: stored[name] for name in stored.files}
    take_up = lambda: design.optimise(**task(), file=file)
    np.savez(file, **arrays | {"leaf 1": arrays["leaf 1"] * 0.9})
    with pytest.raises(ValueError, match="'leaf 1' was altered"):
        take_up()
    # What makes no sense is refused even with digests that agree.
    identity = {name[3:]: str(text) for name, text in arrays.items() if name.startswith("is ")}
    leaves, done = [arrays[f"leaf {k}"] for k in range(sum("leaf" in name for name in arrays))], int(arrays["done"])
    far = leaves[0] + np.eye(len(leaves[0]))[0] * 7
    for tree, steps, text in (
        ([leaves[0], leaves[1] * np.nan, *leaves[2:]], done, "'leaf 1', .* not finite"),
        ([far, *leaves[1:]], done, "of 3: delete"),
        (leaves, done - 1, "must have shape"),
        (leaves, -1, "'done' must be 1 or more"),
        (leaves[:-1], done, "lacks 'leaf"),
    ):
        sp.io.write_checkpoint(file, identity, steps, tree)
        with pytest.raises(ValueError, match=text):
            take_up()


@pytest.mark.slow
def test_a_killed_process_is_taken_up(tmp_path, whole):
    """SIGKILL in the middle of an iteration; the next process ends with the same bits as one that ran through."""
    script = textwrap.dedent(f"""
        import sys
        import jax
        jax.config.update("jax_enable_x64", True)
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        from test_optimise import task
        from simphys import design
        design.optimise(**task(), file=sys.argv[1], on_iteration=lambda i, x: print(i.number, flush=True))
    """)
    file = tmp_path / "cut.npz"
    process = subprocess.Popen([sys.executable, "-c", script, str(file)], stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if int(line) == 10:
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait(timeout=60) == -signal.SIGKILL
    with np.load(file) as stored:
        assert 1 <= int(stored["done"]) <= 10
    same(design.optimise(**task(), file=file), whole)


@pytest.mark.slow
def test_an_interruption_keeps_the_last_design():
    def press(iteration, x):
        if iteration.number == 3:
            raise KeyboardInterrupt

    found = design.optimise(**task(), on_iteration=press)
    assert found.status == "design_interrupted" and len(found.history) == 3
    assert np.isfinite(found.objective) and found.density.shape == (48,)


@pytest.mark.slow
def test_infeasible_constraints_are_named_and_measured():
    given = task(sharp=False) | {"stages": (), "max_iterations": 12}
    limits = [half_full(), design.AtMost(given["objective"], 10.0)]
    found = design.optimise(**given | {"constraints": limits})
    assert found.status == "design_infeasible" and not found.successful
    assert "compliance ≤ 10:" in found.message and "was reached" in found.message
    reached = found.constraints["compliance ≤ 10"]
    assert f"{reached:.6g}" in found.message and reached > 20


@pytest.mark.slow
def test_what_makes_no_progress_stalls_and_keeps_its_best():
    class Restless(design.AbstractOptimiser):
        def begin(self, x, constraints):
            return np.array(0)

        def step(self, memory, x, value, gradient, constraints, jacobian):
            return np.where(x > 0.5, 0.3, 0.6) if memory >= 2 else np.full_like(x, 0.4 + 0.04 * memory), memory + 1

    given = task(sharp=False) | {"stages": (), "max_iterations": 60, "constraints": [half_full()]}
    found = design.optimise(**given, optimiser=Restless(), patience=8)
    assert found.status == "design_stalled" and "best design is kept" in found.message
    assert len(found.history) < 20
    assert found.objective == min(h.objective for h in found.history if h.violation <= 1e-3)
    assert found.history[-1].objective > found.objective


@pytest.mark.slow
def test_a_goal_that_fails_ends_the_run_with_its_status():
    """A square plate has pairs of modes: its second frequency has no gradient of its own."""
    mesh = sp.fem.rectangle((4, 4))
    held = [sp.fem.Dirichlet(side, 0.0) for side in ("left", "right", "bottom", "top")]
    law = sp.materials.PlaneStress(sp.materials.LinearElastic(E=1.0, nu=0.3))
    plate = sp.physics.Solid(sp.fem.FunctionSpace(mesh, components=2), law, held, density=1.0)
    goal = design.Maximise(design.Eigenfrequency(plate))
    found = design.optimise(design.Layout(mesh), goal, [half_full()], max_iterations=3)
    assert found.status == "eigenvalue_not_simple" and "more `modes`" in found.message
    assert found.history == [] and np.all(found.density == 0.5)


BAD = {
    "a volume of 0": (dict(constraints=[design.AtMost(design.Volume(), 0.0)]), r"lie in \(0, 1\], got 0"),
    "a volume over 1": (dict(constraints=[design.AtMost(design.Volume(), 1.2)]), "got 1.2"),
    "no iterations": (dict(max_iterations=0), "whole number of 1 or more"),
    "a start out of range": (dict(start=1.5), r"`start` must lie in \[0, 1\]"),
    "a start of the wrong shape": (dict(start=jnp.zeros(7)), "could not be broadcast"),
    "too many constraints": (
        dict(constraints=[half_full(), half_full()], optimiser=design.OptimalityCriteria()),
        "one constraint, got 2",
    ),
    "a robust goal without a step": (dict(objective=lambda g: design.Robust(g)), "needs a layout with a `projection`"),
    "a sharpness without a step": (dict(stages=[design.Stage(3, sharpness=2.0)]), "needs a layout with a `projection`"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    changes, words = BAD[name]
    given = task(sharp=False) | {"stages": ()}
    if callable(changes.get("objective")):
        changes = {"objective": changes["objective"](given["objective"])}
    with pytest.raises(ValueError, match=words):
        design.optimise(**given | changes)


def test_loads_and_volumes_that_passive_regions_exclude():
    solid = mbb(12, 4)
    mesh = solid.space.mesh.with_cell_group("corner", lambda x: (x[0] < 2.1) & (x[1] > 1.9))
    mesh = mesh.with_cell_group("most", lambda x: x[0] > 2.9)
    goal = design.Compliance(solid)
    with pytest.raises(ValueError, match="`NodalForces` acts on 1 nodes inside a `void` region"):
        design.optimise(design.Layout(mesh, void="corner"), goal, [half_full()])
    with pytest.raises(ValueError, match="leave 0.75 to 1"):
        design.optimise(design.Layout(mesh, solid="most"), goal, [half_full()])
    with pytest.raises(ValueError, match="leave 0 to 0.25"):
        design.optimise(design.Layout(mesh, void="most"), goal, [design.AtLeast(design.Volume(), 0.5)])
    with pytest.raises(ValueError, match="in a `solid` group and in a `void` group"):
        design.Layout(mesh, solid="most", void="most")
    with pytest.raises(ValueError, match="corner"):
        design.Layout(mesh, solid="cornr")
    with pytest.raises(ValueError, match="`solid` must have entries in 0 … 47, got 3 … 48"):
        design.Layout(mesh, solid=[3, 48])
    with pytest.raises(ValueError, match=r"must hold `Plane`s, got \(2.0, 0.0\)"):
        design.Layout(mesh, symmetry=[(2.0, 0.0)])
    with pytest.raises(ValueError, match="The problem has 48 cells, the layout 2"):
        design.optimise(design.Layout(sp.fem.rectangle((2, 1))), goal, [half_full()])


def test_the_volume_of_the_thick_design_is_bounded():
    """Goals made of goals that solve nothing are evaluated again and again."""
    mesh = sp.fem.rectangle((4, 3))
    layout = design.Layout(mesh, design.ConeFilter(mesh, 0.6), design.Heaviside(4.0))
    thick = design.AtMost(design.Robust(design.WeightedSum([design.Volume()]), (-0.2,)), 0.4)
    found = design.optimise(layout, design.Maximise(design.Volume()), thick, max_iterations=12)
    assert found.status == "successful" and -found.objective < found.constraints[thick.name]
    assert found.constraints[thick.name] == pytest.approx(0.4, abs=5e-3)


@pytest.mark.slow
def test_mma_reaches_what_optimality_criteria_reach():
    given = task(sharp=False) | {"stages": (), "max_iterations": 120, "tolerance": 0.005}
    one = design.optimise(**given)
    other = design.optimise(**given, optimiser=design.OptimalityCriteria())
    assert one.successful and other.successful
    np.testing.assert_allclose(one.objective, other.objective, rtol=5e-3)
