"""Several experiments that share parameters."""

import equinox as eqx
import jax.numpy as jnp

from ..._result import RESULTS
from ..._typing import Array, PyTree
from ..parameters import Parametrisation
from ._experiment import AbstractExperiment, Evaluation, outside_of


class _View(eqx.Module):
    """A parametrisation as one of several experiments sees it."""

    parameters: Parametrisation
    templates: tuple[PyTree, ...]
    number: int = eqx.field(static=True)

    def apply(self, problem, phi):
        """Put the parameters into this experiment's problem."""
        together = list(self.templates)
        together[self.number] = problem
        return self.parameters.apply(tuple(together), phi)[self.number]


class Joint(AbstractExperiment):
    """Experiments on different bodies, or of different kinds, fitted together.

    r = (r₁, r₂, …)

    The problem that the parameters are of is the tuple of the experiments' problems. A parameter that several of them
    share picks a leaf in each: `Parameter("mu", lambda bodies: [body.material.mu for body in bodies])`.

    **Arguments:**

    - `experiments`: sequence of experiments.
    """

    experiments: tuple[AbstractExperiment, ...]

    def __init__(self, experiments):
        self.experiments = tuple(experiments)
        if not self.experiments or not all(isinstance(e, AbstractExperiment) for e in self.experiments):
            raise ValueError(f"`experiments` must be one or more experiments, got {experiments!r}.")

    def template(self):
        """The problems of all experiments."""
        return tuple(e.template() for e in self.experiments)

    def blocks(self):
        """Measurements of one experiment after another, their names preceded by its number."""
        return [(f"{i + 1}.{n}", m, s) for i, e in enumerate(self.experiments) for n, m, s in e.blocks()]

    def views(self, parameters) -> list:
        """Return the parametrisation as each experiment sees it."""
        templates = self.template()
        return [_View(parameters, templates, i) for i in range(len(templates))]

    def evaluate(self, parameters, phi, memory, progress, derivatives=True):
        """Evaluate each; the first failure ends it."""
        found = []
        for i, (e, view) in enumerate(zip(self.experiments, self.views(parameters), strict=True)):
            told = lambda text, i=i: progress(f"experiment {i + 1}/{len(self.experiments)}, {text}")
            one = e.evaluate(view, phi, None if memory is None else memory[i], told, derivatives)
            if one.result != RESULTS.successful:
                return Evaluation(jnp.zeros(0), None, None, one.result, one.forward_residual, one.reached)
            found.append(one)
        residuals = jnp.concatenate([f.residuals for f in found])
        jacobian = jnp.concatenate([f.jacobian for f in found]) if derivatives else None
        memories = tuple(f.memory for f in found)
        worst = max(f.forward_residual for f in found)
        reached, kinks = (sum(getattr(f, name) for f in found) for name in ("reached", "weakly_active"))
        known, certified = [f.certified for f in found], None
        if all(part is not None for part in known):
            certified = sum(gradient for gradient, _ in known), max(residual for _, residual in known)
        return Evaluation(residuals, jacobian, memories, RESULTS.successful, worst, reached, kinks, certified)

    def parts(self, evaluation):
        """Each experiment's own evaluation, and which residuals are its."""
        first = 0
        for e, memory in zip(self.experiments, evaluation.memory, strict=True):
            size = sum(int(measured.size) for _, measured, _ in e.blocks())
            mine, first = slice(first, first + size), first + size
            result = evaluation.result
            yield e, Evaluation(evaluation.residuals[mine], None, memory, result, evaluation.forward_residual, 0), mine

    def push(self, parameters, phi, evaluation, directions):
        """One below the other."""
        views = zip(self.parts(evaluation), self.views(parameters), strict=True)
        return jnp.concatenate([e.push(view, phi, part, directions) for (e, part, _), view in views])

    def pull(self, parameters, phi, evaluation, weights):
        """The sum over the experiments."""
        total: Array = jnp.zeros((phi.shape[0], weights.shape[1]), phi.dtype)
        for (e, part, mine), view in zip(self.parts(evaluation), self.views(parameters), strict=True):
            total = total + e.pull(view, phi, part, weights[mine])
        return total

    def certify(self, parameters, phi, evaluation, progress):
        """The sum of the gradients, and the worst of the residuals."""
        if evaluation.certified is not None:
            return evaluation.certified
        gradient, worst = jnp.zeros_like(phi), 0.0
        for (e, part, _), view in zip(self.parts(evaluation), self.views(parameters), strict=True):
            one, residual = e.certify(view, phi, part, progress)
            gradient, worst = gradient + one, max(worst, residual)
        return gradient, worst


@outside_of.register
def _(experiment: Joint):
    return {f"{i + 1}.{n}": done for i, e in enumerate(experiment.experiments) for n, done in outside_of(e).items()}
