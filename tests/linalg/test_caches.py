"""What a process keeps: bounded in bytes, seen, emptied; used by many threads; without a word in the environment."""

import os
import subprocess
import sys
import textwrap
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sps

import simphys as sp
from simphys.linalg._factor import GENERAL, SYMMETRIC
from simphys.linalg._factors import ENGINES, FactorStore
from simphys.linalg._pardiso import pardiso_available


BACKENDS = ["superlu", *(["pardiso"] if pardiso_available() else [])]


def matrix(n=30, shift=1.0):
    A = sps.diags_array([-1.0, 2.0 + shift, -1.0], offsets=[-1, 0, 1], shape=(n, n)).tocsr()
    A.indices, A.indptr = A.indices.astype(np.int32), A.indptr.astype(np.int32)
    return A


def host_solve(store, key, A, b, backend, kind=SYMMETRIC, patience=0):
    options = dict(kind=kind, backend=backend, transposed=False, rtol=1e-10, patience=patience)
    return store.solve(np.asarray([key, 0], np.int32), (A.indptr, A.indices, ()), A.data, b, **options)


@pytest.mark.parametrize("backend", BACKENDS)
def test_factors_are_bounded_in_bytes(backend):
    store, b = FactorStore(capacity=20), np.ones((400, 1))
    host_solve(store, 0, matrix(400), b, backend)
    one = store.size
    # Of a tridiagonal matrix: its entries twice, with their numbers, and those of the factor.
    assert 400 * 2 * 8 < one < 400 * 1000
    store.limit = int(3.5 * one)
    for key in range(1, 8):
        host_solve(store, key, matrix(400), b, backend)
        assert store.size <= store.limit
    assert len(store.entries) == 3
    store.limit = 1
    host_solve(store, 9, matrix(400), b, backend)
    assert len(store.entries) == 1, "the last one is kept whatever its size"
    store.clear()
    assert store.size == 0 and not store.entries


@pytest.mark.slow
def test_caches_are_seen_and_emptied():
    body = sp.physics.Heat(
        sp.fem.FunctionSpace(sp.fem.rectangle((3, 3))),
        sp.materials.IsotropicConduction(k=2.0),
        [sp.fem.Dirichlet("left", 0.0)],
        [sp.physics.Flux("right", 1.0)],
    )
    before = sp.solve(body, method=sp.Newton(linear_solver=sp.linalg.Direct())).value
    found = sp.linalg.caches()
    assert found["factors"].entries >= 1 and 0 < found["factors"].size <= found["factors"].limit == 8 * 2**30
    assert found["programs"].entries >= 1 and found["programs"].size > 0
    sp.linalg.clear_caches()
    emptied = sp.linalg.caches()
    assert emptied["factors"][:2] == (0, 0)
    assert emptied["programs"].entries < found["programs"].entries
    again = sp.solve(body, method=sp.Newton(linear_solver=sp.linalg.Direct())).value
    assert np.array_equal(before, again)


@pytest.mark.slow
def test_what_is_kept_can_be_chosen():
    with pytest.raises(ValueError, match="`size` must be a whole number of 1 or more, got 0"):
        sp.linalg.keep_factors(2, 0)
    try:
        sp.linalg.keep_factors(2, 10**6)
        assert sp.linalg.caches()["factors"].limit == 10**6
    finally:
        sp.linalg.keep_factors()


class Meeting:
    """An engine's factorisations, which wait until so many threads are in one."""

    def __init__(self, monkeypatch, backend, parties):
        self.together, engine = threading.Barrier(parties), ENGINES[backend]
        factorise = engine.factorise

        def waiting(engine, matrix):
            self.together.wait(timeout=60)
            return factorise(engine, matrix)

        monkeypatch.setattr(engine, "factorise", waiting)


def run_together(*works):
    failures = []

    def guarded(work):
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failures and not any(thread.is_alive() for thread in threads), failures


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("keys", [(0, 1), (0, 0)], ids=["patterns", "one pattern"])
def test_two_threads_factorise_at_once(backend, keys, monkeypatch):
    """Neither gets past its factorisation unless the other is in its own at the same time."""
    store, b = FactorStore(), np.ones((30, 1))
    Meeting(monkeypatch, backend, 2)
    found = {}

    def work(number):
        A = matrix(shift=1.0 + number)
        found[number] = A @ host_solve(store, keys[number], A, b, backend, kind=GENERAL)[0]

    run_together(lambda: work(0), lambda: work(1))
    for product in found.values():
        np.testing.assert_allclose(product, b, rtol=1e-10)
    assert len(store.entries) == 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_threads_with_one_matrix_share_its_factor(backend, monkeypatch):
    """Those that come while the first factorises wait for its factor, and make none of their own."""
    store, A, b, counts = FactorStore(), matrix(), np.ones((30, 1)), []
    engine, pause = ENGINES[backend], threading.Event()
    factorise = engine.factorise
    monkeypatch.setattr(engine, "factorise", lambda *given: (pause.wait(0.3), factorise(*given))[1])
    run_together(*[lambda: counts.append(host_solve(store, 0, A, b, backend)[1])] * 6)
    assert sum(counts) == 1 and len(store.entries) == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_threads_and_a_thread_that_forgets(backend):
    store = FactorStore(capacity=2)

    def work(thread):
        rng = np.random.default_rng(thread)
        for _ in range(25):
            A, b = matrix(20, rng.uniform(0.1, 1)), rng.standard_normal((20, 2))
            x, *_ = host_solve(store, int(rng.integers(3)), A, b, backend, patience=3)
            assert np.linalg.norm(A @ x - b) <= 1e-8 * np.linalg.norm(b)

    def forget():
        for _ in range(25):
            store.clear()

    run_together(*[lambda t=t: work(t) for t in range(4)], forget)
    store._trim()
    assert len(store.entries) <= 2 and not any(slot.lock.locked() for slot in store.entries.values())


@pytest.mark.slow
def test_compiled_solves_of_two_threads_are_right():
    space = sp.fem.FunctionSpace(sp.fem.rectangle((6, 6)))

    def total(k):
        law = sp.materials.IsotropicConduction(k=k)
        body = sp.physics.Heat(space, law, [sp.fem.Dirichlet("left", 0.0)], [sp.physics.Flux("right", 1.0)])
        return sp.solve(body, method=sp.Newton(linear_solver=sp.linalg.Direct(patience=0))).value.sum()

    compiled = jax.jit(jax.value_and_grad(total))
    unit = compiled(jnp.asarray(1.0))
    found = {}

    def work(number):
        for i in range(10):
            k = 1.0 + 0.1 * i + number
            found[k] = compiled(jnp.asarray(k))

    run_together(lambda: work(0), lambda: work(1))
    for k, (value, slope) in found.items():
        np.testing.assert_allclose((value, slope), (unit[0] / k, unit[1] / k**2), rtol=1e-9)


ENVIRONMENT = """
    import ctypes, os, sys, jax
    sys.path.insert(0, {folder!r})
    jax.config.update("jax_enable_x64", True)
    import matplotlib, typer, meshio, pyamg
    libc = ctypes.CDLL(None)
    here = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ")
    def environment():
        seen, i = set(), 0
        while here[i] is not None:
            seen.add(here[i]); i += 1
        return dict(os.environ), seen
    before = environment()
    import simphys as sp, numpy as np
    from _run_cli import ROD
    from simphys.cli import app
    from typer.testing import CliRunner
    open("rod.toml", "w").write(ROD)
    for device in ([], ["--device", "cpu"]):
        found = CliRunner().invoke(app, ["run", "rod.toml", "--out", "out", *device])
        assert found.exit_code == 0, found.output
    solver = sp.linalg.Direct()
    body = sp.physics.Heat(sp.fem.FunctionSpace(sp.fem.line(3)), sp.materials.IsotropicConduction(k=1.0),
                           [sp.fem.Dirichlet("left", 0.0)], [sp.physics.Flux("right", 1.0)])
    sp.solve(body, method=sp.Newton(linear_solver=solver))
    for old, new in zip(before, environment(), strict=True):
        assert old == new, (set(old) ^ set(new))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="looks at the C library's environment")
def test_the_environment_is_the_users(tmp_path):
    folder = os.path.join(os.path.dirname(os.path.dirname(__file__)), "cli")
    script = textwrap.dedent(ENVIRONMENT).format(folder=folder)
    env = {name: value for name, value in os.environ.items() if name not in ("KMP_BLOCKTIME", "PYPARDISO_MKL_RT")}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
