"""Tangents of integrals over many cells, taken some cells at a time: the same numbers and derivatives."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.fem import CellField, Dirichlet, FunctionSpace, QuadratureField, box, cells_of
from simphys.fem._chunks import chunks_of


@pytest.fixture
def body():
    """Two parameters that vary, from cell to cell and from point to point; 60 cells are no multiple of a chunk."""
    space = FunctionSpace(box((5, 4, 3)), components=3)
    r = np.random.default_rng(0)
    modulus = CellField(jnp.asarray(r.uniform(1.0, 3.0, 60)))
    points = cells_of(space).geometry(space.mesh).measure.shape
    shift = sp.physics.BodyForce(QuadratureField(jnp.asarray(r.standard_normal((*points, 3)))))
    return sp.physics.Solid(space, sp.materials.StVenantKirchhoff(E=modulus, nu=0.3), [Dirichlet("left", 0.0)], [shift])


def everything(problem):
    r = np.random.default_rng(1)
    y, v = (jnp.asarray(0.03 * r.standard_normal(problem.system.reduction.size)) for _ in range(2))
    where = lambda p: (p.material.E.values, p.space.mesh.points)

    @jax.jit
    def work(parts, y):
        put = lambda parts: eqx.tree_at(where, problem, parts)
        product = lambda parts, y: jnp.vdot(v, put(parts).jacobian(y).mv(v))
        return put(parts).jacobian(y).data, jax.grad(product, (0, 1))(parts, y)

    return jax.tree.leaves(work(where(problem), y))


@pytest.mark.slow
def test_chunks_change_neither_numbers_nor_derivatives(body, monkeypatch):
    """The matrix, and its derivatives by moduli, node positions and unknowns."""
    wanted = everything(body)
    monkeypatch.setattr("simphys.fem._tangents.MANY", 10)
    monkeypatch.setattr("simphys.fem._tangents.CHUNK_OF_MANY", 11)
    jax.clear_caches()
    found = everything(body)
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12 * float(jnp.max(jnp.abs(b))))


def test_every_item_is_in_one_chunk():
    for count, size in ((60, 7), (60, 60), (61, 20), (1, 5)):
        numbers, there = (np.asarray(a) for a in chunks_of(count, size))
        np.testing.assert_array_equal(numbers[there], np.arange(count))
        assert numbers.max() == count - 1 and numbers.shape[1] <= size
