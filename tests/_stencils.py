"""Nonlinear stencils on an N × N grid with zeros around it, and where their Jacobians are nonzero."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np


STAR = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
BOX = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1))


def shifted(u, i, j, outside=0.0):
    """u at the neighbour (i, j)."""
    n, m = u.shape
    return jnp.pad(u, 1, constant_values=outside)[1 + i : 1 + i + n, 1 + j : 1 + j + m]


class FivePoint(eqx.Module):
    """−∇·((1 + u²) ∇u) = s, unsymmetric; 5 points."""

    source: jax.Array

    def __call__(self, u, args):
        k = 1 + u**2
        faces = lambda i, j: 0.5 * (k + shifted(k, i, j, 1.0)) * (u - shifted(u, i, j))
        return sum(faces(i, j) for i, j in STAR[1:]) * (len(u) + 1) ** 2 - self.source


class NinePoint(eqx.Module):
    """−∇²w + eᵘ = s with w = u + u³/10, by the compact 9-point Laplacian; unsymmetric."""

    source: jax.Array

    def __call__(self, u, args):
        w = u + 0.1 * u**3
        weights = {(0, 0): 20.0} | {(i, j): -1.0 if i and j else -4.0 for i, j in BOX if i or j}
        laplace = sum(weight * shifted(w, *at) for at, weight in weights.items()) * (len(u) + 1) ** 2 / 6
        return laplace + jnp.exp(u) - self.source


class Area(eqx.Module):
    """Φ = Σ √(1 + |∇u|²) + s u: one-sided differences couple 7 points."""

    source: jax.Array

    def __call__(self, u, args):
        right, up = shifted(u, 1, 0) - u, shifted(u, 0, 1) - u
        return jnp.sum(jnp.sqrt(1 + right**2 + up**2) + 0.5 * u**2 + self.source * u)


def entries(shape, offsets):
    """Rows and columns of a stencil that ends at the walls."""
    number = np.arange(np.prod(shape)).reshape(shape)
    rows, columns = [], []
    for offset in offsets:
        here = tuple(slice(max(0, -o), n - max(0, o)) for o, n in zip(offset, shape))
        there = tuple(slice(max(0, o), n - max(0, -o)) for o, n in zip(offset, shape))
        rows.append(number[here].ravel())
        columns.append(number[there].ravel())
    return np.concatenate(rows), np.concatenate(columns)


def hump(n):
    """10 sin πx sin πy inside the unit square."""
    wave = jnp.sin(jnp.pi * jnp.linspace(0, 1, n + 2)[1:-1])
    return 10 * wave[:, None] * wave[None, :]
