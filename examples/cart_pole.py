"""A cart balances a pole by model-predictive control, and learns the weights of its cost by driving.

Every tenth of a second a quadratic program plans the force over the next 1.5 s: linearised dynamics, force and position
within bounds. The force of its first moment moves the true, nonlinear cart-pole. The loss is what the drive costs in the
end; its gradient with respect to the planner's weights goes through every one of these programs and through the cart-pole.

    python examples/cart_pole.py [folder]
"""

import pathlib
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from simphys.layers import QP
from simphys.viz import Curve, Panel, compare_curves


jax.config.update("jax_enable_x64", True)

STEP, HORIZON, STEPS = 0.1, 15, 40  # s, plans, drives
FORCE, ROOM = 8.0, 0.8  # N, m
CART, POLE, LENGTH, GRAVITY = 1.0, 0.2, 0.5, 9.81  # kg, kg, m, m/s²
START = jnp.array([0.0, 0.0, 0.35, 0.0])  # m, m/s, rad, rad/s


def rate(state, force):
    """Equations of motion; the angle is measured from the upright."""
    _, v, angle, spin = state
    s, c = jnp.sin(angle), jnp.cos(angle)
    total = CART + POLE
    push = (force + POLE * LENGTH * spin**2 * s) / total
    turning = (GRAVITY * s - c * push) / (LENGTH * (4 / 3 - POLE * c**2 / total))
    return jnp.stack([v, push - POLE * LENGTH * turning * c / total, spin, turning])


def move(state, force):
    """One tenth of a second, by the classical Runge-Kutta method."""
    k1 = rate(state, force)
    k2 = rate(state + STEP / 2 * k1, force)
    k3 = rate(state + STEP / 2 * k2, force)
    k4 = rate(state + STEP * k3, force)
    return state + STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


class Planner(eqx.Module):
    """min Σ xᵀ diag(c) x + r f² over forces f, x_{k+1} = A x_k + B f_k, |f| ≤ 8 N, and a soft |x| ≤ 0.8 m."""

    log_weights: jax.Array  # of position, speed, angle, spin and force

    def __call__(self, state):
        """Return the first force, whether there was a plan, and how many bounds are weakly active."""
        A, B = jax.jacfwd(move, (0, 1))(jnp.zeros(4), 0.0)
        powers = [jnp.eye(4)]
        for _ in range(HORIZON):
            powers.append(A @ powers[-1])
        free = jnp.concatenate([P @ state for P in powers[1:]])
        rows = [
            jnp.concatenate(
                [powers[i - j] @ B[:, None] if j <= i else jnp.zeros((4, 1)) for j in range(HORIZON)], axis=1
            )
            for i in range(HORIZON)
        ]
        effect = jnp.concatenate(rows)
        weights = jnp.exp(self.log_weights)
        cost = jnp.tile(weights[:4], HORIZON)
        Q = effect.T @ (cost[:, None] * effect) + weights[4] * jnp.eye(HORIZON)
        q = effect.T @ (cost * free)
        # One more variable: how far the cart leaves its room.
        Q = jnp.pad(Q, ((0, 1), (0, 1))).at[-1, -1].set(1.0)
        q = jnp.append(q, 1e3)
        where = effect[::4]
        over = -jnp.ones((HORIZON, 1))
        force = jnp.pad(jnp.eye(HORIZON), ((0, 0), (0, 1)))
        G = jnp.concatenate(
            [
                force,
                -force,
                jnp.concatenate([where, over], 1),
                jnp.concatenate([-where, over], 1),
                -jnp.eye(HORIZON + 1)[-1:],
            ]
        )
        h = jnp.concatenate([jnp.full(2 * HORIZON, FORCE), ROOM - free[::4], ROOM + free[::4], jnp.zeros(1)])
        plan = QP(Q, q, G=G, h=h)(throw=False)
        return plan.value[0], plan.certificate.converged, plan.weakly_active


def drive(planner):
    """Return states, forces and whether every plan was found."""

    def step(state, _):
        force, good, weak = planner(state)
        return move(state, force), (state, force, good, weak)

    return jax.lax.scan(step, START, None, length=STEPS)[1]


def loss(planner):
    """Mean of x² + 10 θ² + f² / 1000."""
    states, forces, *_ = drive(planner)
    return jnp.mean(states[:, 0] ** 2 + 10 * states[:, 2] ** 2 + 1e-3 * forces**2)


def learn(planner, rounds):
    """Adam's method."""
    optimiser = optax.adam(0.2)
    state = optimiser.init(planner)
    improve = eqx.filter_jit(jax.value_and_grad(loss))
    values = []
    for _ in range(rounds):
        value, gradient = improve(planner)
        values.append(float(value))
        updates, state = optimiser.update(gradient, state)
        planner = eqx.apply_updates(planner, updates)
    return planner, values


def main(folder=".", rounds=25):
    first = Planner(jnp.log(jnp.array([1.0, 1.0, 1.0, 1.0, 0.3])))
    planner, values = learn(first, rounds)
    drives = {"first guess": jax.jit(drive)(first), "learned": jax.jit(drive)(planner)}
    values.append(float(eqx.filter_jit(loss)(planner)))
    states, forces, good, weak = drives["learned"]
    print(f"loss {values[0]:.4f}, learned {values[-1]:.4f}; every plan found: {bool(np.all(good))}")
    print(
        f"largest force {float(jnp.max(jnp.abs(forces))):.3f} N, cart within {float(jnp.max(jnp.abs(states[:, 0]))):.3f} m"
    )
    time = STEP * np.arange(STEPS)
    panels = [
        Panel(curves=[Curve(time, pick(d), name) for name, d in drives.items()], x_label="time, s", y_label=label)
        for label, pick in (
            ("angle of the pole, rad", lambda d: d[0][:, 2]),
            ("position of the cart, m", lambda d: d[0][:, 0]),
            ("force, N", lambda d: d[1]),
        )
    ]
    path = compare_curves(
        panels, pathlib.Path(folder) / "cart_pole.png", title="Model-predictive control of a cart-pole"
    )
    return values, drives, path


if __name__ == "__main__":
    main(*sys.argv[1:])
