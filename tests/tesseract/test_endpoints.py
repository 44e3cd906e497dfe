"""Tesseracts of functions and problems: derivatives, what is kept and what is not, in-process and served."""

import pathlib
import re
import socket
import sys
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _printed import run

import simphys as sp
from simphys import grids, tesseract


core = pytest.importorskip("tesseract_core")
pytest.importorskip("fastapi")
pytest.importorskip("tesseract_core.runtime.core")
pytestmark = pytest.mark.filterwarnings("ignore")


def _made(**options):
    function = lambda given: {"y": jnp.sin(given["x"]) * given["k"]["s"], "z": jnp.sum(given["x"] ** 3)}
    example = {"x": np.linspace(0, 1, 3).astype(np.float32), "k": {"s": np.array(2.0), "name": "a"}}
    return tesseract.of_function(function, example, **options)


X = np.array([0.1, 0.7, -0.4], np.float32)


def test_values_and_derivatives_are_those_of_the_function():
    made = _made()
    tess, given = core.Tesseract.from_tesseract_api(made), {"x": X, "k": {"s": np.array(3.0)}}
    found = tess.apply(given)
    np.testing.assert_allclose(found["y"], 3 * np.sin(X.astype(float)), rtol=1e-7)
    assert found["y"].dtype == np.float64 and made.solves == 1
    pulled = tess.vector_jacobian_product(given, ["x", "k.s"], ["z", "y"], {"z": np.array(2.0), "y": np.ones(3)})
    np.testing.assert_allclose(pulled["x"], 6 * X**2 + 3 * np.cos(X), rtol=1e-6)
    np.testing.assert_allclose(pulled["k.s"], np.sum(np.sin(X)), rtol=1e-6)
    pushed = tess.jacobian_vector_product(given, ["x"], ["y"], {"x": np.ones(3, np.float32)})
    np.testing.assert_allclose(pushed["y"], 3 * np.cos(X), rtol=1e-6)
    whole = tess.jacobian(given, ["x"], ["y", "z"])
    np.testing.assert_allclose(whole["y"]["x"], np.diag(3 * np.cos(X)), rtol=1e-6, atol=1e-12)
    assert whole["z"]["x"].shape == (3,)
    said = {"x": {"shape": [3], "dtype": "float32"}, "k": {"s": {"shape": [], "dtype": "float64"}}}
    found = tess.abstract_eval(said)["y"]
    assert tuple(found["shape"]) == (3,) and found["dtype"] == "float64"


def test_a_state_serves_equal_inputs_and_no_others():
    """Whatever changes by one bit, or by a static value, is solved anew; what is equal is not."""
    made = _made()
    call = lambda **given: made.InputSchema.model_validate({"x": X, "k": {"s": np.array(3.0)}} | given)
    pull = lambda given: made.vector_jacobian_product(given, {"x"}, {"z"}, {"z": np.array(1.0)})["x"]
    made.apply(call())
    first = pull(call(x=X.copy()))
    assert (made.solves, made.pulls) == (1, 1)
    changed = X.copy()
    changed[2] = np.nextafter(X[2], 1, dtype=np.float32)
    assert not np.array_equal(pull(call(x=changed)), first) and made.solves == 2
    pull(call(k={"s": np.array(3.0), "name": "b"}))
    assert made.solves == 3
    # Two are kept; the first one is gone by now, and comes out the same again.
    np.testing.assert_array_equal(pull(call()), first)
    assert made.solves == 4
    none = _made(keep=0)
    given = none.InputSchema.model_validate({"x": X})
    none.apply(given)
    np.testing.assert_allclose(
        none.vector_jacobian_product(given, {"x"}, {"z"}, {"z": np.array(1.0)})["x"], 3 * X**2, rtol=1e-6
    )


def test_what_is_prepared_sees_no_values_of_differentiable_inputs():
    seen = []

    def prepare(given):
        seen.append(given)
        return jnp.asarray(given["weights"])

    from pydantic import BaseModel
    from tesseract_core.runtime import Array, Differentiable, Float32, Float64

    class InputSchema(BaseModel):
        x: Differentiable[Array[(None,), Float32]]
        weights: Array[(None,), Float64]

    class OutputSchema(BaseModel):
        y: Differentiable[Array[(), Float32]]

    function = lambda weights, given: {"y": jnp.vdot(weights, given["x"] ** 2)}
    shapes = lambda given: {"y": ((), "float32")}
    made = tesseract.of_function(function, InputSchema, OutputSchema, prepare=prepare, shapes=shapes)
    for x in (X, 2 * X):
        given = made.InputSchema.model_validate({"x": x, "weights": np.arange(3.0)})
        found = made.apply(given)["y"]
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, np.sum(np.arange(3) * x.astype(float) ** 2), rtol=1e-7)
    assert len(seen) == 1 and isinstance(seen[0]["x"], jax.ShapeDtypeStruct)
    made.apply(made.InputSchema.model_validate({"x": X, "weights": np.ones(3)}))
    assert len(seen) == 2
    with pytest.raises(ValueError, match="give `shapes`"):
        tesseract.of_function(function, InputSchema, OutputSchema, prepare=prepare)


def test_parts_that_do_not_fit_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="`keep`"):
        _made(keep=-1)
    with pytest.raises(ValueError, match="`x` must be an array"):
        tesseract.of_function(lambda given: given, {"x": [1.0]}, {"y": np.ones(2)})
    rod = grids.Diffusion(grids.Grid.uniform((4,)), 1.0, grids.Dirichlet(0.0))
    with pytest.raises(ValueError, match="Parameter `size` must be a floating array"):
        tesseract.of_problem(rod, {"size": lambda p: p.space.grid.shape}, lambda p: {})
    monkeypatch.setitem(sys.modules, "tesseract_core.runtime", None)
    with pytest.raises(ImportError, match=r"pip install simphys\[tesseract\]"):
        _made()


@pytest.mark.slow
def test_a_problem_is_solved_once_and_its_adjoint_once():
    """A rod with a source: in-process, under jit and grad, without x64 outside."""
    tesseract_jax = pytest.importorskip("tesseract_jax")
    rod = grids.Diffusion(grids.Grid.uniform((8,)), np.full(8, 2.0), grids.Dirichlet(0.0), source=3.0)
    mean = lambda p: jnp.mean(sp.solve(p).value.values)
    parameters = {"conductivity": lambda p: p.conductivity, "source": lambda p: p.source}
    made = tesseract.of_problem(rod, parameters, lambda p: {"mean": mean(p)})
    tess = core.Tesseract.from_tesseract_api(made)
    exact = jax.grad(mean)(rod)
    given = {"conductivity": rod.conductivity, "source": rod.source}
    loss = lambda given: tesseract_jax.apply_tesseract(tess, given)["mean"]
    for _ in range(2):
        found = jax.jit(jax.grad(loss))(given)
        np.testing.assert_allclose(found["conductivity"], exact.conductivity, rtol=1e-7)
        np.testing.assert_allclose(found["source"], exact.source, rtol=1e-7)
    assert (made.solves, made.pulls) == (1, 2)
    np.testing.assert_allclose(tess.apply({})["mean"], mean(rod), rtol=1e-9)


@pytest.mark.slow
def test_a_failed_solve_is_an_error_with_its_name():
    closed = grids.Diffusion(grids.Grid.uniform((4,)), 1.0, grids.Neumann(0.0), source=1.0)
    made = tesseract.of_problem(closed, {"source": lambda p: p.source}, lambda p: {"u": sp.solve(p).value.values})
    with pytest.raises(Exception, match="parameters|admissible"):
        made.apply(made.InputSchema.model_validate({}))


@pytest.mark.slow
def test_the_page_about_it_is_right():
    pytest.importorskip("tesseract_jax")
    page = pathlib.Path(__file__).parents[2] / "docs" / "tesseract.md"
    run(re.findall(r"```py\n(.*?)```", page.read_text(), re.S)[0], {}, "tesseract.md")


@pytest.mark.slow
def test_served_over_http_it_is_the_same():
    uvicorn = pytest.importorskip("uvicorn")
    from tesseract_core.runtime.serve import create_rest_api

    made = _made()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(create_rest_api(made), port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        for _ in range(200):
            if server.started:
                break
            time.sleep(0.05)
        tess = core.Tesseract.from_url(f"http://127.0.0.1:{port}")
        given = {"x": X, "k": {"s": np.array(3.0)}}
        np.testing.assert_allclose(tess.apply(given)["z"], np.sum(X.astype(float) ** 3), rtol=1e-6)
        pulled = tess.vector_jacobian_product(given, ["x"], ["z"], {"z": np.array(1.0)})
        np.testing.assert_allclose(pulled["x"], 3 * X**2, rtol=1e-6)
        assert made.solves == 1
    finally:
        server.should_exit = True
        thread.join(10)
