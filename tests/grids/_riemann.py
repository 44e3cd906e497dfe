"""Exact solutions of Riemann problems, for tests; nothing of the package is used."""

import numpy as np
from scipy.optimize import brentq


GAMMA = 1.4


def _curve(p, rho, pressure):
    """Change of velocity from a state to pressure p, across a shock or a fan."""
    sound = np.sqrt(GAMMA * pressure / rho)
    if p > pressure:
        a, b = 2 / ((GAMMA + 1) * rho), (GAMMA - 1) / (GAMMA + 1) * pressure
        return (p - pressure) * np.sqrt(a / (p + b))
    return 2 * sound / (GAMMA - 1) * ((p / pressure) ** ((GAMMA - 1) / (2 * GAMMA)) - 1)


def gas(left, right):
    """Return p*, u*, the densities beside the contact, and the speed of the shock that moves to the right."""
    (rho_l, u_l, p_l), (rho_r, u_r, p_r) = left, right
    p = brentq(
        lambda p: _curve(p, rho_l, p_l) + _curve(p, rho_r, p_r) + u_r - u_l,
        1e-9,
        50 * max(p_l, p_r),
        xtol=1e-15,
        rtol=1e-14,
    )
    u = (u_l + u_r + _curve(p, rho_r, p_r) - _curve(p, rho_l, p_l)) / 2
    k = (GAMMA - 1) / (GAMMA + 1)
    shocked = lambda rho, pressure: rho * (p / pressure + k) / (k * p / pressure + 1)
    fanned = lambda rho, pressure: rho * (p / pressure) ** (1 / GAMMA)
    each = lambda rho, pressure: (shocked if p > pressure else fanned)(rho, pressure)
    speed = u_r + np.sqrt(GAMMA * p_r / rho_r * ((GAMMA + 1) / (2 * GAMMA) * p / p_r + (GAMMA - 1) / (2 * GAMMA)))
    return p, u, each(rho_l, p_l), each(rho_r, p_r), speed


def gas_density(s, left, right):
    """Return ρ at x/t = s of a fan to the left and a shock to the right, as in Sod's tube."""
    (rho_l, u_l, p_l), (rho_r, *_) = left, right
    p, u, beside_l, beside_r, speed = gas(left, right)
    sound = np.sqrt(GAMMA * p_l / rho_l)
    tail = u - sound * (p / p_l) ** ((GAMMA - 1) / (2 * GAMMA))
    within = 2 / (GAMMA + 1) + (GAMMA - 1) / ((GAMMA + 1) * sound) * (u_l - s)
    fan = rho_l * np.maximum(within, 0) ** (2 / (GAMMA - 1))
    return np.select([s < u_l - sound, s < tail, s < u, s < speed], [rho_l, fan, beside_l, beside_r], rho_r)


def dam(s, left, right, g):
    """Return depth and velocity at x/t = s after a dam between depths left > right ≥ 0 breaks."""
    c_l = np.sqrt(g * left)
    if right == 0:
        front = 2 * c_l
        fan = np.clip((2 * c_l - s) / 3, 0, c_l)
        return np.where(s < front, fan**2 / g, 0.0), np.where(
            s < -c_l, 0.0, np.where(s < front, 2 * (c_l + s) / 3, 0.0)
        )
    jump = lambda h: (h - right) * np.sqrt(g * (h + right) / (2 * h * right))
    h = brentq(lambda h: jump(h) - 2 * (c_l - np.sqrt(g * h)), right, left, xtol=1e-15)
    u, speed = jump(h), jump(h) * h / (h - right)
    fan = (2 * c_l - s) / 3
    conditions = [s < -c_l, s < u - np.sqrt(g * h), s < speed]
    depth = np.select(conditions, [left, fan**2 / g, h], right)
    return depth, np.select(conditions, [0.0, 2 * (c_l + s) / 3, u], 0.0)
