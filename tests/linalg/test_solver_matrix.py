"""Every solver under every transformation; direct ones by backend and structure are in `test_direct`."""

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
from _sparse_examples import TAGS, laplacian, matrix, operator, vector, with_data

from simphys.linalg import FGMRES, Auto, ConjugateGradients, Minres


N = 24
CASES = {
    "auto": (Auto(), "spd"),
    "conjugate gradients": (ConjugateGradients(rtol=1e-12), "spd"),
    "minres": (Minres(rtol=1e-12), "indefinite"),
    "fgmres": (FGMRES(rtol=1e-12), "general"),
}


def change(op, structure, seed):
    """A change of the entries that keeps the structure."""
    change = vector(op.pattern.stored, seed)
    return change if structure == "general" else (change + change[op.pattern.mirror]) / 2


def transformed(f):
    """What comes of a solve x = f(A, b) under each transformation, for a change of A and one of b."""

    def apply(data, t_data, b, w):
        x, jvp = jax.jvp(f, (data, b), (t_data, w))
        to_data, to_b = jax.vjp(f, data, b)[1](w)
        return dict(
            value=x,
            jvp=jvp,
            transposed=jax.linear_transpose(lambda b: f(data, b), b)(w)[0],
            to_b=to_b,
            to_data=to_data @ t_data,  # (only changes that keep the structure are meaningful)
            lanes_of_data=jax.vmap(f, in_axes=(0, None))(jnp.stack([data, data + 0.01 * t_data]), b),
            lanes_of_b=jax.vmap(f, in_axes=(None, 0))(data, jnp.stack([b, w])),
        )

    return jax.jit(apply)


def dense(A, T, b, w):
    """The same in closed form."""
    x, y = np.linalg.solve(A, b), np.linalg.solve(A.T, w)
    return dict(
        value=x,
        jvp=np.linalg.solve(A, w - T @ x),
        transposed=y,
        to_b=y,
        to_data=-y @ T @ x,
        lanes_of_data=np.stack([x, np.linalg.solve(A + 0.01 * T, b)]),
        lanes_of_b=np.linalg.solve(A, np.stack([b, w], axis=1)).T,
    )


@pytest.mark.breadth
@pytest.mark.parametrize("name", CASES)
def test_it_agrees_with_a_dense_solve(name):
    """Also where the matrix has changed since: whatever a solver keeps, the answer belongs to the matrix it is given."""
    solver, structure = CASES[name]
    op = operator(matrix(structure, N), TAGS[structure])
    found = transformed(lambda data, b: lx.linear_solve(with_data(op, data), b, solver).value)
    t_data, b, w = change(op, structure, 3), vector(N, 1), vector(N, 2)
    whole = lambda data: np.asarray(with_data(op, data).as_matrix())
    for size in (0.0, 1e-3, 0.1):
        data = op.data + size * change(op, structure, 7)
        wanted = dense(whole(data), whole(t_data), b, w)
        for what, value in found(data, t_data, b, w).items():
            atol = 1e-8 * np.abs(wanted[what]).max()
            np.testing.assert_allclose(value, wanted[what], rtol=1e-7, atol=atol, err_msg=f"{what}, {size}")


@pytest.mark.breadth
@pytest.mark.parametrize(
    "solver, structure, A, dtype",
    [
        pytest.param(Minres(rtol=1e-5, max_steps=2), "indefinite", matrix("indefinite", N), float, id="minres"),
        pytest.param(FGMRES(rtol=1e-5), "general", laplacian(N, 0.0), jnp.float32, id="fgmres"),
    ],
)
def test_failures_have_names(solver, structure, A, dtype):
    op = operator(A, TAGS[structure], dtype)
    solution = lx.linear_solve(op, vector(N, 8).astype(dtype), solver, throw=False)
    R = lx.RESULTS
    assert any(bool(solution.result == r) for r in (R.singular, R.breakdown, R.max_steps_reached))
