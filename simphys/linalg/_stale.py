"""Solves with a matrix by the factor of another one."""

import numpy as np

from ._factor import POSITIVE


LEAST_PATIENCE = 8
HOPELESS = 1.0


def with_stale_factor(matrix, b, entry, transposed, rtol, patience):
    """Iterate on the new matrix, preconditioned by the old factor; (None, steps) if that does not pay."""
    # A fresh factor serves the adjoint solves that follow as well: that is worth more than the few solves it saves now.
    patience = min(patience, max(LEAST_PATIENCE, round(entry.factor.price / 4)))
    # Of many columns each takes its solve in each step: a fresh factor is the cheaper the more they are.
    columns = b.shape[1]
    if columns > 1:
        patience = min(patience, 1 + int(entry.factor.price / columns))
    if patience < 2 <= columns:
        return None, 0
    # Squares of tiny numbers are 0: columns are brought to the size of 1.
    length = np.abs(b).max(axis=0)
    length = np.where(length > 0, length, 1.0)
    if entry.kind != POSITIVE:
        x, spent = _refine(matrix.T if transposed else matrix, b / length, entry, transposed, rtol, patience)
    else:
        x, spent = _conjugate_gradients(matrix, b / length, entry, rtol, patience)
    return None if x is None else x * length, spent


def _conjugate_gradients(matrix, b, entry, rtol, patience):
    """Conjugate gradients, one column of b beside the other."""
    x, r = np.zeros_like(b), b.copy()
    target = rtol * np.linalg.norm(b, axis=0)
    z = entry.factor.solve(r, False)
    p, rz = z, np.einsum("ij,ij->j", r, z)
    for step in range(1, patience + 1):
        ap = matrix @ p
        curvature = np.einsum("ij,ij->j", p, ap)
        if not np.all(curvature >= 0) or not np.all(rz >= 0):
            return None, step
        alpha = rz / np.where(curvature > 0, curvature, 1.0)
        x, r = x + alpha * p, r - alpha * ap
        size = np.linalg.norm(r, axis=0)
        if np.all(size <= target):
            # The recursive residual drifts from the true one: what counts is the true one.
            if np.all(np.linalg.norm(b - matrix @ x, axis=0) <= 2 * target):
                return x, step
            return None, step
        if step >= 2 and _projected(np.max(size / np.maximum(target, 1e-300)), step, rtol) > HOPELESS * patience:
            return None, step
        z = entry.factor.solve(r, False)
        rz, before = np.einsum("ij,ij->j", r, z), rz
        p = z + rz / np.where(before > 0, before, 1.0) * p
    return None, patience


def _projected(left, step, rtol):
    """Steps in all, if the rest of the way to the target is as slow as the way so far."""
    gained = -np.log(max(rtol * left, 1e-300))
    return np.inf if gained <= 0 else step * (-np.log(rtol)) / gained


def _refine(matrix, b, entry, transposed, rtol, patience):
    """Iterative refinement with the old factor; given up as soon as it contracts too slowly."""
    solve = entry.factor.rough
    x = solve(b, transposed)
    target, size = rtol * np.linalg.norm(b, axis=0), np.inf
    for step in range(1, patience + 1):
        r = b - matrix @ x
        before, size = size, np.linalg.norm(r, axis=0)
        if np.all(size <= target):
            return x, step
        if not np.all(size <= np.maximum(0.3 * before, target)):
            return None, step
        x = x + solve(r, transposed)
    return None, patience
