"""Bodies under one load after another as experiments."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp

from ..._result import RESULTS
from ..._typing import Array
from ...implicit import AbstractAdjoint, Implicit, Newton, Solution, solve
from ...physics import AbstractBalance, begin_of, begun, carries
from ..data import AbstractObservation, lost_points
from ..parameters import Pick
from ._carried import led, pull_path, push_path
from ._description import AbstractDescription, made
from ._experiment import AbstractExperiment, Evaluation, outside_of
from ._step_programs import adjoint_gradient, linearised, predict_known, pull_step, push_step


class LoadSteps(AbstractExperiment):
    """A body led through a sequence of loads or displacements, observed after each.

    **Arguments:**

    - `problem`: the root problem, or an `AbstractDescription` of it.
    - `vary`: picks the leaf that changes from step to step, `lambda solid: solid.constraints[1].value`, or a list of them.
    - `values`: its value in each step, (step, …); of a list of leaves a list.
    - `observations`: sequence of observations.
    - `newton`: root finder for the steps.
    - `adjoint`: policy for the derivatives.
    - `independent`: the steps are experiments of their own, each from the unloaded body, not a path.

    Within a pass each step starts from the one before; in later passes from its own solution at the last parameters,
    predicted by the tangent. Costs one pass of Newton solves, and one linear solve per parameter and step. What has
    friction or a memory begins each step of a path with what the one before has left: derivatives go through all steps.
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

    def as_solved(self, problem, evaluation: Evaluation, step: int):
        """Return the problem with the load of a step that begins as it did in an evaluation."""
        now, problems = self.at_step(problem, step), evaluation.memory[2]
        return now if problems is None else begun(now, begin_of(problems[step]))

    def loaded(self, problem, loads: tuple[Array, ...]):
        """Return the problem with given values of what varies."""
        return made(self.vary.put(problem, loads))

    def evaluate(self, parameters, phi, memory, progress, derivatives=True):
        """Solve every step, then differentiate it."""
        problem = parameters.apply(self.problem, phi)
        solutions: list = []
        predictions, jacobians, gradients, worst, kinks = [], [], [], 0.0, 0
        directions = jnp.eye(phi.shape[0], dtype=phi.dtype)
        carried, problems = False, []
        for step in range(self.n_steps):
            now = self.at_step(problem, step)
            carried = carried or (step == 0 and self.carried(now))
            if carried:
                begin = begin_of(now) if step == 0 else begin_of(problems[-1], solutions[-1])
                problems.append(now := begun(now, begin))
            start, guess = self._departure(now, parameters, phi, memory, step, solutions, problems)
            solution = solve(now, guess, start=start, method=self.newton, adjoint=self.adjoint, throw=False)
            worst = max(worst, float(solution.certificate.residual))
            kinks += int(solution.certificate.weakly_active)
            progress(_line(step, self.n_steps, solution))
            if solution.result != RESULTS.successful:
                return Evaluation(jnp.zeros(0), None, None, solution.result, worst, step)
            solutions.append(solution.value)
            if carried:
                continue
            known = self.known(solution.value, step)
            if not derivatives:
                predictions.append(predict_known(self, parameters, phi, *known))
            else:
                found, slopes, gradient = linearised(self, parameters, phi, *known, directions, self._targets(step))
                predictions.append(found)
                gradients.append(gradient)
                if not all(bool(jnp.all(jnp.isfinite(s))) for s in slopes):
                    return Evaluation(jnp.zeros(0), None, None, RESULTS.adjoint_failed, worst, step)
                jacobians.append(slopes)
        reached = (RESULTS.successful, worst, self.n_steps, kinks)
        if carried:
            return self._along(parameters, phi, solutions, problems, directions if derivatives else None, reached)
        residuals = self.residuals(predictions)
        jacobian = self.weighted(jacobians) if derivatives else None
        certified = _together(gradients) if derivatives else None
        return Evaluation(residuals, jacobian, (phi, solutions, None), *reached, certified)

    def carried(self, problem) -> bool:
        """Whether steps of a problem depend on those before them."""
        return self.n_steps > 1 and not self.independent and carries(problem)

    def _along(self, parameters, phi, solutions, problems, directions, reached):
        """What is read along a path whose steps depend on those before them."""
        found, slopes = led(self, parameters, phi, solutions, directions)
        if not all(bool(jnp.all(jnp.isfinite(s))) for s in jax.tree.leaves(slopes)):
            return Evaluation(jnp.zeros(0), None, None, RESULTS.adjoint_failed, *reached[1:3])
        jacobian = None if slopes is None else self.weighted(slopes)
        return Evaluation(self.residuals(found), jacobian, (phi, solutions, problems), *reached)

    def _departure(self, now, parameters, phi, memory, step, solutions, problems):
        """The problem that a step starts from (None where it is linear: there is no way to lead), and its value."""
        if now.linear:
            return None, now.value(now.unknowns(None)) if memory is None else memory[1][step]
        if memory is not None:
            known, values, kept = memory
            return kept[step] if problems else self.at_step(parameters.apply(self.problem, known), step), values[step]
        # Fresh arrays for the parameters: one compiled solve then serves load steps and changes of parameters.
        fresh = parameters.apply(self.problem, phi)
        if step == 0 or self.independent:
            start = self.at_step(fresh, step)
            start = (begun(start, begin_of(start)) if problems else start).unloaded()
            return start, start.value(start.unknowns(None))
        start = self.at_step(fresh, step - 1)
        if problems:
            # It stands where its friction acted from as it did, with the memory that it has left.
            start = begun(start, (begin_of(problems[-2])[0], begin_of(now)[1]))
        return start, solutions[-1]

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
        _, values, problems = evaluation.memory
        if problems is not None:
            return self.weighted(push_path(self, parameters, phi, values, directions))
        return self.weighted(
            [push_step(self, parameters, phi, *self.known(v, i), directions) for i, v in enumerate(values)]
        )

    def pull(self, parameters, phi, evaluation, weights):
        """One adjoint solve for each column and step that it weighs."""
        parts, first, (_, values, problems) = [], 0, evaluation.memory
        for o in self.observations:
            noise = jnp.ones_like(o.measured) if o.noise is None else o.noise
            mine = weights[first : first + o.measured.size].reshape(*o.measured.shape, -1)
            parts.append(mine / noise[..., None])
            first += o.measured.size
        if problems is not None:
            return pull_path(self, parameters, phi, values, tuple(parts))
        found = jnp.zeros((phi.shape[0], weights.shape[1]), phi.dtype)
        for step, value in enumerate(values):
            # Rows of other steps weigh nothing here: a Jacobian by rows costs one solve for each of its rows.
            mine = tuple(p[step] for p in parts)
            seen = jnp.flatnonzero(sum(jnp.sum(jnp.abs(p.reshape(-1, p.shape[-1])), axis=0) for p in mine) > 0)
            if seen.size:
                some = tuple(p[..., seen] for p in mine)
                found = found.at[:, seen].add(pull_step(self, parameters, phi, *self.known(value, step), some))
        return found

    def certify(self, parameters, phi, evaluation, progress):
        """Adjoint solves of every step at the solutions that are known."""
        if evaluation.certified is not None:
            return evaluation.certified
        if evaluation.memory[2] is not None:
            progress(f"adjoint of {self.n_steps} load steps")
            return self.pull(parameters, phi, evaluation, evaluation.residuals[:, None])[:, 0], math.nan
        found = []
        for step, value in enumerate(evaluation.memory[1]):
            progress(f"adjoint of load step {step + 1}/{self.n_steps}")
            found.append(adjoint_gradient(self, parameters, phi, *self.known(value, step), self._targets(step)))
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


def _line(step, steps, solution: Solution):
    c, s = solution.certificate, solution.stats
    return (
        f"load step {step + 1}/{steps}: {int(s.newton_steps)} Newton steps, "
        f"{int(s.factorisations)} factorisations, residual {float(c.residual):.1e}"
    )
