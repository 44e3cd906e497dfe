"""Solves of what separates along the axes, by fast diagonalisation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._told import Told
from .._trees import any_traced
from .._typing import Array, Float, Scalar
from ..linalg import DEFINITE, AbstractPreconditioner
from ._lines import Line


LONG = 32
"""Cells along an axis from which on Fourier transforms are quicker than two products with a dense matrix."""


class Separable(Told):
    r"""The inverse of what separates: x ↦ (s W⊗W⊗W + k (K⊗W⊗W + W⊗K⊗W + W⊗W⊗K)) x with a W and a K for each axis.

    K q = λ W q,   qᵀ W q = 1;    x = ⊗Q (s + k (λ ⊕ λ ⊕ λ))⁻¹ ⊗Qᵀ b

    Two products with a small dense matrix for each axis, whatever the conditions and steps; symmetric. Long periodic axes
    of equal steps take Fourier transforms instead. The vectors are made once, on the host where the steps are known;
    nothing is differentiated through them.

    **Arguments:**

    - `lines`: the points along each axis.
    - `ends`: for each axis the pair of conditions, see `Sides.pairs`.
    - `coefficient`: the κ that conditions take; 1 by default.

    Reference: R. E. Lynch, J. R. Rice, D. H. Thomas, Numer. Math. 6 (1964) 185.
    """

    vectors: tuple[Float[Array, "n n"] | Float[Array, ""], ...]
    """Q of each axis; of a Fourier axis the weight 1/√h of its vectors."""
    values: tuple[Float[Array, " n"], ...]
    coefficient: Scalar
    fourier: tuple[int, ...] = eqx.field(static=True)
    """Axes that are transformed by FFT."""

    def __init__(self, lines, ends, coefficient=1.0):
        self.coefficient = jnp.asarray(coefficient, lines[0].widths.dtype)
        self.fourier = tuple(axis for axis, line in enumerate(lines) if _equal(line, coefficient))
        found = [
            _waves(line, coefficient) if axis in self.fourier else _eigen(line, pair, coefficient)
            for axis, (line, pair) in enumerate(zip(lines, ends, strict=True))
        ]
        self.vectors, self.values = tuple(q for q, _ in found), tuple(v for _, v in found)

    def solve(self, b: Array, shift: Scalar, factor: Scalar, constant: Scalar | None = None) -> Array:
        """Return x.

        **Arguments:**

        - `b`: array over the points.
        - `shift`, `factor`: s and k.
        - `constant`: what stands for the eigenvalue 0, should there be one; None to leave that mode away.
        """
        vectors, values = jax.lax.stop_gradient((self.vectors, self.values))
        rank, shape, waves = len(values), b.shape, self.fourier
        if waves:
            # The last transform is that of a real array: half of its wave numbers are enough.
            last = waves[-1]
            values = tuple(v[: shape[last] // 2 + 1] if a == last else v for a, v in enumerate(values))
        spread = [v.reshape(tuple(-1 if a == axis else 1 for a in range(rank))) for axis, v in enumerate(values)]
        real = lambda x: jnp.asarray(x, b.dtype)
        total = real(shift) + real(factor) * sum(spread)
        none = jnp.abs(total) <= 100 * float(jnp.finfo(b.dtype).eps) * jnp.max(jnp.abs(total))
        at_none = 0.0 if constant is None else 1 / real(constant)
        inverse = jnp.where(none, at_none, 1 / jnp.where(none, 1, total))
        for axis, q in enumerate(vectors):
            if axis in waves:
                inverse = inverse * q**2
            else:
                b = _along(q.T, b, axis)
        if waves:
            lengths = [shape[a] for a in waves]
            spectrum = jnp.fft.rfftn(b, axes=waves)
            spectrum = jax.lax.complex(inverse * spectrum.real, inverse * spectrum.imag)
            b = jnp.fft.irfftn(spectrum, s=lengths, axes=waves)
        else:
            b = inverse * b
        for axis, q in enumerate(vectors):
            if axis not in waves:
                b = _along(q, b, axis)
        return b


class SeparableInverse(AbstractPreconditioner):
    r"""M⁻¹ = d⁻¹ (s W + k K)⁻¹ d⁻¹ as a preconditioner, d = √κ a field: close for coefficients κ that vary smoothly.

    **Arguments:**

    - `separable`: the `Separable` part.
    - `shift`, `factor`, `constant`: as for its `solve`.
    - `scaling`: d, of the grid's shape, or None for 1.
    - `kind`: what the operator is, `DEFINITE` (conjugate gradients) or `GENERAL` (FGMRES).

    Reference: P. Concus, G. H. Golub, SIAM J. Numer. Anal. 10 (1973) 1103.
    """

    separable: Separable
    shift: Scalar
    factor: Scalar
    constant: Scalar | None = None
    scaling: Array | None = None
    kind: str = eqx.field(static=True, default=DEFINITE)

    @property
    def made_for(self):
        """What `kind` says."""
        return self.kind

    def prepare(self, operator):
        """Nothing: all is made."""

    def apply(self, prepared, residual):
        """Return M⁻¹ r."""
        b = residual.reshape(tuple(v.shape[0] for v in self.separable.values))
        b = b if self.scaling is None else b / self.scaling
        x = self.separable.solve(b, self.shift, self.factor, self.constant)
        return (x if self.scaling is None else x / self.scaling).ravel()

    def describe(self):
        """Fast diagonalisation."""
        return "fast diagonalisation"


def _along(matrix, x, axis):
    return jnp.moveaxis(jnp.tensordot(matrix, x, (1, axis), precision=jax.lax.Precision.HIGHEST), 0, axis)


def _equal(line: Line, coefficient):
    """Whether an axis is periodic with equal steps, and long enough for a transform to be quicker than two products."""
    if not line.periodic or line.widths.shape[0] < LONG or any_traced(line, coefficient):
        return False
    h = np.asarray(line.widths)
    return bool(np.ptp(h) <= 8 * np.finfo(h.dtype).eps * h.max())


def _waves(line: Line, coefficient):
    """1/√h and λ of the waves along one axis."""
    h, n = np.asarray(line.widths), line.widths.shape[0]
    values = np.asarray(coefficient) * (2 - 2 * np.cos(2 * np.pi * np.arange(n) / n)) / h[0] ** 2
    return jnp.asarray(h[0] ** -0.5, h.dtype), jnp.asarray(values, h.dtype)


def _eigen(line: Line, pair, coefficient):
    """Q and λ of one axis."""
    known = not any_traced(line, pair, coefficient)
    xp = np if known else jnp
    w, g, kappa = (xp.asarray(x) for x in (line.widths, line.gaps, coefficient))
    n, m = w.shape[0], g.shape[0]
    # Differences between neighbours; on a periodic axis the last one's upper neighbour is the first.
    links = (np.roll(np.eye(n), 1, axis=1) - np.eye(n))[:m].astype(w.dtype)
    K = links.T @ ((kappa / g)[:, None] * links)
    keep = np.arange(n)
    if not line.periodic:
        for side, condition in enumerate(pair):
            at = -side
            if condition.prescribes and line.on_sides:
                keep = keep[1:] if side == 0 else keep[:-1]
                continue
            s = xp.mean(xp.asarray(condition.exchange(coefficient, line.ends[side])[0])).astype(w.dtype)
            K = K + s * xp.asarray(np.diag(np.eye(n, dtype=w.dtype)[at]))
    K, root = K[keep][:, keep], xp.sqrt(w[keep])
    values, vectors = xp.linalg.eigh(K / (root[:, None] * root[None]))
    return jnp.asarray(vectors / root[:, None], w.dtype), jnp.asarray(xp.maximum(values, 0), w.dtype)
