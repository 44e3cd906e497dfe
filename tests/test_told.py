"""What `print` shows of the main things: a few lines with counts, names and values, whatever the size."""

import dataclasses
import inspect
import re
import types

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys._told import brief, counted, listed


LONGEST = 1200
"""Characters of anything that is printed."""


@pytest.fixture(scope="module")
def solid():
    space = sp.fem.FunctionSpace(sp.fem.rectangle((2, 1), (2.0, 1.0)), degree=1, components=2)
    law = sp.materials.PlaneStrain(sp.materials.LinearElastic(E=3.0, nu=0.25))
    held, load = sp.fem.Dirichlet("left", 0.0), sp.physics.Traction("right", (0.0, -0.05))
    return sp.physics.Solid(space, law, [held], [load])


@pytest.fixture(scope="module")
def solution(solid):
    return sp.solve(solid)


def test_a_solution_says_how_it_ended(solution):
    first, second = repr(solution).splitlines()
    residual = f"{float(solution.certificate.residual):.1g}"
    steps = counted(int(solution.stats.newton_steps), "Newton step")
    assert first == f"converged: {steps}, residual {residual}, direct factorisation"
    assert second.startswith("  value: f64[6,2] ")
    assert str(solution) == repr(solution)


def test_a_solution_that_failed_says_so(solution):
    failed = eqx.tree_at(lambda s: s.result, solution, sp.RESULTS.load_limit)
    failed = eqx.tree_at(lambda s: s.certificate.load_factor, failed, jnp.asarray(0.25))
    assert repr(failed).startswith("not converged (load_limit): ") and "load factor 0.25" in repr(failed)


def test_many_solutions_at_once_are_counted(solution):
    two = jax.tree.map(lambda x: jnp.stack([x, x]), solution)
    bad = eqx.tree_at(lambda s: s.result._value, two, jnp.stack([solution.result._value, sp.RESULTS.diverged._value]))
    assert repr(bad).startswith("2 solves: 1 converged, 1 diverged; ")


def test_a_solid_says_what_it_is_made_of(solid):
    text = repr(solid)
    assert text.splitlines()[0] == "Solid: 12 values, 8 unknowns"
    for part in ("P1, 2 components, 6 nodes", "2 quadrilaterals", "LinearElastic(E=3, nu=0.25)", "where='left'"):
        assert part in text
    assert "Traction(value=(0, -0.05), where='right')" in text


def test_meshes_and_spaces(solid):
    assert repr(solid.space.mesh).splitlines() == [
        "Mesh: 2 quadrilaterals of degree 1, 6 points in 2-D, x 0 … 2, y 0 … 1",
        "  facets: left 1, right 1, bottom 2, top 2",
    ]
    assert repr(solid.space).startswith(
        "FunctionSpace: P1, 2 components, 6 nodes, 12 values; quadrature exact to degree "
    )


def test_traced_values_have_their_shapes(solid, solution):
    seen = []

    @eqx.filter_jit
    def show(solid, solution):
        seen.extend(map(repr, (solid, solid.space, solid.space.mesh, solid.material, solution, solution.certificate)))
        return solid.thickness

    show(solid, solution)
    assert "traced f64[]" in seen[0] and "2-D (traced)" in seen[2] and "being traced" in seen[4]
    assert all(len(text) < LONGEST for text in seen)


def test_shapes_alone_and_other_things_in_the_place_of_arrays(solid, solution):
    """Transformations put anything there; to print never fails."""
    for fill in (lambda x: None, lambda x: "leaf", lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), lambda x: 0):
        for thing in (solid, solid.space, solid.space.mesh, solution, solid.material, solid.loads[0]):
            assert repr(jax.tree.map(fill, thing))


def test_designs_are_printed_in_a_few_lines(solid):
    mesh = sp.fem.rectangle((60, 30), (2.0, 1.0))
    layout = sp.design.Layout(mesh, sp.design.ConeFilter(mesh, 0.1))
    assert repr(layout).startswith("Layout: 1,800 variables for 1,800 cells; ConeFilter(")
    density = np.linspace(0.0, 1.0, 1800)
    one = sp.design.Iteration(1, 0, 2.5, {"volume": 0.4}, 0.0, 0.1, 0.1, 1e-10, 0.0, 0)
    found = sp.design.Design("successful", "", density, density, layout, 2.5, {"volume": 0.4}, [one] * 57, (), ())
    text = repr(found)
    assert "after 57 iterations: objective 2.5, volume 0.4" in text and "10% full, 10% empty" in text
    assert len(text) < LONGEST and len(text.splitlines()) == 4


def test_long_things_are_told_by_their_range():
    assert brief(jnp.ones(300)) == "f64[300] 1 … 1"
    assert brief(np.array([np.nan, 1.0, 2.0] * 5)) == "f64[15] 1 … 2, 5 not finite"
    assert brief(list(range(100))) == "(0, 1, 2, 3, 4, 5, 94 more)"
    assert brief({"a": 1.0, "b": jnp.zeros(2)}) == "{a: 1, b: (0, 0)}"
    assert brief(jax.random.key(0)) == "key<fry>[]"
    assert listed({f"g{i}": 1000 * i for i in range(14)}).endswith("g11 11,000, and 2 more")
    assert len(brief(["x" * 50] * 100)) <= 400


def test_laws_loads_and_fields_show_their_values():
    assert repr(sp.materials.NeoHooke(mu=1.0, lam=4.0)) == "NeoHooke(mu=1, lam=4, volumetric=LogSquared())"
    assert repr(sp.fem.CellField(jnp.arange(20.0))) == "CellField(values=f64[20] 0 … 19)"
    assert repr(sp.frozen(sp.materials.LinearElastic(E=1.0, nu=0.0))) == "Frozen(LinearElastic(E=1, nu=0))"


HOLDS = re.compile(r"jaxtyping|Array|ndarray|PyTree|Balance|Space|Mesh|Solid|System|Sparsity|Goal|Experiment|Model")
SPARED = {"InteriorPoint", "Verify", "Reuse"}
"""What solvers are set up with, short as it is."""


def test_what_holds_arrays_or_bodies_is_told_in_few_words():
    """Of every public class: a thousand numbers make no thousand characters."""
    walls = []
    for room in sorted(sp._ROOMS - {"scene"}):
        module = getattr(sp, room)
        for name in {*dir(module), *getattr(module, "_HOMES", ())}:
            kind = getattr(module, name)
            if not (inspect.isclass(kind) and dataclasses.is_dataclass(kind)) or inspect.isabstract(kind):
                continue
            own, holds = kind.__repr__, any(HOLDS.search(str(field.type)) for field in dataclasses.fields(kind))
            plain = own is eqx.Module.__repr__ or hasattr(own, "__wrapped__")
            if holds and plain and name not in SPARED and not issubclass(kind, sp.implicit.AbstractMethod):
                walls.append(f"{room}.{name}")
    assert not walls


def test_what_holds_a_body_tells_of_it_in_a_line(solid):
    goal = sp.design.Compliance(solid)
    for thing in (goal, sp.design.AtMost(goal, 1.0), solid.system, solid.system.pattern):
        assert len(repr(thing)) < LONGEST
    assert "problem=Solid: 12 values, 8 unknowns" in repr(goal)


def test_a_fit_is_a_table_in_notebooks():
    quality = types.SimpleNamespace(std=np.array([0.5]), interval95=np.array([[1.0, 3.0]]), reduced_chi2=1.25)
    nothing = dict.fromkeys(("problem", "evaluation"))
    numbers = dict(forward_residual=0.0, adjoint_residual=0.0, gradient_agreement=0.0, history=[])
    found = sp.inverse.Fit("successful", "", ["a<b"], np.array([2.0]), np.array([2.0]), quality, **nothing, **numbers)
    assert "<td>a&lt;b</td><td>2</td><td>0.5</td><td>[1, 3]</td>" in found._repr_html_()
    assert repr(found) == str(found) and "a<b" in repr(found)
    assert dataclasses.replace(found, uncertainty=None)._repr_html_().startswith("<pre>")
