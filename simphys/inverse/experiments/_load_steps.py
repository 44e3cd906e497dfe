"""Bodies under one load after another as experiments."""

import equinox as eqx
import jax.numpy as jnp

from ..._hidden import compiled
from ..._result import RESULTS
from ..._typing import Array
from ...implicit import AbstractAdjoint, Implicit, Newton, Solution, Verify, solve, value_and_grad
from ...physics import AbstractBalance, refuse_stepwise
from ..data import AbstractObservation, lost_points
from ..parameters import Pick
from ._description import AbstractDescription, made
from ._experiment import AbstractExperiment, Evaluation, outside_of, pulled, pushed


class LoadSteps(AbstractExperiment):
    """A body led through a sequence of loads or displacements, observed after each.

    **Arguments:**

    - `problem`: the root problem, or an `AbstractDescription` of it.
    - `vary`: picks the leaf that changes from step to step, `lambda solid: solid.constraints[1].value`, or a list of them.
    - `values`: its value in each step, (step, …); of a list of leaves a list.
    - `observations`: sequence of observations.
    - `newton`: root finder for the steps.
    - `adjoint`: policy for the derivatives.
    - `independent`: the steps are experiments of their own, each from the unloaded body, not a path. Bodies with
      friction need this, or one step alone.

    Within a pass each step starts from the one before; in later passes from its own solution at the last parameters,
    predicted by the tangent. Costs one pass of Newton solves, and one linear solve per parameter and step.
    """

    problem: AbstractBalance | AbstractDescription
    values: tuple[Array, ...]
    observations: tuple[AbstractObservation, ...]
    newton: Newton
    adjoint: AbstractAdjoint
    vary: Pick = eqx.field(static=True)
    independent: bool = eqx.field(static=True)

    def __init__(self, problem, vary, values, observations, *, newton=None, adjoint=None, independent=False):
        self.problem, self.vary, self.independent = problem, Pick(vary, problem), independent
        leaves = self.vary(problem)
        values = list(values) if isinstance(vary(problem), tuple | list) else [values]
        if len(values) != len(leaves):
            raise ValueError(f"`values` must have an entry for each of {len(leaves)} leaves, got {len(values)}.")
        self.values = tuple(_checked(v, leaf) for v, leaf in zip(values, leaves, strict=True))
        if len({v.shape[0] for v in self.values}) > 1:
            raise ValueError(f"`values` must have equally many steps, got {[v.shape[0] for v in self.values]}.")
        if self.n_steps > 1:
            self._check_steps(problem)
        self.observations = tuple(observations)
        for o in self.observations:
            if o.measured.shape[0] != self.n_steps:
                raise ValueError(
                    f"Observation {o.name!r} has {o.measured.shape[0]} steps, but there are {self.n_steps}."
                )
        self.newton = Newton() if newton is None else newton
        self.adjoint = Implicit() if adjoint is None else adjoint

    @property
    def n_steps(self) -> int:
        """Number of steps."""
        return self.values[0].shape[0]

    def template(self):
        """The problem, before any step."""
        return self.problem

    def blocks(self):
        """Measurements of all steps, observation by observation."""
        return [(o.name, o.measured, o.noise) for o in self.observations]

    def at_step(self, problem, step: int):
        """Return the problem with the load of a step."""
        return self.loaded(problem, tuple(v[step] for v in self.values))

    def loaded(self, problem, loads: tuple[Array, ...]):
        """Return the problem with given values of what varies."""
        return made(self.vary.put(problem, loads))

    def evaluate(self, parameters, phi, memory, progress, derivatives=True):
        """Solve every step, then differentiate it."""
        problem = parameters.apply(self.problem, phi)
        solutions: list = []
        predictions, jacobians, gradients, worst, kinks = [], [], [], 0.0, 0
        directions = jnp.eye(phi.shape[0], dtype=phi.dtype)
        for step in range(self.n_steps):
            now = self.at_step(problem, step)
            if step == 0 and self.n_steps > 1:
                self._check_steps(now)
            start, guess = self._departure(now, parameters, phi, memory, step, solutions)
            solution = solve(now, guess, start=start, method=self.newton, adjoint=self.adjoint, throw=False)
            worst = max(worst, float(solution.certificate.residual))
            kinks += int(solution.certificate.weakly_active)
            progress(_line(step, self.n_steps, solution))
            if solution.result != RESULTS.successful:
                return Evaluation(jnp.zeros(0), None, None, solution.result, worst, step)
            solutions.append(solution.value)
            known = self.known(solution.value, step)
            if not derivatives:
                predictions.append(_predict_known(self, parameters, phi, *known))
            else:
                found, slopes, gradient = _linearised(self, parameters, phi, *known, directions, self._targets(step))
                predictions.append(found)
                gradients.append(gradient)
                if not all(bool(jnp.all(jnp.isfinite(s))) for s in slopes):
                    return Evaluation(jnp.zeros(0), None, None, RESULTS.adjoint_failed, worst, step)
                jacobians.append(slopes)
        residuals = self.residuals(predictions)
        jacobian = self.weighted(jacobians) if derivatives else None
        certified = _together(gradients) if derivatives else None
        reached = (RESULTS.successful, worst, self.n_steps, kinks)
        return Evaluation(residuals, jacobian, (phi, solutions), *reached, certified)

    def _check_steps(self, problem):
        """Raise `ValueError` for friction along a path: it would have to be told where each step began."""
        if isinstance(problem, AbstractBalance) and not self.independent:
            refuse_stepwise(problem, "Load steps of a fit, other than one or `independent` ones,")

    def _departure(self, now, parameters, phi, memory, step, solutions):
        """The problem that a step starts from (None where it is linear: there is no way to lead), and its value."""
        if now.linear:
            return None, now.value(now.unknowns(None)) if memory is None else memory[1][step]
        if memory is not None:
            known, values = memory
            return self.at_step(parameters.apply(self.problem, known), step), values[step]
        # Fresh arrays for the parameters: one compiled solve then serves load steps and changes of parameters.
        fresh = parameters.apply(self.problem, phi)
        if step == 0 or self.independent:
            start = self.at_step(fresh, step).unloaded()
            return start, start.value(start.unknowns(None))
        return self.at_step(fresh, step - 1), solutions[-1]

    def known(self, value, step: int) -> tuple:
        """Return the value of a step's solution, its loads, and what observations need to know of it."""
        settings = tuple(o.setting(step) for o in self.observations)
        return value, tuple(v[step] for v in self.values), settings

    def residuals(self, predictions) -> Array:
        """All predictions as one vector of residuals, observation by observation."""
        found = []
        for i, o in enumerate(self.observations):
            noise = jnp.ones_like(o.measured) if o.noise is None else o.noise
            found.append(((jnp.stack([p[i] for p in predictions]) - o.measured) / noise).ravel())
        return jnp.concatenate(found)

    def weighted(self, slopes):
        """Derivatives of all predictions as rows, over the noise."""
        rows = []
        for i, o in enumerate(self.observations):
            noise = jnp.ones_like(o.measured) if o.noise is None else o.noise
            one = jnp.stack([s[i] for s in slopes]) / noise[..., None]
            rows.append(one.reshape(-1, one.shape[-1]))
        return jnp.concatenate(rows)

    def push(self, parameters, phi, evaluation, directions):
        """One solve for each column and step, all columns of a step by one factor."""
        values = evaluation.memory[1]
        return self.weighted(
            [_push(self, parameters, phi, *self.known(v, i), directions) for i, v in enumerate(values)]
        )

    def pull(self, parameters, phi, evaluation, weights):
        """One adjoint solve for each column and step that it weighs."""
        values, parts, first = evaluation.memory[1], [], 0
        for o in self.observations:
            noise = jnp.ones_like(o.measured) if o.noise is None else o.noise
            mine = weights[first : first + o.measured.size].reshape(*o.measured.shape, -1)
            parts.append(mine / noise[..., None])
            first += o.measured.size
        found = jnp.zeros((phi.shape[0], weights.shape[1]), phi.dtype)
        for step, value in enumerate(values):
            # Rows of other steps weigh nothing here: a Jacobian by rows costs one solve for each of its rows.
            mine = tuple(p[step] for p in parts)
            seen = jnp.flatnonzero(sum(jnp.sum(jnp.abs(p.reshape(-1, p.shape[-1])), axis=0) for p in mine) > 0)
            if seen.size:
                some = tuple(p[..., seen] for p in mine)
                found = found.at[:, seen].add(_pull(self, parameters, phi, *self.known(value, step), some))
        return found

    def certify(self, parameters, phi, evaluation, progress):
        """Adjoint solves of every step at the solutions that are known."""
        if evaluation.certified is not None:
            return evaluation.certified
        found = []
        for step, value in enumerate(evaluation.memory[1]):
            progress(f"adjoint of load step {step + 1}/{self.n_steps}")
            found.append(_adjoint_gradient(self, parameters, phi, *self.known(value, step), self._targets(step)))
        return _together(found)

    def _targets(self, step):
        """What was measured in a step, and its noise or None."""
        return tuple((o.measured[step], None if o.noise is None else o.noise[step]) for o in self.observations)


def _together(found):
    """The gradient of all steps, and the worst residual of their adjoints."""
    gradients, certificates = zip(*found, strict=True)
    return sum(gradients), max(float(c.residual) for c in certificates)


@outside_of.register
def _(experiment: LoadSteps):
    return lost_points(experiment.observations)


def _checked(values, leaf):
    shape = jnp.shape(leaf)
    values = jnp.asarray(values, jnp.result_type(leaf))
    if values.shape[1:] != shape or values.ndim != len(shape) + 1:
        raise ValueError(f"`values` must have shape (step, {', '.join(map(str, shape))}), got {values.shape}.")
    return values


def _predict(experiment, parameters, phi, value, loads, settings):
    """Predictions of one step as a function of φ, by derivatives attached to the known solution."""
    problem = experiment.loaded(parameters.apply(experiment.problem, phi), loads)
    found = solve(problem, value, method=Verify(rtol=1e-3), adjoint=experiment.adjoint, throw=False).value
    return tuple(o.predict(problem, found, s) for o, s in zip(experiment.observations, settings, strict=True))


@compiled
def _predict_known(experiment, parameters, phi, value, loads, settings):
    problem = experiment.loaded(parameters.apply(experiment.problem, phi), loads)
    return tuple(o.predict(problem, value, s) for o, s in zip(experiment.observations, settings, strict=True))


@compiled
def _linearised(experiment, parameters, phi, value, loads, settings, directions, targets):
    """`_push` and `_adjoint_gradient` by one program: half of what either compiles is the other's, too."""
    known = experiment, parameters, phi, value, loads, settings
    return *_pushed(*known, directions), _half_squares(*known, targets)


@compiled
def _push(experiment, parameters, phi, value, loads, settings, directions):
    return _pushed(experiment, parameters, phi, value, loads, settings, directions)[1]


def _pushed(experiment, parameters, phi, value, loads, settings, directions):
    """Predictions, and their derivatives by one forward solve per column, that share a factor."""
    return pushed(lambda phi: _predict(experiment, parameters, phi, value, loads, settings), phi, directions)


@compiled
def _pull(experiment, parameters, phi, value, loads, settings, weights):
    """The transpose, by one adjoint solve per column."""
    return pulled(lambda phi: _predict(experiment, parameters, phi, value, loads, settings), phi, weights)


@compiled
def _adjoint_gradient(experiment, parameters, phi, value, loads, settings, targets):
    return _half_squares(experiment, parameters, phi, value, loads, settings, targets)


def _half_squares(experiment, parameters, phi, value, loads, settings, targets):
    """The gradient of half the squares of one step by an adjoint, and its certificate."""

    def half_squares(phi):
        found = _predict(experiment, parameters, phi, value, loads, settings)
        weighted = [(f - m) / (1.0 if n is None else n) for f, (m, n) in zip(found, targets, strict=True)]
        return 0.5 * sum(jnp.sum(w * w) for w in weighted)

    # Solves under the probe must stand at the level at which it was attached: `_predict` is called directly.
    _, gradient, certificate = value_and_grad(half_squares)(phi)
    return gradient, certificate


def _line(step, steps, solution: Solution):
    c, s = solution.certificate, solution.stats
    return (
        f"load step {step + 1}/{steps}: {int(s.newton_steps)} Newton steps, "
        f"{int(s.factorisations)} factorisations, residual {float(c.residual):.1e}"
    )
