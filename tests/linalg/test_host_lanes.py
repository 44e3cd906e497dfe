"""Host functions that fill their results: the lanes of `vmap` are shared among threads."""

import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys.linalg import _host_call, host_function


meeting = threading.Barrier(2)
seen = []


@host_function("simphys_test_lanes", fills=True)
def _twice(settings, x, out):
    """2 x, once two threads are here at the same time; refuses what is negative."""
    seen.append(threading.get_ident())
    meeting.wait(timeout=60)
    if np.any(x < 0):
        raise ValueError("negative")
    out[0][...] = settings["factor"] * x


def twice(x):
    return _twice({"factor": 2.0}, (jax.ShapeDtypeStruct(x.shape, x.dtype),), x)[0]


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    monkeypatch.setattr(_host_call, "cores", lambda: 2)
    monkeypatch.setattr(_host_call, "WORTH_THREADS", 1)
    seen.clear()
    meeting.reset()


def test_two_threads_fill_lanes_at_the_same_time():
    x = jnp.arange(12.0).reshape(6, 2)
    np.testing.assert_array_equal(jax.jit(jax.vmap(twice))(x), 2 * x)
    assert len(seen) == 6 and len(set(seen)) == 2


def test_a_lane_that_fails_in_another_thread_ends_the_call():
    x = jnp.array([[1.0], [-1.0]])
    with pytest.raises(jax.errors.JaxRuntimeError, match="negative"):
        jax.block_until_ready(jax.jit(jax.vmap(twice))(x))
