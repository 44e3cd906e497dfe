"""Taylor tests: is this gradient the gradient of that function?"""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._hidden import on_host
from .._typing import Callable, PyTree, Scalar
from ._value_and_grad import value_and_grad


@dataclasses.dataclass(frozen=True)
class TaylorTest:
    """Remainders of a first-order Taylor expansion and the order at which they vanish.

    **Attributes:**

    - `order`: observed order; 2 for a right gradient, 1 for a wrong one.
    - `steps`, `remainders`: h and |f(x + h d) − f(x) − h ∂f·d|.
    - `value`, `slope`: f(x) and ∂f·d.
    - `passed`: whether the order is 1.9 or more, or the remainders are nothing but rounding (f is linear in x).
    """

    order: float
    steps: np.ndarray
    remainders: np.ndarray
    value: float
    slope: float
    passed: bool

    def __str__(self):
        lines = [f"  h = {h:8.1e}   remainder = {r:9.2e}" for h, r in zip(self.steps, self.remainders, strict=True)]
        verdict = "passed" if self.passed else "FAILED"
        return "\n".join([*lines, f"  observed order {self.order:.2f} (2 wanted): {verdict}"])

    __repr__ = __str__


@on_host("A check of a gradient")
def check_gradient(
    f: Callable,
    x: PyTree,
    *,
    direction: PyTree | None = None,
    known: tuple[Scalar, PyTree] | None = None,
    step: float = 1e-2,
    halvings: int = 5,
    seed: int = 0,
    verbose: bool = True,
) -> TaylorTest:
    """Test the gradient of f at x by a Taylor expansion, and print the observed order.

    |f(x + h d) − f(x) − h ∂f(x)·d| = O(h²)

    **Arguments:**

    - `f`: scalar function of a pytree.
    - `x`: the point; all its floating array leaves are varied.
    - `direction`: d, of x's structure; by default random, each leaf of the size of x's leaf.
    - `known`: f(x) and the gradient to be tested, if they have been computed already.
    - `step`: largest h, relative to x where d is not given.
    - `halvings`: number of smaller h, each half the one before.
    - `seed`: of the random direction.
    - `verbose`: print the table.

    **Returns:** a `TaylorTest`.
    """
    x = of_strong_types(x)
    free, fixed = eqx.partition(x, eqx.is_inexact_array)
    if not jax.tree.leaves(free):
        raise ValueError("`x` has no floating array leaf to differentiate with respect to.")
    direction = _random_direction(free, seed) if direction is None else eqx.filter(direction, eqx.is_inexact_array)
    value, gradient = value_and_grad(f)(x)[:2] if known is None else known
    gradient = eqx.filter(gradient, eqx.is_inexact_array)
    slope = sum(
        float(jnp.vdot(g, d)) for g, d in zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
    )
    steps = step * 0.5 ** np.arange(halvings + 1)
    remainders = []
    for h in steps:
        moved = jax.tree.map(lambda a, d: a + jnp.asarray(h, a.dtype) * d, free, direction)
        remainders.append(abs(float(f(eqx.combine(moved, fixed))) - float(value) - h * slope))
    test = _judge(np.asarray(remainders), steps, float(value), slope, float(jnp.finfo(jnp.result_type(value)).eps))
    if verbose:
        print(test)
    return test


def of_strong_types(x: PyTree) -> PyTree:
    """Return x with arrays whose type is their own: those of a number's weak type would have a program for themselves."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, leaf.dtype) if eqx.is_inexact_array(leaf) else leaf, x)


def _judge(remainders, steps, value, slope, eps):
    """Fit the order where the remainders stand well above rounding."""
    noise = 1e4 * eps * max(abs(value), abs(slope * steps[0]), 1e-300)
    clear = remainders > noise
    if clear.sum() < 3:
        small = bool(np.all(remainders <= np.maximum(100 * noise, 1e-6 * np.abs(slope * steps))))
        return TaylorTest(2.0 if small else float("nan"), steps, remainders, value, slope, small)
    order = float(np.median(np.diff(np.log2(remainders[clear])) / np.diff(np.log2(steps[clear]))))
    return TaylorTest(order, steps, remainders, value, slope, order >= 1.9)


def _random_direction(free, seed):
    generator = np.random.default_rng(seed)

    def one(leaf):
        size = float(jnp.max(jnp.abs(leaf))) if leaf.size else 1.0
        d = generator.uniform(0.3, 1.0, leaf.shape) * generator.choice([-1.0, 1.0], leaf.shape)
        return jnp.asarray(d * (size if size > 0 else 1.0), leaf.dtype)

    return jax.tree.map(one, free)
