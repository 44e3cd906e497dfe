"""impact: a bar that flies into a wall, by each stepper, and a thousand steps of a block that hops along the ground.

A bar of length 1, width .1, E 100, ν 0, density 1 flies at .1 into a rigid wall. By the theory of waves it is stopped by a
pressure ρ c v and leaves after 2 L/c as it came: all energy is back, e = 1. `python -m tests.benchmarks impact` prints
what docs/contact.md says.
"""

import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import simphys as sp
from simphys import fem, materials, physics
from simphys.assembly import assemble
from simphys.physics import HalfSpace, Obstacle
from simphys.stepping import GeneralisedAlpha, Newmark, march


SPEED, WAVE, WIDTH = 0.1, 10.0, 0.1
STEPPERS = {
    "Newmark()": Newmark(),
    "GeneralisedAlpha(0.8)": GeneralisedAlpha(0.8),
    "GeneralisedAlpha(0.5)": GeneralisedAlpha(0.5),
    "GeneralisedAlpha(0)": GeneralisedAlpha(0),
    "Newmark(0.36, 0.7)": Newmark(0.36, 0.7),
}


def bar(cells: int = 40) -> sp.physics.Solid:
    """The bar, above the wall."""
    space = fem.FunctionSpace(fem.rectangle((1, cells), (WIDTH, 1.0)), 1, 2)
    wall = Obstacle("bottom", HalfSpace((0.0, -4e-3), (0.0, 1.0)), stiffness=20.0, reach=4e-3)
    law = materials.PlaneStrain(materials.LinearElastic(E=WAVE**2, nu=0.0))
    return physics.Solid(space, law, [], [wall], density=1.0)


def struck(body: sp.physics.Solid, stepper, h: float) -> dict[str, float]:
    """Lead the bar into the wall and back; return what is known of that, each over what the theory of waves says."""
    flying = jnp.broadcast_to(jnp.array([0.0, -SPEED]), body.space.shape)
    times = h * jnp.arange(round(0.3 / h) + 1.0)
    push = lambda t, u, now: physics.contact(now, u).force[1]
    found = march(stepper, body, (jnp.zeros(body.space.shape), flying), times, save=None, observe=push)
    kinetic = lambda v: assemble(body.spaces, (body.terms().stored,), (v,))[2]
    before, (after, momentum) = kinetic(flying), jax.value_and_grad(kinetic)(found.final.v)
    after = after + body.evaluate(body.unknowns(found.final.u)).energy
    force = np.asarray(found.observed)
    on = force > 1e-6
    return {
        "energy": float(after / before),
        "restitution": float(momentum[:, 1].sum() / (WIDTH * SPEED)),
        "force": float(np.median(force[on])) / (WAVE * SPEED * WIDTH),
        "duration": float(on.sum()) * h / (2 / WAVE),
    }


def hopping() -> sp.physics.Solid:
    """A block that falls on rough ground."""
    space = fem.FunctionSpace(fem.rectangle((2, 1), (1.0, 0.5)), 1, 2)
    rubs = dict(friction=0.3, slip=1e-3, slip_speed=5e-3)
    ground = Obstacle("bottom", HalfSpace((0.0, -5e-3), (0.0, 1.0)), stiffness=30.0, reach=0.01, **rubs)
    law = materials.PlaneStrain(materials.LinearElastic(E=1e3, nu=0.3))
    return physics.Solid(space, law, (), [physics.BodyForce((0.0, -1.0)), ground], density=1.0)


def hopped(x, body: sp.physics.Solid, steps: int = 1000, end: float = 4.0, checkpoints: int | None = 32):
    """Return where it is in the end, and the force of the ground at each time, for x[0] of friction and x[1] of speed."""
    rough = eqx.tree_at(lambda b: b.loads[1].friction, body, 0.3 * x[0])
    high = jnp.zeros(body.space.shape).at[:, 1].set(0.05)
    flying = jnp.broadcast_to(jnp.stack([x[1], 0 * x[1]]), high.shape)
    push = lambda t, u, now: physics.contact(now, u).force[1]
    options = dict(checkpoints=checkpoints, save=None, observe=push)
    found = march(GeneralisedAlpha(0), rough, (high, flying), jnp.linspace(0.0, end, steps + 1), **options)
    return jnp.mean(found.final.u[:, 0]), found.observed


def main() -> int:
    """Print both."""
    body = bar()
    for h in (2e-3, 5e-4):
        for name, stepper in STEPPERS.items():
            told = ", ".join(f"{key} {value:.4f}" for key, value in struck(body, stepper, h).items())
            print(f"h {h:g} {name}: {told}", flush=True)
    block, x = hopping(), jnp.ones(2)
    forward, both = eqx.filter_jit(hopped), eqx.filter_jit(jax.value_and_grad(hopped, has_aux=True))
    for _ in range(2):
        begun = time.process_time()
        jax.block_until_ready(forward(x, block))
        middle = time.process_time()
        (_, push), slope = jax.block_until_ready(both(x, block))
        took = middle - begun, time.process_time() - middle
    landed = int(np.count_nonzero(np.diff((np.asarray(push) > 1e-9).astype(int)) == 1))
    way = jnp.array([0.7, -0.4])
    at = lambda s: forward(x + s * way, block)[0]
    seen, said = (at(1e-5) - at(-1e-5)) / 2e-5, slope @ way
    print(f"1,000 steps, {landed} landings, CPU: forward {took[0]:.1f} s, gradient by 32 checkpoints {took[1]:.1f} s")
    print(f"derivative {said:.4f}, by differences {seen:.4f}")
    return 0
