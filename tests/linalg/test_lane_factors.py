"""Direct solutions under `vmap`: factors of lanes are made by several threads, kept, and found again."""

import threading
import time

import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
import scipy.sparse as sps
from _sparse_examples import laplacian, matrix, operator, with_data

import simphys as sp
from simphys.linalg import Direct, _lane_factors
from simphys.linalg._factors import ENGINES, STORE, FactorStore
from simphys.linalg._lane_factors import Job
from simphys.linalg._mkl_library import mkl_library
from simphys.linalg._pardiso import ANALYSE, FACTORISE, SOLVE, Pardiso, pardiso_available


needs_mkl = pytest.mark.skipif(not pardiso_available(), reason="needs MKL")
BACKENDS = [pytest.param("pardiso", marks=needs_mkl), "superlu"]
LANES, N = 7, 60


@pytest.fixture(autouse=True)
def two_cores(monkeypatch):
    """As many threads on every machine."""
    monkeypatch.setattr(_lane_factors, "cores", lambda: 2)
    sp.linalg.forget_factors()


@pytest.fixture(params=BACKENDS)
def backend(request):
    return request.param


def lanes(seed=0, spread=0.5):
    """Matrices D A D of one pattern, positive definite, and right-hand sides."""
    rng = np.random.default_rng(seed)
    op = operator(laplacian(N), (lx.symmetric_tag, lx.positive_semidefinite_tag))
    rows, columns = np.asarray(op.pattern.rows), np.asarray(op.pattern.columns)
    scales = np.exp(spread * rng.standard_normal((LANES, N)))
    return (
        op,
        jnp.asarray(scales[:, rows] * scales[:, columns] * np.asarray(op.data)),
        jnp.asarray(rng.standard_normal((LANES, N))),
    )


def solved(op, data, b, backend="pardiso", options=None, **settings):
    settings = {"patience": 0} | settings
    return lx.linear_solve(with_data(op, data), b, Direct(backend=backend, **settings), options=options, throw=False)


def dense(op, data, b):
    return np.stack([np.linalg.solve(with_data(op, d).as_matrix(), v) for d, v in zip(data, b, strict=True)])


def factorisations(found):
    return np.asarray(found.stats["factorisations"]).tolist()


def test_lanes_agree_with_a_loop_and_are_found_again(backend):
    """Bit for bit; the factor of each lane then serves its other right-hand sides, and the transpose."""
    op, data, b = lanes()
    many = jax.jit(jax.vmap(lambda d, v: solved(op, d, v, backend)))
    first = many(data, b)
    one = [solved(op, d, v, backend).value for d, v in zip(data, b, strict=True)]
    np.testing.assert_array_equal(first.value, np.stack(one))
    np.testing.assert_allclose(first.value, dense(op, data, b), rtol=1e-11)
    assert factorisations(first) == [1] * LANES
    again = many(data, b[::-1])
    assert factorisations(again) == [0] * LANES
    np.testing.assert_allclose(again.value, dense(op, data, b[::-1]), rtol=1e-11)
    other = many(data.at[3].multiply(2.0), b)
    assert factorisations(other) == [0, 0, 0, 1, 0, 0, 0]


def test_axes_without_a_matrix_of_their_own_are_columns(backend):
    """Three axes of `vmap`: matrices along the second alone are factorised once each."""
    op, data, b = lanes()
    f = lambda d, v: solved(op, d, v, backend)
    v = jnp.stack([b[:5] * (k + 1.0) + b[1:2] for k in range(3)], axis=1)
    found = jax.vmap(jax.vmap(jax.vmap(f, (None, 0)), (0, None)), (None, 0))(data, v)
    wanted = np.stack([np.stack([dense(op, [data[k]] * 3, v[i]) for k in range(LANES)]) for i in range(5)])
    np.testing.assert_allclose(found.value, wanted, rtol=1e-10)
    assert np.all(np.asarray(found.stats["factorisations"]) == 1)
    engines = [e for lanes in STORE.entries.values() for worker in lanes.workers for e in worker.entries.values()]
    assert len(engines) == LANES


@needs_mkl
def test_the_order_of_unknowns_is_sought_once(monkeypatch):
    """Each thread has an engine of its own; but the first takes over its order of unknowns."""
    made, engine = [], ENGINES["pardiso"]

    def spy(matrix, kind, factors=1, like=None):
        made.append((factors, like))
        return engine(matrix, kind, factors, like)

    monkeypatch.setitem(ENGINES, "pardiso", spy)
    op, *_ = lanes()
    for seed in range(3):
        _, data, b = lanes(seed)
        jax.vmap(lambda d, v: solved(op, d, v))(data, b)
    (first, none), (second, like) = made
    assert none is None and like is not None and first == second == 4


def test_a_singular_lane_is_its_own_failure(backend):
    op, data, b = lanes()
    data = data.at[2].set(0.0)
    data = data.at[4, 0].set(jnp.nan)
    for _ in range(2):
        found = jax.vmap(lambda d, v: solved(op, d, v, backend))(data, b)
        good = np.asarray(found.result == lx.RESULTS.successful)
        assert good.tolist() == [True, True, False, True, False, True, True]
        np.testing.assert_allclose(found.value[good], dense(op, data[good], b[good]), rtol=1e-11)
        assert np.all(np.isnan(found.value[~good]))
    mended = data.at[2].set(data[0]).at[4].set(data[0])
    found = jax.vmap(lambda d, v: solved(op, d, v, backend))(mended, b)
    np.testing.assert_allclose(found.value, dense(op, mended, b), rtol=1e-11)


def test_indefinite_lanes_beside_definite_ones(backend):
    """A matrix that is symmetric alone is tried as a definite one; each lane is factorised as it is."""
    op, data, b = lanes()
    signs = jnp.where(jnp.arange(LANES) % 3 == 1, -1.0, 1.0)
    symmetric = operator(laplacian(N), (lx.symmetric_tag,))
    for _ in range(2):
        found = jax.vmap(lambda d, v: solved(symmetric, d, v, backend))(signs[:, None] * data, b)
        np.testing.assert_allclose(found.value, dense(op, signs[:, None] * data, b), rtol=1e-10)
        signs = -signs


def test_only_needed_lanes_are_solved(backend):
    op, data, b = lanes()
    needed = jnp.arange(LANES) % 2 == 0
    found = jax.vmap(lambda d, v, n: solved(op, d, v, backend, {"needed": n}))(data, b, needed)
    assert factorisations(found) == [1, 0] * 3 + [1]
    np.testing.assert_allclose(found.value, np.where(needed[:, None], dense(op, data, b), 0.0), rtol=1e-11)


def test_memory_is_bounded(backend):
    """Where factors would take more than they may, lanes share places; answers are the same."""
    op, data, b = lanes()
    many = jax.vmap(lambda d, v: solved(op, d, v, backend))
    many(data, b)
    sp.linalg.keep_factors(size=STORE.size * 2 // 3)
    try:
        for _ in range(2):
            found = many(data, b)
            np.testing.assert_allclose(found.value, dense(op, data, b), rtol=1e-11)
        (kept,) = STORE.entries.values()
        assert sum(len(worker.entries) for worker in kept.workers) < LANES
        assert kept.size <= STORE.limit
    finally:
        sp.linalg.keep_factors()


def test_lanes_that_are_alike_share_a_factor(backend):
    """Multiples of one matrix: the first factor serves all, by a step or two of the iteration with a stale one."""
    op, data, b = lanes()
    alike = data[:1] * jnp.arange(1.0, LANES + 1)[:, None]
    found = jax.vmap(lambda d, v: solved(op, d, v, backend, patience=24))(alike, b)
    assert sum(factorisations(found)) == 2  # one for each thread
    np.testing.assert_allclose(found.value, dense(op, alike, b), rtol=1e-9)


def test_many_threads_and_a_thread_that_forgets(backend):
    """Ensembles of several threads at a time, of one pattern and of one number of lanes."""
    op, data, b = lanes()
    wanted, failures = dense(op, data, b), []
    many = jax.jit(jax.vmap(lambda d, v: solved(op, d, v, backend)))
    jax.block_until_ready(many(data, b))

    def work(turn):
        try:
            for k in range(10):
                order = np.roll(np.arange(LANES), turn + k)
                np.testing.assert_allclose(many(data[order], b[order]).value, wanted[order], rtol=1e-10)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        sp.linalg.forget_factors()
        time.sleep(0.01)
    for thread in threads:
        thread.join(120)
    assert not failures and not any(thread.is_alive() for thread in threads), failures
    STORE._trim()
    assert not any(kept.lock.locked() for kept in STORE.entries.values())


@needs_mkl
def test_every_phase_of_a_factor_has_one_thread(monkeypatch):
    """However many MKL may use: Pardiso ends the process where the phases of one factor have different numbers."""
    library, seen, engines = mkl_library(), {}, []
    call = Pardiso._call

    def watched(self, *given, **named):
        engines.append(self)  # kept, so that no other is where it was
        if given[0] in (ANALYSE, FACTORISE, SOLVE):
            seen.setdefault(id(self), []).append(library.MKL_Get_Max_Threads())
        return call(self, *given, **named)

    monkeypatch.setattr(Pardiso, "_call", watched)
    before = library.MKL_Get_Max_Threads()
    library.MKL_Set_Num_Threads(2)
    try:
        op, data, b = lanes()
        found = jax.jit(jax.vmap(lambda d, v: solved(op, d, v).value))(data, b)
        np.testing.assert_allclose(found, dense(op, data, b), rtol=1e-8)
        assert library.MKL_Get_Max_Threads() == 2
    finally:
        library.MKL_Set_Num_Threads(before)
    phases = list(seen.values())
    assert len(phases) == 2 and sum(map(len, phases)) > 2 * LANES and all(set(each) == {1} for each in phases)


@pytest.mark.parametrize("patience", [0, 24])
def test_what_is_kept_of_an_ensemble_lies_in_memory_of_its_own(patience):
    """The rows that a program hands over are the program's: another one writes there when it has ended."""
    A = sps.csr_array(matrix("spd"))
    rows = np.array(A.indptr), np.array(A.indices), np.zeros(0, np.int32)
    b = np.random.default_rng(0).standard_normal((A.shape[0], 1))
    store = FactorStore()
    settings = dict(kind="positive definite", backend="superlu", transposed=False, rtol=1e-10, patience=patience)
    for scale in (1.0, 1.1, 3.0):
        jobs = [Job(lane, scale * (1 + lane) * A.data, b) for lane in range(3)]
        for lane, (x, *_) in enumerate(store.solve_lanes(b"own", rows, 3, jobs, **settings)):
            np.testing.assert_allclose(scale * (1 + lane) * (A @ x), b, atol=1e-9)
        for array in rows:
            array[:] = 0
