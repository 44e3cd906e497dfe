"""Layers that are said, not computed: a projection onto a set of constraints, and a mean that does not mind outliers.

A declarative node is the solution of a small problem; how it is found does not matter to its gradient. Here two of them:
the portfolio nearest to a wish (weights that are not negative, sum up to 1, and put no more than 40 % on one asset), and
the robust mean of a set of points, with the gradient that would learn its scale.

    python examples/declarative_nodes.py
"""

import jax
import jax.numpy as jnp
import optimistix as optx

import simphys as sp
from simphys.layers import QP, Argmin


jax.config.update("jax_enable_x64", True)


def portfolio(wish, cap):
    """min ½ |z − wish|² subject to Σ z = 1, 0 ≤ z ≤ cap."""
    n = wish.shape[0]
    eye = jnp.eye(n)
    G, h = jnp.concatenate([eye, -eye]), jnp.concatenate([jnp.broadcast_to(cap, n), jnp.zeros(n)])
    return QP(eye, -wish, jnp.ones((1, n)), jnp.ones(1), G, h)().value


def huber(r, scale):
    """Quadratic near 0, |r| far away."""
    return scale**2 * (jnp.sqrt(1 + (r / scale) ** 2) - 1)


def welsch(r, scale):
    """Quadratic near 0, constant far away: what is far away does not count at all."""
    return scale**2 / 2 * (1 - jnp.exp(-((r / scale) ** 2)))


def pool(points, scale, penalty):
    """The y with the least Σ φ(|y − x_i|): a mean, of all points or of those that agree."""
    energy = lambda y, data: jnp.mean(penalty(jnp.sqrt(jnp.sum((y - data[0]) ** 2, axis=1) + 1e-12), data[1]))
    start = jnp.median(points, axis=0)
    return Argmin(energy, method=optx.BFGS(rtol=1e-6, atol=1e-6))(start, (points, scale)).value


def main():
    wish = jnp.array([0.9, 0.5, 0.1, -0.2])
    z = portfolio(wish, 0.4)
    print(f"portfolio {z.round(4)}")
    slopes = jax.jacrev(portfolio)(wish, 0.4)
    print(f"its slopes {slopes[1].round(4)}, by the cap {jax.jacrev(portfolio, 1)(wish, 0.4).round(4)}")

    cloud = 0.1 * jax.random.normal(jax.random.key(0), (30, 2))
    points = jnp.concatenate([cloud, 5 + jax.random.normal(jax.random.key(1), (8, 2))])
    truth = jnp.mean(cloud, axis=0)
    errors = {"mean": float(jnp.linalg.norm(jnp.mean(points, axis=0) - truth))}
    for name, penalty in (("Huber", huber), ("Welsch", welsch)):
        errors[name] = float(jnp.linalg.norm(pool(points, 0.3, penalty) - truth))
    print("distance from the cloud's mean: " + ", ".join(f"{k} {v:.4f}" for k, v in errors.items()))
    value, slope, certificate = sp.value_and_grad(lambda s: jnp.sum((pool(points, s, huber) - truth) ** 2))(
        jnp.array(0.3)
    )
    print(f"error² {value:.3e}, its slope by the scale {slope:.3e}; adjoint solved to {certificate.residual:.0e}")
    return z, slopes, errors, (value, slope)


if __name__ == "__main__":
    main()
