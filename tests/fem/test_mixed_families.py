"""Elements of all families on meshes of triangles and quadrilaterals: what is held, continuous, exact and of what order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from _manufactured import newton_step
from _tied_blocks import remade
from _tiled import bar, square
from test_elements import NORMAL, held, label, rot

import simphys as sp
from simphys.fem import Dirichlet, Energy, FunctionSpace, Weak, cells_of
from simphys.fem._interior import interior_of


HELD = [("CR", 1), [1, ("bubble", 3)], ("RT", 2), ("BDM", 1), ("N1curl", 2), ("N2curl", 1)]
CONTINUOUS = [HELD[1], ("RT", 3), ("BDM", 2), ("N1curl", 3), ("N2curl", 1)]


def slanted(n):
    """Triangles beside parallelograms."""
    mesh = square(n)
    return remade(mesh, np.asarray(mesh.points) @ np.array([[1.0, 0.2], [-0.15, 0.9]]))


@pytest.mark.breadth
@pytest.mark.parametrize("element", HELD, ids=label)
def test_what_an_element_holds_is_found_again(element):
    space = FunctionSpace(slanted(2), element)
    function, mesh = held(element, None), space.mesh
    points = np.concatenate([np.asarray(mesh.points)[np.asarray(b.nodes)[:, :3]].mean(axis=1) for b in mesh.blocks])
    found = space.evaluate(space.interpolate(function), points)
    np.testing.assert_allclose(found, jax.vmap(function)(points), atol=2e-11)


@pytest.mark.breadth
@pytest.mark.parametrize("element", CONTINUOUS, ids=label)
def test_what_is_continuous_between_cells_of_any_type(element):
    """For any values: normal components in H(div), tangential ones in H(curl), all of a scalar; on distorted cells."""
    space = FunctionSpace(square(4, 1, 0.2), element)
    field = jnp.asarray(np.random.default_rng(0).standard_normal(space.shape))
    parts = interior_of(space).parts
    assert {(part.block, part.behind) for part in parts} >= {(0, 0), (0, 1), (1, 1)}
    for part in parts:
        own, domain = part.of(space), part.domain
        geometry = domain.geometry(own.mesh)
        columns = jnp.einsum("ea,eqas->eqs", field[domain.nodes(own)], domain.basis(own, geometry, "value"))
        jump = jnp.subtract(*jnp.split(columns, 2, axis=-1))
        along = jnp.einsum("eqd,eqd->eq", jump, geometry.normal)[..., None] if space.vectorial else jump
        normal = not space.vectorial or element[0] in NORMAL
        assert jnp.abs(along if normal else jump - along * geometry.normal).max() < 1e-12 * jnp.abs(columns).max()
        assert not space.vectorial or jnp.abs(jump).max() > 1e-2


def on_blocks(space, u, what):
    """Values or slopes of a field at points of each block, and where these are."""
    for k in range(len(space.blocks)):
        own = space.block(k)
        domain = cells_of(own, degree=4)
        geometry = domain.geometry(own.mesh)
        found = jnp.einsum("ea,eqas->eqs", u[own.cells], domain.basis(own, geometry, what))
        square = space.vectorial and what == "gradient"
        yield found.reshape(*found.shape[:2], 2, 2) if square else found, geometry


@pytest.mark.slow
def test_de_rham():
    """Π grad = grad Π; ∫ q div Π w = ∫ q div w and ∫ q rot Π w = ∫ q rot w, of polynomials of a low degree."""
    mesh, degree = slanted(2), 2
    P, N, R = (FunctionSpace(mesh, e) for e in (degree, ("N1curl", degree), ("RT", degree)))
    wave = lambda x, k: (1 + x @ jnp.arange(1.0, 3)) ** k + x[0] * x[1] ** (k - 1)
    scalar = lambda x: wave(x, degree + 1)
    vector = lambda x: jnp.stack([wave(x[::-1] if k else 0.5 * x, degree) for k in range(2)])
    near = lambda found, expected: np.testing.assert_allclose(
        found, expected, atol=1e-12 * float(jnp.abs(expected).max())
    )
    pairs = on_blocks(N, N.interpolate(jax.grad(scalar)), "value"), on_blocks(P, P.interpolate(scalar), "gradient")
    for (found, _), (expected, _) in zip(*pairs, strict=True):
        near(found, expected)
    for space, derived in ((R, lambda J: jnp.trace(J, axis1=-2, axis2=-1)), (N, rot)):
        for found, geometry in on_blocks(space, space.interpolate(vector), "gradient"):
            exact = derived(jax.vmap(jax.vmap(jax.jacfwd(vector)))(geometry.position))
            integral = lambda d, at=geometry: jnp.einsum("eq,eq,eqd->ed", d, at.measure, at.position)
            near(integral(derived(found)), integral(exact))


def height(x):
    return jnp.sin(np.pi * x[0]) * jnp.sin(np.pi * x[1])


def _darcy(f, at, k):
    u, p = f
    return (u.value / k, -p.value * jnp.eye(2)), (2 * jnp.pi**2 * height(at.position) - u.divergence, None)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "degree"), [("RT", 2), ("BDM", 1)])
def test_mixed_diffusion_has_the_order_of_the_element(family, degree):
    """u = −∇p, ∇·u = f on distorted cells of both types."""
    found = []
    for n in (4, 8):
        mesh = square(n, 1, 0.0 if family == "BDM" else 0.1)
        lower = ("DG", degree - 1) if family == "RT" else ("DG", 0)
        spaces = FunctionSpace(mesh, (family, degree)), FunctionSpace(mesh, lower)
        u, p = newton_step(sp.physics.Balance(spaces, [Weak(_darcy, jnp.array(1.0), symmetric=True, linear=True)]))
        square_of = 0.0
        for values, geometry in on_blocks(spaces[0], u, "value"):
            off = values + jax.vmap(jax.vmap(jax.grad(height)))(geometry.position)
            square_of += float(jnp.einsum("eq,eqd->", geometry.measure, off**2))
        found.append(np.sqrt(square_of))
    assert np.log2(found[0] / found[1]) > (degree if family == "RT" else 2) - 0.2, found


@pytest.mark.slow
def test_a_cavity_of_both_types_has_no_spurious_frequencies():
    """λ/π² = n² + m²; the gradients lie at 0."""
    space = FunctionSpace(square(4, 1, 0.1), ("N1curl", 2))
    stored = Energy(lambda E, at, eps: eps * jnp.sum(E.value**2) / 2, jnp.array(1.0))
    curls = Energy(lambda E, at, p: jnp.sum(E.curl**2) / 2)
    cavity = sp.physics.Balance(space, [curls], [Dirichlet("all", 0.0)], stored=stored)
    found = sp.physics.modes(cavity, 8, above=1.0).values / jnp.pi**2
    np.testing.assert_allclose(found, [1, 1, 2, 4, 4, 5, 5, 8], rtol=0.01)


def test_vectors_are_shown_cell_by_cell():
    """For pictures and files: values at the corners of each cell, which jump between them where the field does."""
    space = FunctionSpace(slanted(2), ("RT", 1))
    vector = lambda x: jnp.array([1.0, -2.0])
    u = space.interpolate(vector)
    target, values = sp.fem.shown(space, u)
    assert not target.continuous and values.shape == (target.n_nodes, 2)
    np.testing.assert_allclose(values, np.tile([1.0, -2.0], (target.n_nodes, 1)), atol=1e-13)


def test_what_basix_lacks_is_refused_by_cell_and_family():
    for mesh, element, words in [
        (square(2), ("S", 2), "no element serendipity of degree 2 on a triangle"),
        (square(2), ("DPC", 1), "no element DPC of degree 1 on a triangle"),
        (bar(3), ("RT", 1), "no element RT of degree 1 on a p"),
        (bar(3), ("N1curl", 1), "no element N1E of degree 1 on a p"),
    ]:
        with pytest.raises(ValueError, match=words):
            FunctionSpace(mesh, element)
