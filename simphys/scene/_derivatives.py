"""`simphys check`: is every derivative of this scene right?"""

import dataclasses
from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
from jax.flatten_util import ravel_pytree

from .. import implicit
from .._typing import Array
from ._homogeneous_model import HomogeneousModel
from ._leaves import is_network, leaf_of
from ._model import FieldModel
from ._networks import WEIGHTS
from ._replace import find_entry, numbers, paths_to
from ._series_model import SeriesModel, square_output


RTOL = 1e-11
"""Relative residual of the solves behind a Taylor test: what is left of it must not drown the remainders."""

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
    - `adjoint_residual`: relative residual of the adjoint solve.
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


def free_parameters(model) -> dict[str, float | eqx.Module]:
    """Return the parameters to be checked: those of `[fit]`, or else all that the physics depends on.

    A parameter is a number, or a network, all of whose weights are changed in proportion.
    """
    data = model.scene.data
    if data.fit is not None:
        starts = {p.key: find_entry(data, p.key) if p.start is None else p.start for p in data.fit.parameters.values()}
        found: dict = {key: start for key, start in starts.items() if isinstance(start, float | int) and start}
        return found | {key: _network(model, key) for key in starts if is_network(key)}
    head = "homogeneous.material" if data.physics == "homogeneous" else data.physics
    found = numbers(find_entry(data, head), head, leave=WEIGHTS)
    return found | {key: _network(model, key) for key in paths_to(find_entry(data, head), WEIGHTS, head)}


def _network(model, key):
    return leaf_of(model, key)(model.material if isinstance(model, HomogeneousModel) else model.problem())


def _times(factor, part):
    """A number, or all weights of a network, times a factor."""
    return jax.tree.map(lambda leaf: factor * leaf if eqx.is_inexact_array(leaf) else leaf, part)


def check_derivatives(model, step=None) -> Iterator[Derivative]:
    """Test the gradient of the mean square of the solution with respect to each free parameter in turn.

    One adjoint solve gives the gradient with respect to all parameters; a Taylor test is made for each.

    **Arguments:**

    - `model`: the scene's model.
    - `step`: for a `FieldModel` the converged last load step.
    """
    found = free_parameters(model)
    keys, scales = list(found), [s if isinstance(s, eqx.Module) else jnp.asarray(float(s)) for s in found.values()]
    if isinstance(model, SeriesModel):
        compute = square_output(model)
    else:
        compute = _square_stress(model) if step is None else _square_solution(model, step)

    def function(x, base):
        """The test function over its value, of the parameters over theirs."""
        return (
            compute({key: _times(x[i], scale) for i, (key, scale) in enumerate(zip(keys, scales, strict=True))}) / base
        )

    ones = jnp.ones(len(keys))
    defects = np.full(len(keys), np.nan) if step is None else _residual_defects(model, step, keys, scales)
    forward = eqx.filter_jit(function)
    base = forward(ones, jnp.ones(()))
    value, gradient, certificate = eqx.filter_jit(implicit.value_and_grad(function))(ones, base)
    for i, key in enumerate(keys):
        direction = jnp.zeros(len(keys)).at[i].set(1.0)
        test = implicit.check_gradient(
            lambda x: forward(x, base), ones, direction=direction, known=(value, gradient), verbose=False
        )
        judged = _judged(key, test, float(certificate.residual))
        wrong = defects[i] > LARGEST_DEFECT
        yield dataclasses.replace(judged, residual_defect=float(defects[i]), passed=judged.passed and not wrong)


def _residual_defects(model, step, keys, scales):
    """Compare ∂F/∂θ, by AD, with central differences of F at the solution: no adjoint system has a part in it."""
    value, ones, h = step.solution.value, jnp.ones(len(keys)), float(jnp.finfo(float).eps) ** (1 / 3)

    def evaluated(x):
        values = {key: _times(x[i], scale) for i, (key, scale) in enumerate(zip(keys, scales, strict=True))}
        problem = model.problem(values, step.factor)
        found = problem.evaluate(problem.unknowns(value), None)
        return ravel_pytree(found.residual)[0], ravel_pytree(found.scale)[0]

    @jax.jit
    def defects(x):
        slopes = jax.jacfwd(lambda x: evaluated(x)[0])(x)
        moved = lambda sign: jax.vmap(lambda e: evaluated(x + sign * h * e)[0])(jnp.eye(len(keys)))
        differences = (moved(1) - moved(-1)).T / (2 * h)
        size = jnp.maximum(jnp.linalg.norm(slopes, axis=0), jnp.linalg.norm(differences, axis=0))
        # Differences of a residual that no parameter moves are rounding: ten times that passes.
        rounding = 10 / LARGEST_DEFECT * jnp.finfo(float).eps / h * jnp.max(evaluated(x)[1])
        return jnp.linalg.norm(slopes - differences, axis=0) / jnp.maximum(size, rounding)

    return np.asarray(defects(ones))


def _judged(key, test, adjoint):
    if abs(test.slope) < 1e-9 and np.max(test.remainders) < 1e-8:
        return Derivative(key, float("nan"), test.slope, True, adjoint, "without effect")
    if test.passed and np.sum(test.remainders > 1e-9) < 3:
        return Derivative(key, float("nan"), test.slope, True, adjoint, "linear")
    return Derivative(key, test.order, test.slope, test.passed, adjoint)


def _square_solution(model: FieldModel, step):
    """Σ u² of the solution at the step's load, found from the known one."""
    method = dataclasses.replace(model.method, rtol=RTOL)
    first = model.problem(None, step.factor)
    known = implicit.solve(first, step.solution.reached, method=method).value
    section_factor = step.factor

    def function(values: dict[str, Array]):
        problem = model.problem(values, section_factor)
        found = implicit.solve(problem, known, method=method, adjoint=model.adjoint, start=first).value
        return jnp.sum(found * found)

    return function


def _square_stress(model):
    """Σ P² over the tests of the scene, or over moderate uniaxial stretches if it has none."""
    tests = model.scene.data.homogeneous.tests
    chosen = [(t.test, np.linspace(*t.stretch, 12)) for t in tests.values()] or [("uniaxial", np.linspace(1.1, 2, 8))]
    return lambda values: sum(jnp.sum(model.stress(test, stretch, values) ** 2) for test, stretch in chosen)


def symmetry_defect(step, seed: int = 0) -> tuple[float, bool]:
    """Return |⟨Ju, v⟩ − ⟨u, Jv⟩| / ‖Ju‖‖v‖ of the tangent at a solution, and whether it claims to be symmetric."""
    problem, value = step.state, step.solution.reached
    operator = problem.jacobian(problem.unknowns(value), None)
    keys = jax.random.split(jax.random.PRNGKey(seed))
    u, v = (jax.random.normal(k, (operator.in_size(),), value.dtype) for k in keys)
    Ju, Jv = operator.mv(u), operator.mv(v)
    defect = jnp.abs(jnp.vdot(Ju, v) - jnp.vdot(u, Jv)) / (jnp.linalg.norm(Ju) * jnp.linalg.norm(v))
    return float(defect), bool(lx.is_symmetric(operator))
