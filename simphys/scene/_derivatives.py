"""`simphys check`: is every derivative of this scene right?"""

import dataclasses
import math
from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
from jax.flatten_util import ravel_pytree

from .. import implicit
from ..physics import begin_of, begun, carries
from ._numbers import free_parameters, numbers_of


LARGEST_DEFECT = 1e-5
"""Relative difference between ∂F/∂θ and differences of F that is taken for one of rounding."""


@dataclasses.dataclass(frozen=True)
class Derivative:
    """The Taylor test of one parameter.

    **Attributes:**

    - `key`: key path of the parameter.
    - `order`: observed order; NaN where the solution does not depend on the parameter, or only linearly.
    - `slope`: derivative of the test function, relative to the function, for the parameter relative to itself.
    - `passed`: order 1.9 or more, or nothing but rounding.
    - `adjoint_residual`: relative residual of the adjoint solve; NaN of marches, and of load steps with friction or memory,
      whose adjoint solves check themselves.
    - `residual_defect`: of ∂F/∂θ by AD against central differences at the solution, relative to the larger of them and to
      what rounding makes of differences; NaN where there is no residual to look at.
    - `note`: what there is to say where there is no order.
    """

    key: str
    order: float
    slope: float
    passed: bool
    adjoint_residual: float
    note: str = ""
    residual_defect: float = float("nan")


def check_derivatives(model, step=None) -> Iterator[Derivative]:
    """Test the gradient of the mean square of what a scene computes with respect to each free parameter in turn.

    One adjoint solve gives the gradient with respect to all parameters; a Taylor test is made for each. Entries of a
    symmetric matrix change together with the one across its diagonal.

    **Arguments:**

    - `model`: the scene's model.
    - `step`: of a body under load steps the converged last one.
    """
    free = free_parameters(model)
    keys, ones = list(free), jnp.ones(len(free))
    numbers = numbers_of(model, free, None if step is None else jnp.asarray(step.factor))
    compute = model.way.square(numbers, step)

    def function(x, base, numbers):
        """The test function over its value, of the parameters over theirs."""
        return compute(numbers.times(dict(zip(keys, x, strict=True)))) / base

    defects = np.full(len(keys), np.nan) if step is None else _residual_defects(numbers, step, keys)
    forward = eqx.filter_jit(function)
    base = forward(ones, jnp.ones(()), numbers)
    value, gradient, certificate = eqx.filter_jit(implicit.value_and_grad(function))(ones, base, numbers)
    # Adjoint solves within a march, or a path of steps, check themselves, and say no number.
    alone = model.scene.data.time is None and (step is None or step.of == 1 or not carries(step.state))
    adjoint = float(certificate.residual) if alone else math.nan
    mates = _mates({key: free[key] for key in keys})
    for i, key in enumerate(keys):
        direction = jnp.zeros(len(keys)).at[np.array([i, *mates[i]])].set(1.0)
        test = implicit.check_gradient(
            lambda x: forward(x, base, numbers), ones, direction=direction, known=(value, gradient), verbose=False
        )
        judged = _judged(key, test, adjoint)
        wrong = defects[i] > LARGEST_DEFECT
        yield dataclasses.replace(judged, residual_defect=float(defects[i]), passed=judged.passed and not wrong)


def _mates(numbers) -> list[list[int]]:
    """For each parameter the one across the diagonal of its matrix: laws of symmetric ones mean nothing by one alone."""
    at = {key: i for i, key in enumerate(numbers)}

    def across(key):
        head, *ends = key.rsplit(".", 2)
        there = ".".join((head, *reversed(ends)))
        alike = there != key and there in at and jnp.array_equal(numbers[key], numbers[there])
        return [at[there]] if alike and all(end.isdecimal() for end in ends) else []

    return [across(key) for key in numbers]


def _residual_defects(numbers, step, keys):
    """Compare ∂F/∂θ, by AD, with central differences of F at the solution: no adjoint system has a part in it."""
    carried = carries(step.state)
    begin = begin_of(step.state) if carried else None
    value, ones, h = step.solution.value, jnp.ones(len(keys)), float(jnp.finfo(float).eps) ** (1 / 3)

    def evaluated(x, numbers):
        problem = numbers.times(dict(zip(keys, x, strict=True))).made()
        problem = begun(problem, begin) if carried else problem
        found = problem.evaluate(problem.unknowns(value), None)
        return ravel_pytree(found.residual)[0], ravel_pytree(found.scale)[0]

    @eqx.filter_jit
    def defects(x, numbers):
        slopes = jax.jacfwd(lambda x: evaluated(x, numbers)[0])(x)
        moved = lambda sign: jax.vmap(lambda e: evaluated(x + sign * h * e, numbers)[0])(jnp.eye(len(keys)))
        differences = (moved(1) - moved(-1)).T / (2 * h)
        size = jnp.maximum(jnp.linalg.norm(slopes, axis=0), jnp.linalg.norm(differences, axis=0))
        # Differences of a residual that no parameter moves are rounding: ten times that passes.
        rounding = 10 / LARGEST_DEFECT * jnp.finfo(float).eps / h * jnp.max(evaluated(x, numbers)[1])
        return jnp.linalg.norm(slopes - differences, axis=0) / jnp.maximum(size, rounding)

    return np.asarray(defects(ones, numbers))


def _judged(key, test, adjoint):
    if abs(test.slope) < 1e-9 and np.max(test.remainders) < 1e-8:
        return Derivative(key, float("nan"), test.slope, True, adjoint, "without effect")
    if test.passed and np.sum(test.remainders > 1e-9) < 3:
        return Derivative(key, float("nan"), test.slope, True, adjoint, "linear")
    return Derivative(key, test.order, test.slope, test.passed, adjoint)


def symmetry_defect(step, seed: int = 0) -> tuple[float, bool]:
    """Return |⟨Ju, v⟩ − ⟨u, Jv⟩| / ‖Ju‖‖v‖ of the tangent at a solution, and whether it claims to be symmetric."""
    problem, value = step.state, step.solution.reached
    operator = problem.jacobian(problem.unknowns(value), None)
    keys = jax.random.split(jax.random.PRNGKey(seed))
    back = ravel_pytree(problem.unknowns(value))[1]
    u, v = (jax.random.normal(k, (operator.in_size(),), jax.tree.leaves(value)[0].dtype) for k in keys)
    Ju, Jv = (ravel_pytree(operator.mv(back(w)))[0] for w in (u, v))
    defect = jnp.abs(jnp.vdot(Ju, v) - jnp.vdot(u, Jv)) / (jnp.linalg.norm(Ju) * jnp.linalg.norm(v))
    return float(defect), bool(lx.is_symmetric(operator))
