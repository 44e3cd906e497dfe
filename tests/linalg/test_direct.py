"""Direct solutions: each backend and structure under each transformation; factors that are kept and reused."""

import gc
import threading

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
import scipy.sparse as sps
from _sparse_examples import TAGS, laplacian, matrix, operator, vector, with_data

from simphys.linalg import Direct
from simphys.linalg._cudss import cudss_available
from simphys.linalg._factor import GENERAL, POSITIVE, SYMMETRIC, SingularMatrix
from simphys.linalg._factors import ENGINES, STORE, FactorStore
from simphys.linalg._pardiso import pardiso_available


BACKENDS = [
    pytest.param("pardiso", marks=pytest.mark.skipif(not pardiso_available(), reason="needs MKL")),
    "superlu",
    pytest.param("cudss", marks=pytest.mark.skipif(not cudss_available(), reason="needs a GPU and nvmath-python")),
]


@pytest.fixture(params=BACKENDS)
def backend(request):
    return request.param


def pairs(*given):
    """Of backends and structures so many that each is there, and all that a GPU has."""
    named = [("cudss", structure) for structure in TAGS]
    marks = pytest.mark.skipif(not cudss_available(), reason="needs a GPU and nvmath-python")
    needs = pytest.mark.skipif(not pardiso_available(), reason="needs MKL")
    of = {"pardiso": needs, "superlu": (), "cudss": marks}
    return pytest.mark.parametrize(
        ("backend", "structure"), [pytest.param(*p, marks=of[p[0]]) for p in (*given, *named)]
    )


SOME = pairs(("pardiso", "spd"), ("pardiso", "general"), ("superlu", "indefinite"))


def solve(op, b, backend, **options):
    return lx.linear_solve(op, b, Direct(backend=backend, **options), throw=False)


@pytest.mark.breadth
@SOME
def test_every_transformation_agrees_with_the_dense_solution(backend, structure):
    A, n = matrix(structure), 24
    op = operator(A, TAGS[structure])
    b, w, db = vector(n), vector(n, 1), vector(n, 2)
    # A change of entries that keeps the structure's promise of symmetry.
    ddata = vector(op.pattern.stored, 3)
    ddata = ddata if structure == "general" else (ddata + ddata[op.pattern.mirror]) / 2
    f = lambda data, b: solve(with_data(op, data), b, backend).value
    lanes = jnp.stack([op.data, op.data + 0.01 * ddata, op.data * 2])
    several = jnp.stack([b, w, db])
    found = jax.jit(
        lambda: dict(
            jvp=jax.jvp(f, (op.data, b), (ddata, db)),
            directional=jnp.vdot(jax.grad(lambda data: f(data, b) @ w)(op.data), ddata),
            vjp=jax.grad(lambda b: f(op.data, b) @ w)(b),
            vmap_b=jax.vmap(f, (None, 0))(op.data, several),
            vmap_data=jax.vmap(f, (0, None))(lanes, b),
            vmap_both=jax.vmap(f)(lanes, several),
            vmap_twice=jax.vmap(lambda d: jax.vmap(lambda v: f(d, v))(several))(lanes),
            transpose=jax.linear_transpose(lambda b: f(op.data, b), b)(b)[0],
        )
    )()
    dA, S = np.asarray(with_data(op, ddata).as_matrix()), np.stack(several)
    x, y = np.linalg.solve(A, b), np.linalg.solve(A.T, w)
    twice = np.stack([np.linalg.solve(M, S.T).T for M in (A, A + 0.01 * dA, 2 * A)])
    expected = dict(
        jvp=(x, np.linalg.solve(A, db - dA @ x)),
        directional=-y @ dA @ x,
        vjp=y,
        vmap_b=twice[0],
        vmap_data=twice[:, 0],
        vmap_both=twice[np.arange(3), np.arange(3)],
        vmap_twice=twice,
        transpose=np.linalg.solve(A.T, b),
    )
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-9, atol=1e-10, err_msg=name)


@pairs(("pardiso", "general"), ("superlu", "indefinite"))
def test_transposed_solution_is_the_adjoint_of_the_solution(backend, structure):
    op, b, w = operator(matrix(structure), TAGS[structure]), vector(24), vector(24, 1)
    x, y = solve(op, b, backend).value, solve(op.transpose(), w, backend).value
    np.testing.assert_allclose(jnp.vdot(x, w), jnp.vdot(b, y), rtol=1e-10)
    solver = Direct(backend=backend)
    state, _ = solver.transpose(solver.init(op, {}), {})
    z, result, stats = solver.compute(state, w, {})
    np.testing.assert_allclose(z, y, rtol=1e-9, atol=1e-10)
    assert result == lx.RESULTS.successful
    # The transposed solver works with the factor of A itself.
    solver.compute(solver.init(op, {}), b, {})
    assert solver.compute(state, w, {})[2]["factorisations"] == 0


def counts(solution):
    return int(solution.stats["factorisations"]), int(solution.stats["num_steps"])


@pytest.mark.breadth
@SOME
def test_a_factor_serves_as_long_as_it_is_good(backend, structure):
    A, b = matrix(structure), vector(24)
    op = operator(A, TAGS[structure])
    assert counts(solve(op, b, backend)) == (1, 0)
    assert counts(solve(op, vector(24, 5), backend)) == (0, 0)
    # Changed a little: iterations with the stale factor only, and the answer is as good.
    near = with_data(
        op, op.data * (1 + 1e-3 * jnp.abs(vector(24, 6)[op.pattern.rows] * vector(24, 6)[op.pattern.columns]))
    )
    found = solve(near, b, backend)
    factorisations, steps = counts(found)
    assert factorisations == 0 and 0 < steps <= 12
    assert jnp.linalg.norm(near.mv(found.value) - b) <= 2e-10 * jnp.linalg.norm(b)
    # Changed a lot: a new factor.
    rows = 10.0 ** vector(24, 7)
    far = with_data(op, op.data * rows[op.pattern.rows] * rows[op.pattern.columns])
    found = solve(far, b, backend)
    assert counts(found)[0] == 1
    np.testing.assert_allclose(found.value, np.linalg.solve(np.asarray(far.as_matrix()), b), rtol=1e-8)
    assert counts(solve(far, b, backend)) == (0, 0)
    # Without patience every change costs a factorisation.
    assert counts(solve(op, b, backend, patience=0)) == (1, 0)


def test_right_hand_sides_share_one_factorisation(backend, monkeypatch):
    made = []
    original = FactorStore._factorise
    monkeypatch.setattr(FactorStore, "_factorise", lambda *args: made.append(1) or original(*args))
    op = operator(matrix("spd"), TAGS["spd"])
    B = jnp.stack([vector(24, i) for i in range(5)])
    found = jax.vmap(lambda b: solve(op, b, backend).value)(B)
    np.testing.assert_allclose(found, np.linalg.solve(matrix("spd"), B.T).T, rtol=1e-10)
    assert len(made) == 1


def test_a_bad_lane_leaves_the_others(backend):
    op = operator(matrix("spd"), TAGS["spd"])
    B = jnp.stack([vector(24), vector(24, 1).at[3].set(jnp.nan), vector(24, 2)])

    def one(b):
        solution = solve(op, b, backend)
        return solution.value, solution.result == lx.RESULTS.successful

    value, good = jax.vmap(one)(B)
    np.testing.assert_array_equal(good, [True, False, True])
    np.testing.assert_allclose(op.mv(value[2]), B[2], atol=1e-12)
    assert jnp.all(jnp.isnan(value[1]))
    singular = jnp.stack([op.data, jnp.zeros_like(op.data), 2 * op.data])
    good = jax.vmap(lambda data: solve(with_data(op, data), B[0], backend).result == lx.RESULTS.successful)(singular)
    np.testing.assert_array_equal(good, [True, False, True])


@pytest.mark.breadth
@SOME
def test_singular_matrices_are_named(backend, structure):
    """A free rod: even a balanced load, for which there are many answers, gets none."""
    A = laplacian(30, shift=0.0)
    for b in (vector(30), jnp.asarray(A @ vector(30))):
        found = solve(operator(A, TAGS[structure]), b, backend)
        assert found.result == lx.RESULTS.singular
        assert jnp.all(jnp.isnan(found.value))
    with pytest.raises(Exception, match="singular"):
        lx.linear_solve(operator(A, TAGS[structure]), b, Direct(backend=backend))


def test_units_and_poor_conditioning_are_not_taken_for_singular(backend):
    units = 10.0 ** np.linspace(-8, 8, 30)
    scaled = units[:, None] * laplacian(30) * units[None, :]
    for A in (scaled, laplacian(30, 1e-9), 1e-30 * laplacian(30), 1e30 * laplacian(30)):
        x = vector(30)
        found = solve(operator(A, TAGS["spd"]), jnp.asarray(A @ x), backend)
        assert found.result == lx.RESULTS.successful
        np.testing.assert_allclose(found.value, x, rtol=1e-5)


def test_not_finite_is_a_failure_not_an_answer(backend):
    op = operator(matrix("spd"), TAGS["spd"])
    for bad in (
        solve(op, vector(24).at[0].set(jnp.inf), backend),
        solve(with_data(op, op.data.at[3].set(jnp.nan)), vector(24), backend),
    ):
        assert bad.result != lx.RESULTS.successful
        assert jnp.all(jnp.isnan(bad.value))


def test_float32_data_and_answers(backend):
    op = operator(matrix("spd"), TAGS["spd"], jnp.float32)
    b = vector(24).astype(jnp.float32)
    found = solve(op, b, backend).value
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, np.linalg.solve(matrix("spd"), b), rtol=1e-5)


def test_a_stale_factor_of_a_definite_matrix_does_not_answer_for_an_indefinite_one(backend):
    A = laplacian(30)
    op = operator(A, TAGS["indefinite"])
    b = vector(30)
    solve(op, b, backend)
    for shift in (0.0, 0.5, 1.5, 3.0, 0.9):
        changed = with_data(op, op.data.at[op.pattern.diagonal].add(-shift))
        found = solve(changed, b, backend)
        assert found.result == lx.RESULTS.successful
        assert jnp.linalg.norm(changed.mv(found.value) - b) <= 1e-9 * jnp.linalg.norm(b)


class Spy:
    """Counts backends that were made and released."""

    def __init__(self, monkeypatch, cls):
        self.alive = set()
        make, release = cls.__init__, cls.release

        def made(engine, *args):
            make(engine, *args)
            self.alive.add(id(engine))

        def released(engine):
            release(engine)
            self.alive.discard(id(engine))

        monkeypatch.setattr(cls, "__init__", made)
        monkeypatch.setattr(cls, "release", released)


def host_solve(store, backend, key, A, b, kind=SYMMETRIC, patience=0):
    A = sps.csr_array(A)
    A.indices, A.indptr = A.indices.astype(np.int32), A.indptr.astype(np.int32)
    options = dict(kind=kind, backend=backend, transposed=False, rtol=1e-10, patience=patience)
    return store.solve(np.asarray(key, np.int32), (A.indptr, A.indices, ()), A.data, b, **options)


@pytest.mark.breadth
def test_fifty_patterns_keep_four_factors(backend, monkeypatch):
    spy = Spy(monkeypatch, ENGINES[backend])
    store = FactorStore(capacity=4)
    b = np.ones((30, 1))
    for i in range(50):
        # Every third one is indefinite: what the abandoned Cholesky factor leaves rests with it. Some are singular.
        A = laplacian(30, 0.3 if i % 3 else -0.7) if i % 7 else laplacian(30, 0.0)
        try:
            host_solve(store, backend, [i, 0], A, b)
        except SingularMatrix:
            assert i % 7 == 0
        resting = sum(len(slot.resting) for slot in store.entries.values())
        assert len(spy.alive) == len(store.entries) + resting and len(store.entries) <= 4
    assert (resting > 0) == (backend == "pardiso")
    # Least recently used goes first.
    recent = [key[0] for key in store.entries]
    host_solve(store, backend, np.frombuffer(recent[0], np.int32), laplacian(30), b)
    host_solve(store, backend, [99, 0], laplacian(30), b)
    assert recent[0] in [key[0] for key in store.entries] and recent[1] not in [key[0] for key in store.entries]
    store.clear()
    gc.collect()
    assert not spy.alive and not store.entries


def test_a_matrix_that_turns_indefinite_and_back_is_analysed_once_for_each_kind(backend, monkeypatch):
    made, engine = [], ENGINES[backend]
    begin = engine.__init__
    monkeypatch.setattr(engine, "__init__", lambda self, *args: (made.append(args[1]), begin(self, *args))[1])
    store, b = FactorStore(), np.random.default_rng(0).standard_normal((30, 1))
    for k in range(6):
        A = laplacian(30, -0.7 if k % 2 else 0.3)
        x, *_ = host_solve(store, backend, [0, 0], A, b)
        np.testing.assert_allclose(A @ x, b, rtol=1e-10, atol=1e-10)
    # What cannot rest is made anew.
    assert made == [POSITIVE, SYMMETRIC] * (1 if backend == "pardiso" else 3)
    store.clear()


def test_threads_share_a_store(backend):
    store = FactorStore(capacity=2)
    failures = []

    def work(thread):
        rng = np.random.default_rng(thread)
        for i in range(30):
            kind = (POSITIVE, SYMMETRIC, GENERAL)[i % 3]
            A, b = laplacian(20, rng.uniform(0.1, 1)), rng.standard_normal((20, 2))
            x, *_ = host_solve(store, backend, [i % 3, 0], A, b, kind, patience=3)
            if np.linalg.norm(A @ x - b) > 1e-8 * np.linalg.norm(b):
                failures.append((thread, i))

    threads = [threading.Thread(target=work, args=(t,)) for t in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_inside_scan_and_under_jit_of_changing_data(backend):
    op = operator(matrix("spd"), TAGS["spd"])

    @eqx.filter_jit
    def march(op, b):
        def step(x, scale):
            x = solve(with_data(op, op.data * scale), x, backend).value
            return x / jnp.linalg.norm(x), None

        return jax.lax.scan(step, b, jnp.linspace(1, 2, 40))[0]

    x = vector(24)
    for scale in np.linspace(1, 2, 40):
        x = np.linalg.solve(scale * matrix("spd"), x)
        x = x / np.linalg.norm(x)
    np.testing.assert_allclose(march(op, vector(24)), x, rtol=1e-7, atol=1e-9)


def test_misuse_raises():
    with pytest.raises(ValueError, match="backend"):
        Direct(backend="cholmod")
    if not cudss_available():
        with pytest.raises(ValueError, match="simphys\\[cudss\\]"):
            Direct(backend="cudss")
    with pytest.raises(ValueError, match="SparseOperator"):
        lx.linear_solve(lx.MatrixLinearOperator(jnp.eye(2)), jnp.ones(2), Direct())


def test_the_common_store_is_bounded():
    assert len(STORE.entries) <= STORE.capacity


def test_many_columns_are_worth_a_fresh_factor(backend):
    """A matrix that changed a little: one column is iterated with the old factor, a hundred have a factor of their own."""
    op, counts = operator(laplacian(200), TAGS["spd"]), []
    changed = with_data(op, 1.01 * op.data)
    for columns in (1, 100):
        STORE.clear()
        b = jnp.stack([vector(200, k) for k in range(columns)])
        solve(op, b[0], backend)
        found = jax.vmap(lambda v: solve(changed, v, backend))(b)
        np.testing.assert_allclose(found.value[-1], jnp.linalg.solve(changed.as_matrix(), b[-1]), rtol=1e-8)
        counts.append(int(found.stats["factorisations"][0]))
    assert counts == [0, 1]
