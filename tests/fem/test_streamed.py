"""Integrals that are taken chunk by chunk are what they are all at once, with the same derivatives."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys import fem, materials, physics
from simphys.fem import _residuals, _streamed


def random(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape))


def moved(mesh):
    return eqx.tree_at(lambda m: m.points, mesh, mesh.points + 0.02 * random(mesh.points.shape))


def reacting(mesh, degree):
    """All that an integrand may look at, with parameters of each kind; on some of the cells."""
    space = fem.FunctionSpace(mesh, degree)
    domain = fem.cells_of(space, np.arange(mesh.n_cells - 1))
    points = fem.quadrature(mesh.cell_type, domain.degree)[1].size
    parameters = {
        "cells": fem.CellField(random(mesh.n_cells)),
        "nodes": fem.NodalField(random(space.n_nodes)),
        "points": fem.QuadratureField(random((mesh.n_cells, points))),
        "one": jnp.asarray(0.3),
    }

    def energy(fields, point, p):
        (u,) = fields
        slope = p["one"] * jnp.sum(u.gradient**2) + p["nodes"] * jnp.sum(jnp.sin(u.gradient))
        return slope + (p["cells"] + p["points"] + point.size) * u.value**4 * jnp.cos(point.position[0])

    def weak(fields, point, p):
        of = lambda value, gradient: energy((fem.Local(value, gradient),), point, p)
        return (jax.grad(of, (0, 1))(fields[0].value, fields[0].gradient),)

    return space, fem.Integral(domain, weak, parameters, energy, slots=("both",), sized=True)


def solid(mesh, degree):
    space = fem.FunctionSpace(mesh, degree, mesh.dim)
    law = materials.NeoHooke.from_young(E=fem.CellField(1 + random(mesh.n_cells) ** 2), nu=0.3)
    law = law if mesh.dim == 3 else materials.PlaneStrain(law)
    return space, physics.Solid(space, law, [fem.Dirichlet("left", 0.0)]).integrals()[0]


CASES = {
    "reaction on a line": (reacting, lambda: fem.line(7), 3),
    "hexahedra": (solid, lambda: moved(fem.box((3, 2, 2))), 2),
    "reaction in quadrilaterals": (reacting, lambda: moved(fem.rectangle((3, 4))), 2),
}


@pytest.mark.breadth
@pytest.mark.parametrize("name", CASES)
def test_chunks_give_what_the_whole_gives(name, monkeypatch):
    make, mesh, degree = CASES[name]
    space, integral = make(mesh(), degree)
    u, v = 0.1 * random(space.shape), random(space.shape, 1)
    monkeypatch.setattr(_streamed, "CHUNK", 3)

    def found(least):
        for name in ("STREAMED", "STREAMED_IN_QUADRILATERALS"):
            monkeypatch.setattr(_streamed, name, least)

        @eqx.filter_jit
        def every(integral, space, u, v):
            at = lambda integral, space, u: _residuals.element_residuals(integral, (space,), (u,))
            (residuals,), energy = at(integral, space, u)
            numbers, rest = eqx.partition((integral, space), eqx.is_inexact_array)
            apart = lambda numbers, u: at(*eqx.combine(numbers, rest), u)
            tangent = jax.jvp(lambda u: apart(numbers, u), (u,), (v,))[1]
            back = jax.grad(lambda *given: jnp.sum(jnp.sin(apart(*given)[0][0])) + apart(*given)[1], (0, 1))(numbers, u)
            return residuals, energy, tangent, back

        return every(integral, space, u, v)

    whole, chunked = found(10**9), found(0)
    assert _streamed.streams(integral, (space,))
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(chunked), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-11, atol=1e-12 * max(1.0, float(jnp.max(jnp.abs(a)))))


def test_what_is_not_taken_in_chunks():
    """Second derivatives, facets, and functions that cells turn."""
    mesh = fem.box((2, 1, 1))
    space, integral = solid(mesh, 2)
    assert _streamed.streamable(integral, (space,))
    assert not _streamed.streams(integral, (space,))
    assert not _streamed.streamable(dataclasses.replace(integral, slots=("hessian",)), (space,))
    assert not _streamed.streamable(dataclasses.replace(integral, domain=fem.facets_of(space, "left")), (space,))
    turned = fem.FunctionSpace(mesh, 3, 3)
    assert _streamed.streamable(integral, (turned,)) == (turned.orientation is None)
    edges = fem.FunctionSpace(fem.box((1, 1, 1), cell_type="tetrahedron"), ("N1E", 1))
    assert not _streamed.streamable(integral, (edges,))


@pytest.mark.slow
def test_diagonals():
    """In straight cells of one state they are those of the assembled matrix."""
    space, integral = solid(fem.box((2, 2, 1)), 2)
    body = physics.Solid(space, integral.parameters[0], [fem.Dirichlet("left", 0.0)])
    (cells,) = fem.diagonals(integral, (space,), (jnp.zeros(space.shape),))
    total = jnp.zeros(space.shape).at[space.cells].add(cells)
    matrix = body.jacobian(body.unknowns(None))
    found = total.ravel()[body.system.reduction.representative]
    np.testing.assert_allclose(found, matrix.data[matrix.pattern.diagonal], rtol=1e-12)
