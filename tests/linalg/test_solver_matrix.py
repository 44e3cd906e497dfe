"""Every solver on every structure it is for, under every transformation."""

import functools

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
from _sparse_examples import TAGS, laplacian, matrix, operator, vector, with_data

from simphys.linalg import FGMRES, Auto, ConjugateGradients, Direct, Minres


N = 24
SOLVERS = {
    "direct": (Direct(), ("spd", "indefinite", "general")),
    "superlu": (Direct(backend="superlu"), ("general",)),
    "auto": (Auto(), ("spd",)),
    "conjugate gradients": (ConjugateGradients(rtol=1e-12), ("spd",)),
    "minres": (Minres(rtol=1e-12), ("spd", "indefinite")),
    "fgmres": (FGMRES(rtol=1e-12), ("spd", "indefinite", "general")),
}
CASES = [pytest.param(s, k, id=f"{name}-{k}") for name, (s, kinds) in SOLVERS.items() for k in kinds]


def solve(solver, op):
    return lambda data, b: lx.linear_solve(with_data(op, data), b, solver).value


def dense(op):
    """The same through a dense matrix, whose derivatives are JAX's own."""
    p = op.pattern
    return lambda data, b: jnp.linalg.solve(jnp.zeros((N, N)).at[p.rows, p.columns].set(data), b)


def change(op, structure, seed):
    """A change of the entries that keeps the structure."""
    change = vector(op.pattern.stored, seed)
    return change if structure == "general" else (change + change[op.pattern.mirror]) / 2


@pytest.mark.breadth
@pytest.mark.parametrize("solver, structure", CASES)
@pytest.mark.parametrize("transform", ["jvp", "vjp", "vmap data", "vmap right-hand side"])
def test_it_agrees_with_a_dense_solve(solver, structure, transform):
    """The value itself is the first half of "jvp"; transposition is in "vjp", and tested below."""
    op = operator(matrix(structure, N), TAGS[structure])
    got, wanted = transformed(solve(solver, op), structure, transform), expected(structure, transform)
    np.testing.assert_allclose(got, wanted, rtol=1e-7, atol=1e-8 * float(jnp.max(jnp.abs(wanted))))


@functools.cache
def expected(structure, transform):
    return transformed(dense(operator(matrix(structure, N), TAGS[structure])), structure, transform)


def transformed(f, structure, transform):
    """What comes of a solve under a transformation."""
    op = operator(matrix(structure, N), TAGS[structure])

    @jax.jit
    def apply(data, t_data, b, w):
        if transform == "jvp":
            return jnp.concatenate(jax.jvp(f, (data, b), (t_data, w)))
        if transform == "vjp":
            to_data, to_b = jax.vjp(f, data, b)[1](w)
            # Only changes that keep the structure are meaningful.
            return jnp.append(to_b, to_data @ t_data)
        if transform == "vmap data":
            return jax.vmap(f, in_axes=(0, None))(jnp.stack([data, data + 0.01 * t_data]), b)
        return jax.vmap(f, in_axes=(None, 0))(data, jnp.stack([b, w]))

    return apply(op.data, change(op, structure, 3), vector(N, 1), vector(N, 2))


@pytest.mark.breadth
@pytest.mark.parametrize("solver, structure", CASES)
def test_it_is_as_linear_as_its_matrix(solver, structure):
    """⟨A⁻¹ v, w⟩ = ⟨v, A⁻ᵀ w⟩."""
    op = operator(matrix(structure, N), TAGS[structure])
    v, w = vector(N, 4), vector(N, 5)
    f = solve(solver, op)
    x, y = jax.jit(lambda data: (f(data, v), jax.linear_transpose(lambda b: f(data, b), w)(w)[0]))(op.data)
    assert abs(float(x @ w - v @ y)) < 1e-8 * float(jnp.linalg.norm(x) * jnp.linalg.norm(w))


@pytest.mark.breadth
@pytest.mark.parametrize("solver, structure", CASES)
def test_a_changed_matrix_is_never_solved_with_what_was_kept(solver, structure):
    """Whatever a solver keeps, the answer belongs to the matrix it is given."""
    op = operator(matrix(structure, N), TAGS[structure])
    b = vector(N, 6)
    found = jax.jit(solve(solver, op))
    for size in (0.0, 1e-3, 0.05, 0.1):
        data = op.data + size * change(op, structure, 7)
        x = found(data, b)
        residual = float(jnp.linalg.norm(with_data(op, data).mv(x) - b) / jnp.linalg.norm(b))
        assert residual < 1e-9, size


@pytest.mark.breadth
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
@pytest.mark.parametrize(
    "solver, structure, A",
    [
        pytest.param(Direct(), "spd", laplacian(N, 0.0), id="direct-singular"),
        pytest.param(ConjugateGradients(rtol=1e-5), "spd", -np.eye(N), id="conjugate gradients-negative"),
        pytest.param(
            ConjugateGradients(rtol=1e-5, max_steps=2), "spd", matrix("spd", N), id="conjugate gradients-steps"
        ),
        pytest.param(Minres(rtol=1e-5, max_steps=2), "indefinite", matrix("indefinite", N), id="minres-steps"),
        pytest.param(FGMRES(rtol=1e-5, max_steps=2), "general", matrix("general", N), id="fgmres-steps"),
        pytest.param(FGMRES(rtol=1e-5), "general", laplacian(N, 0.0), id="fgmres-singular"),
    ],
)
def test_failures_have_names(solver, structure, A, dtype):
    op = operator(A, TAGS[structure], dtype)
    solution = lx.linear_solve(op, vector(N, 8).astype(dtype), solver, throw=False)
    R = lx.RESULTS
    named = (R.singular, R.breakdown, R.max_steps_reached)
    assert any(bool(solution.result == r) for r in named)
