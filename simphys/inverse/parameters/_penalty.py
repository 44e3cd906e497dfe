"""Priors as rows of a least-squares problem."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sparse

from ..._typing import Array
from ._parameters import Parametrisation
from ._priors import AbstractPrior


class Rows(NamedTuple):
    """Priors at one φ: −ln p, and rows with Aᵀa its gradient and AᵀA its curvature.

    - `energy`: −ln p up to a constant.
    - `residuals`: a.
    - `matrix`: A, (row, entry of φ).
    """

    energy: float
    residuals: np.ndarray
    matrix: sparse.csr_array


class Penalty:
    """All priors of a fit.

    **Arguments:**

    - `priors`: sequence of priors.
    - `parameters`: the parametrisation.
    - `problem`: the problem that the parameters are of.

    **Raises:** `ValueError` if one does not fit its parameter.
    """

    def __init__(self, priors, parameters: Parametrisation, problem):
        for prior in priors:
            if not isinstance(prior, AbstractPrior):
                raise ValueError(f"`priors` must be priors such as `Gaussian` and `H1`, got {prior!r}.")
        self.parameters = parameters
        self.parts = [(parameters.number(p.parameter), p.form(parameters, problem)) for p in priors]

    def covers(self) -> list[str]:
        """Return the names of the parameters on which there is no prior."""
        seen = {number for number, _ in self.parts}
        return [p.name for i, p in enumerate(self.parameters.parameters) if i not in seen]

    def at(self, phi: Array) -> Rows:
        """Evaluate the priors."""
        energy, residuals, blocks = 0.0, [np.zeros(0)], [sparse.csr_array((0, phi.shape[0]))]
        for number, form in self.parts:
            part = self.parameters.part(number)
            u, slope = _field(self.parameters.transforms[number], phi[part], form.latent)
            e, root, one = _reweighted(form, u)
            local = sparse.coo_array(root @ slope)
            columns = local.coords[1] + part.start
            shape = (local.shape[0], phi.shape[0])
            blocks.append(sparse.csr_array(sparse.coo_array((local.data, (local.coords[0], columns)), shape)))
            residuals.append(e)
            energy += one
        matrix = sparse.csr_array(sparse.vstack(blocks))
        return Rows(energy, np.concatenate(residuals), matrix)


def _field(transform, phi, latent):
    """u(φ) and ∂u/∂φ."""
    of = (lambda p: jnp.ravel(transform.latent(p))) if latent else (lambda p: jnp.ravel(transform.forward(p)))
    if transform.pointwise():
        u, slope = jax.jvp(of, (phi,), (jnp.ones_like(phi),))
        return np.asarray(u, float), sparse.diags_array(np.asarray(slope, float))
    return np.asarray(of(phi), float), sparse.csr_array(np.asarray(jax.jacfwd(of)(phi), float))


def _reweighted(form, u):
    """Rows, their matrix, and the energy; norms of groups with the weights that have their gradient."""
    e = form.root @ (u - form.mean)
    if form.weights is None:
        return e, form.root, 0.5 * float(e @ e)
    size = np.sqrt(np.sum(e.reshape(form.weights.size, -1) ** 2, axis=1) + form.smoothing**2)
    scale = np.repeat(np.sqrt(form.weights / size), e.size // size.size)
    return scale * e, sparse.diags_array(scale) @ form.root, float(form.weights @ (size - form.smoothing))
