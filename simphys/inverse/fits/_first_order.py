"""Fits by gradients alone, one adjoint solve each: limited-memory quasi-Newton, and Adam."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import scipy.optimize

from ..._result import RESULTS
from ._objective import Local
from ._search import Limits, Search


MOST_WHITENED = 4000
RATE = 0.05


class _Done(Exception):
    """Ends an iteration of SciPy's from within."""


def lbfgs(search: Search, limits: Limits):
    """Minimise by L-BFGS, 20 pairs; in coordinates in which the priors' curvature at the start is the identity.

    Reference: D. C. Liu, J. Nocedal, Math. Program. 45 (1989) 503.
    """
    if (status := search.begin()) != RESULTS.successful:
        return status
    to_phi, back = _whitened(search.best)
    origin, count = np.asarray(search.phi, float), 0

    def function(x):
        nonlocal count
        count += 1
        phi = origin + to_phi(x)
        trial = search.trial(phi)
        if not isinstance(trial, Local):
            search.reject(trial, phi)
            # As high a wall as the line search can still interpolate.
            return 10 * abs(search.best.value) + 1.0, back(search.best.gradient)
        if trial.value < search.best.value:
            search.accept(trial)
        elif not np.array_equal(phi, np.asarray(search.phi)):
            search.reject(trial, phi)
        if search.best.cosine() <= limits.gradient or count >= limits.max_iterations:
            raise _Done
        return trial.value, back(trial.gradient)

    options = dict(maxcor=20, ftol=1e-14, gtol=0.0, maxiter=limits.max_iterations)
    try:
        scipy.optimize.minimize(function, np.zeros(origin.size), jac=True, method="L-BFGS-B", options=options)
    except _Done:
        done = search.best.cosine() <= limits.gradient
        return RESULTS.successful if done else RESULTS.fit_unfinished
    return RESULTS.successful if search.best.cosine() <= 1e2 * limits.gradient else RESULTS.fit_stalled


def _whitened(local):
    """x ↦ φ − φ₀ and the gradient's map back."""
    R = local.prior.matrix.T @ local.prior.matrix
    if local.size > MOST_WHITENED or R.nnz == 0 or np.any(R.diagonal() == 0):
        return (lambda x: x), (lambda g: g)
    U = scipy.linalg.cholesky(R.toarray() + 1e-12 * R.diagonal().max() * np.eye(local.size))
    to_phi = lambda x: scipy.linalg.solve_triangular(U, x)
    return to_phi, lambda g: scipy.linalg.solve_triangular(U, g, trans="T")


def adam(search: Search, limits: Limits):
    """Minimise by Adam with a rate that falls to 0 along a cosine; the best point is kept. Needs Optax.

    Reference: D. P. Kingma, J. Ba, Adam, ICLR 2015.
    """
    try:
        import optax
    except ImportError:
        raise ValueError('method = "adam" needs Optax: pip install optax.') from None
    if (status := search.begin()) != RESULTS.successful:
        return status
    rule = optax.adam(optax.cosine_decay_schedule(RATE, limits.max_iterations))
    here, phi = search.best, search.phi
    state = rule.init(phi)
    for _ in range(limits.max_iterations):
        if search.best.cosine() <= limits.gradient:
            return RESULTS.successful
        # Optax mixes widths of numbers, which its users may have forbidden.
        with jax.numpy_dtype_promotion("standard"):
            change, state = rule.update(jnp.asarray(here.gradient, phi.dtype), state, phi)
            phi = jnp.asarray(optax.apply_updates(phi, change), phi.dtype)
        trial = search.trial(phi)
        if not isinstance(trial, Local):
            search.reject(trial, phi)
            here, phi = search.best, search.best.phi
            continue
        here = trial
        if trial.value < search.best.value:
            search.accept(trial)
        else:
            search.reject(trial, phi)
    return RESULTS.fit_unfinished
