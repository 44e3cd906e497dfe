"""`simphys check`: is every derivative of this scene right?"""

import dataclasses
from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np

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


@dataclasses.dataclass(frozen=True)
class Derivative:
    """The Taylor test of one parameter.

    **Attributes:**

    - `key`: key path of the parameter.
    - `order`: observed order; NaN where the solution does not depend on the parameter, or only linearly.
    - `slope`: derivative of the test function, relative to the function, for the parameter relative to itself.
    - `passed`: order 1.9 or more, or nothing but rounding.
    - `adjoint_residual`: relative residual of the adjoint solve.
    - `note`: what there is to say where there is no order.
    """

    key: str
    order: float
    slope: float
    passed: bool
    adjoint_residual: float
    note: str = ""


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
    forward = eqx.filter_jit(function)
    base = forward(ones, jnp.ones(()))
    value, gradient, certificate = eqx.filter_jit(implicit.value_and_grad(function))(ones, base)
    for i, key in enumerate(keys):
        direction = jnp.zeros(len(keys)).at[i].set(1.0)
        test = implicit.check_gradient(
            lambda x: forward(x, base), ones, direction=direction, known=(value, gradient), verbose=False
        )
        yield _judged(key, test, float(certificate.residual))


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
