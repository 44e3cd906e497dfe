"""Nearest points, searches and safe steps of surfaces, against brute force."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys.contact._crossed import crossed
from simphys.contact._longest import _longest_on_host
from simphys.contact._near import Known
from simphys.contact._nearest import edge_edge, point_facet
from simphys.contact._points import FINE, moved_aside
from simphys.contact._pruned import pruned
from simphys.contact._search import near_edges, near_facets, near_targets
from simphys.contact._surface import laid_out


RANDOM = np.random.default_rng(0)


def _shares(corners, fine=24):
    """Barycentric coordinates that cover a segment or triangle."""
    every = itertools.product(range(fine + 1), repeat=corners - 1)
    return np.array([[fine - sum(k), *k] for k in every if sum(k) <= fine]) / fine


@pytest.mark.parametrize("dim", [2, 3])
def test_nearest_point_of_a_facet(dim):
    """No point of it is nearer; that of repeated vertices is that of the edge or vertex; both libraries agree."""
    x, facet = RANDOM.normal(size=(200, dim)), RANDOM.normal(size=(200, dim, dim))
    facet[:40, 1] = facet[:40, 0]
    facet[:20, -1] = facet[:20, 0]
    found = point_facet(np, x, facet)
    points = np.einsum("sv,nvd->nsd", _shares(dim), facet)
    least = ((points - x[:, None]) ** 2).sum(-1).min(axis=1)
    assert np.all(found <= least + 1e-12)
    assert np.all(np.sqrt(least) - np.sqrt(found) < 0.3)
    np.testing.assert_allclose(found[:20], ((x - facet[:, 0])[:20] ** 2).sum(-1), rtol=1e-12)
    np.testing.assert_allclose(jax.jit(lambda x, f: point_facet(jnp, x, f))(x, facet), found, rtol=1e-10)


def test_nearest_points_of_edges():
    a, b = RANDOM.normal(size=(2, 200, 2, 3))
    b[:20] = a[:20] + RANDOM.normal(size=(20, 1, 3))
    found = edge_edge(np, a, b)
    p, q = (np.einsum("sv,nvd->nsd", _shares(2, 60), each) for each in (a, b))
    least = ((p[:, :, None] - q[:, None]) ** 2).sum(-1).min(axis=(1, 2))
    assert np.all(found <= least + 1e-12) and np.all(np.sqrt(least) - np.sqrt(found) < 0.1)
    np.testing.assert_allclose(edge_edge(np, b, a), found, rtol=1e-9)


def _sheet(n, dim):
    """A flat surface of n (× n) cells, nodes moved about within it, and its facets."""
    axis = np.arange(n + 1) / n
    if dim == 2:
        return np.stack([axis, 0 * axis], axis=1), np.stack([np.arange(n), np.arange(1, n + 1)], axis=1)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    inside = ((grid > 0) & (grid < 1)).all(axis=1)
    grid[inside] += 0.2 / n * RANDOM.uniform(-1, 1, size=(inside.sum(), 2))
    at = lambda i, j: i * (n + 1) + j
    cells = [(at(i, j), at(i + 1, j), at(i, j + 1), at(i + 1, j + 1)) for i in range(n) for j in range(n)]
    facets = np.array([t for a, b, c, d in cells for t in ((a, b, c), (d, c, b))])
    return np.concatenate([grid, np.zeros((len(grid), 1))], axis=1), facets


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("dim", [2, 3])
def test_the_nearest_point_counts_once(dim, parts):
    """Above a flat surface Σ s b(d) = b(height), wherever a point stands: over a facet, an edge or a vertex."""
    x, facets = _sheet(4, dim)
    own = laid_out(facets, parts)
    height, reach = 0.03, 0.1
    at = np.einsum("skd,sk->sd", x[own.samples], own.counts / parts)
    at = np.concatenate([at, *(at + 0.05 * RANDOM.uniform(-1, 1, size=at.shape) for _ in range(3))])
    at = at[((at[:, :-1] > 0.15) & (at[:, :-1] < 0.85)).all(axis=1)]
    at[:, -1] = height
    far = np.sqrt(point_facet(np, at[:, None], x[own.targets][None]))
    b = np.where(far < reach, -((np.minimum(far, reach) / reach - 1) ** 2) * np.log(far / reach), 0.0)
    assert len(at) > 4
    np.testing.assert_allclose(b @ own.signs, -((height / reach - 1) ** 2) * np.log(height / reach), rtol=1e-10)


@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize("dim", [2, 3])
def test_samples_share_the_area(dim, parts):
    """And integrate what is linear on facets exactly."""
    x, facets = _sheet(3, dim)
    own = laid_out(facets, parts)
    e = x[facets[:, 1]] - x[facets[:, 0]]
    if dim == 2:
        size = np.linalg.norm(e, axis=1)
    else:
        size = np.linalg.norm(np.cross(e, x[facets[:, 2]] - x[facets[:, 0]]), axis=1) / 2
    weights = np.zeros(len(own.samples))
    np.add.at(weights, own.areas[:, 0], own.areas[:, 2] / own.whole * size[own.areas[:, 1]])
    at = np.einsum("skd,sk->sd", x[own.samples], own.counts / parts)
    assert weights.sum() == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(weights @ at[:, 0], size @ x[facets].mean(axis=1)[:, 0], rtol=1e-12)
    assert len(np.unique(at.round(9), axis=0)) == len(at)


def test_search_finds_what_brute_force_does():
    """Two sheets in space, bent: the same pairs of points and of edges, by the tree."""
    x, facets = _sheet(12, 3)
    x[:, 2] = 0.05 * np.sin(5 * x[:, 0])
    both = np.concatenate([x, x + np.array([0.03, 0.02, 0.02])])
    facets = np.concatenate([facets, facets + len(x)])
    side = np.repeat([0, 1], len(x))
    own = laid_out(facets, 1)
    known = Known(side, np.arange(2 * len(x))[:, None], True)
    owners = np.zeros(len(own.samples), np.int64)
    owners[own.areas[:, 0]] = own.areas[:, 1]
    at = both[own.samples[:, 0]]
    found, _ = near_facets(known, both, at, 0.04, facets, owners)
    pairs, far, shares = near_targets(both, at, found, 0.04, own.targets, own.families)
    every = np.sqrt(point_facet(np, at[:, None], both[own.targets][None]))
    other = side[own.samples[:, 0]][:, None] != side[own.targets[:, 0]][None]
    # Of what has vertices on the rim, those are no targets by themselves.
    assert (
        len(np.unique(found, axis=0)) == len(found) == (every[:, : len(facets)] < 0.04)[other[:, : len(facets)]].sum()
    )
    expected = np.argwhere((every < 0.04) & other)
    assert len(own.samples) * len(own.targets) > 250_000 and len(expected) > 100
    np.testing.assert_array_equal(pairs[np.lexsort(pairs.T[::-1])], expected)
    np.testing.assert_allclose(far, every[tuple(pairs.T)], rtol=1e-12)
    # What cancels is left out, and nothing else: the potential is the same.
    left, count = pruned(pairs, np.where(shares > 0, own.targets[pairs[:, 1]], -1), own.signs)
    energy = lambda rows, signs: np.bincount(pairs[rows, 0], signs * (far[rows] - 0.04) ** 2, len(at))
    np.testing.assert_allclose(
        energy(left, count), energy(np.arange(len(pairs)), own.signs[pairs[:, 1]]), rtol=1e-9, atol=1e-15
    )
    assert 0 < len(left) < 0.4 * len(pairs)
    edges, _ = near_edges(known, both, 0.03, own.edges)
    close = np.sqrt(edge_edge(np, both[own.edges][:, None], both[own.edges][None])) < 0.03
    other = side[own.edges[:, 0]][:, None] != side[own.edges[:, 0]][None]
    assert len(edges) == np.triu(close & other, 1).sum() > 100


@pytest.mark.parametrize("dim", [2, 3])
def test_steps_end_before_surfaces_touch(dim):
    """Two sheets thrown at each other with random parts: the whole way crosses, the safe part never does."""
    x, facets = _sheet(4, dim)
    own = laid_out(np.concatenate([facets, facets + len(x)]), 1)
    both = np.concatenate([facets, facets + len(x)])
    side = np.repeat([0, 1], len(x))
    rise, settings, crossings, middles = np.eye(dim)[-1], dict(two=True), 0, np.arange(2 * len(x))[:, None]
    known = Known(side, middles, True)
    for _ in range(12):
        start = np.concatenate([x, x + 0.05 * rise]) + 0.01 * RANDOM.uniform(-1, 1, size=(2 * len(x), dim))
        end = start + RANDOM.normal(size=start.shape) * 0.1 - np.where(side[:, None] == 1, 0.08 * rise, 0.0)
        out = (np.empty(1),)
        _longest_on_host.__wrapped__(settings, start, end, middles, both, own.edges, side, out=out)
        part = float(out[0][0])
        crossings += len(crossed(known, end, both, own.edges)[0]) > 0
        assert 0 < part <= 1
        for t in np.linspace(0, 1, 6):
            assert len(crossed(known, start + t * part * (end - start), both, own.edges)[0]) == 0
        if part < 1:
            # It ends where something is near.
            gap = lambda t: min(
                np.sqrt(point_facet(np, y[:, None], y[both][None]))[side[:, None] != side[both[:, 0]][None]].min()
                for y in [start + t * (end - start)]
            )
            assert gap(part) < 0.05
    assert crossings >= 10
    free = _longest_on_host.__wrapped__(settings, start, start + 3.0, middles, both, own.edges, side, out=out)
    assert free is None and float(out[0][0]) == 1.0


@pytest.mark.parametrize("dim", [2, 3])
def test_a_step_that_ends_where_surfaces_touch_is_shortened(dim):
    """To rounding, above, on or below: boxes of ways may miss each other by that."""
    x, facets = _sheet(3, dim)
    own = laid_out(np.concatenate([facets, facets + len(x)]), 1)
    both, side = np.concatenate([facets, facets + len(x)]), np.repeat([0, 1], len(x))
    rise, middles = np.eye(dim)[-1], np.arange(2 * len(x))[:, None]
    for end in (-1e-16, 0.0, 1e-17, 6e-17, 1e-15):
        start, moved = np.concatenate([x, x + 0.005 * rise]), np.concatenate([x + 0.1 * rise, x + (0.1 + end) * rise])
        out = (np.empty(1),)
        _longest_on_host.__wrapped__(dict(two=True), start + 0.1 * rise, moved, middles, both, own.edges, side, out=out)
        assert 0.8 < float(out[0][0]) < 1


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("dim", [2, 3])
def test_matching_sheets_touch_within_facets(dim, parts):
    """Samples are moved off edges and vertices, by less than a part in 300: the nearest point is within a facet."""
    x, facets = _sheet(4, dim)
    x, facets = np.concatenate([x, x + 1e-3 * np.eye(dim)[-1]]), np.concatenate([facets, facets + len(x)])
    own = laid_out(facets, parts)
    owners = np.zeros(len(own.samples), np.int64)
    owners[own.areas[:, 0]] = own.areas[:, 1]
    vertices, counts = moved_aside(own.samples, own.counts, facets[owners])
    assert (counts > 0).all() and (counts.sum(axis=1) == FINE * parts).all()
    at = np.einsum("skd,sk->sd", x[vertices], counts / (FINE * parts))
    before = np.einsum("skd,sk->sd", x[own.samples], own.counts / parts)
    assert np.linalg.norm(at - before, axis=1).max() < 1 / 300
    known = Known(np.repeat([0, 1], len(x) // 2), np.arange(len(x))[:, None], True)
    found, _ = near_facets(known, x, at, 0.05, facets, owners)
    pairs, far, shares = near_targets(x, at, found, 0.05, own.targets, own.families)
    left, count = pruned(pairs, np.where(shares > 0, own.targets[pairs[:, 1]], -1), own.signs)
    assert np.all(count == 1) and len(left) == len(at) < len(pairs)
    np.testing.assert_allclose(far[left], 1e-3, rtol=1e-9)
    assert (shares[left] > 0).all()
