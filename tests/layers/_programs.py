"""Convex programs with known solutions, and random ones."""

import numpy as np


def random_qp(n=6, m=6, p=2, seed=0):
    """Q, q, A, b, G, h of a strictly convex program with a point inside the constraints."""
    r = np.random.default_rng(seed)
    M = r.standard_normal((n, n))
    A, G, z = r.standard_normal((p, n)), r.standard_normal((m, n)), r.standard_normal(n)
    return M @ M.T / n + 0.1 * np.eye(n), r.standard_normal(n), A, A @ z, G, G @ z + r.uniform(0, 1, m)


def active_set_solution(Q, q, A, b, G, h):
    """The minimiser by trying every active set: exact, and by other means than an interior-point method."""
    n, best = len(q), None
    for bits in range(2 ** len(h)):
        active = [i for i in range(len(h)) if bits >> i & 1]
        C, d = np.vstack([A, G[active]]), np.r_[b, h[active]]
        if len(C) > n:
            continue
        K = np.block([[Q, C.T], [C, np.zeros((len(C), len(C)))]])
        if np.linalg.cond(K) > 1e10:
            continue
        x = np.linalg.solve(K, np.r_[-q, d])
        z, w = x[:n], x[n + len(b) :]
        if np.all(G @ z <= h + 1e-10) and np.all(w >= -1e-10):
            best = z, x[n : n + len(b)], active, w
    return best
