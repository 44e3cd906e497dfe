"""A body under load steps: what is told of it, the experiment it is, and what is checked of it."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from .. import implicit, inverse
from .._result import RESULTS, name_of
from ..physics import carries
from ._blame import blame
from ._body_model import AbstractBody
from ._error import SceneError
from ._fit_fields import draw_fields, field_arrays, posterior
from ._fit_pictures import draw_observations, draw_search
from ._interface import AbstractWay, Fields, Told
from ._march_told import kinks, labels
from ._mesh_error import draw_indicators
from ._numbers import is_network, number_at, numbers_of
from ._observe import observe
from ._pictures import draw_newton, draw_state
from ._square import CHECK_RTOL, relative_squares
from ._square_of_path import square_of_path


@dataclasses.dataclass(frozen=True, eq=False)
class LoadPath(AbstractWay):
    """The load steps of a scene with a body and without time."""

    model: AbstractBody
    checked: ClassVar[str] = "the solution at the last load step"

    def run(self, checkpoint, errors):
        """Solve the load steps; tell each."""
        model, seen = self.model, _Seen(self.model)
        sizes, steps = model.sizes, []
        kind, many = model.scene.data.physics, len(model.factors)
        line = f"{kind}, {sizes['cells']} cells, {sizes['unknowns']} unknowns, {many} load step(s)"
        yield Told(line, dict(sizes=sizes, observables={}, certificate={}, steps=[]))
        last, failed = None, None
        for step in model.march():
            steps.append(_entry(step))
            content = {"steps": steps, "certificate": _certificate(step, steps)}
            failed, fields = None if step.converged else step, None
            if step.converged or step.reached > step.start:
                last, value = step, step.solution.reached
                content["observables"] = seen.add(step.state, value)
                fields = Fields(step.reached, step.state, value)
            yield Told(step_line(step), content, fields, stage="solve")
        if failed is None and errors is not None:
            adapt = model.scene.data.adapt
            found = model.errors(last.state, last.solution.reached, "" if adapt is None else adapt.goal)
            told = {name: seen.found[name] | entry for name, entry in found.observables.items()}
            line = f"[yellow]{found.remark}[/]" if found.remark else ""
            yield Told(line, {"observables": seen.found | told}, stage="error", final=True)
            yield Told(pictures=draw_indicators(model, found), stage="output")
        if last is not None:
            yield Told(final=True)  # numbers first: pictures take longer
            pictures = draw_state(model, last.state, last.solution.reached, at_load(last.reached))
            pictures |= draw_newton(model.scene.data, steps, content["certificate"]["tolerance"])
            yield Told(pictures=pictures, stage="output")
        if failed is None:
            yield Told(status="successful")
        else:
            yield Told(status=name_of(failed.solution.result), message=_failure(last, failed))

    def along(self, file, resume):
        """Solve the load steps."""
        for _ in self.model.march():
            pass

    def experiment(self, values):
        """Return the steps, or bodies that differ in some numbers, as an experiment."""
        model, observations, differing = self.model, self.model.observations(), _experiments(self.model, values)
        factors = jnp.asarray(model.factors)
        start = {key: rows[0] for key, rows in differing.items()}
        numbers = numbers_of(model, values | start, None if differing else factors[0])
        vary = [lambda n, key=key: n.values[key] for key in differing] or [lambda n: n.factor]
        with blame(model.scene.file, "fit"):
            return inverse.LoadSteps(
                numbers,
                lambda n: [pick(n) for pick in vary],
                list(differing.values()) or [factors],
                observations,
                newton=model.method,
                adjoint=model.adjoint,
                independent=bool(differing),
            )

    def estimated(self, step, progress):
        """Of the last load step."""
        progress("mesh error")
        return self.model.errors(step.state, step.solution.reached)

    def checkable(self):
        """Return the last load step."""
        *_, last = self.model.march()
        return last

    def square(self, numbers, step):
        """Return Σ |u|² over the fields at the step's load, each relative to what is known of it; found from the known."""
        if len(self.model.factors) > 1 and carries(step.state):
            return square_of_path(self.model, numbers)
        method, first = dataclasses.replace(self.model.method, rtol=CHECK_RTOL), numbers.made()
        known = implicit.solve(first, step.solution.reached, method=method).value

        def function(numbers):
            adjoint = self.model.adjoint
            found = implicit.solve(numbers.made(), known, method=method, adjoint=adjoint, start=first).value
            return relative_squares(found, known)

        return function

    def fitted(self, calibration, found, progress):
        """Tell the state of every step or experiment, and unknown fields with their posterior."""
        model, data = self.model, self.model.scene.data
        belief = posterior(data, found)
        samples = () if belief is None else belief.samples(data.fit.samples)
        arrays, seen = field_arrays(calibration, found, belief, samples), _Seen(model)
        content = {} if belief is None else {"posterior": _posterior(belief)}
        pictures = draw_search(data, found) | draw_observations(calibration, found)
        yield Told(content=content, pictures=pictures, stage="output")
        names, numbers = list(data.fit.experiments), calibration.found(found)
        times = range(1, len(names) + 1) if names else model.factors
        for i, (time, value) in enumerate(zip(times, found.evaluation.memory[1], strict=True)):
            problem = calibration.experiment.as_solved(numbers, found.evaluation, i)
            content = {"observables": seen.add(problem, value)}
            yield Told(content=content, fields=Fields(time, problem, value, arrays), stage="output")
        pictures = draw_state(model, problem, value, f"experiment {names[-1]}" if names else at_load(time))
        yield Told(pictures=pictures | draw_fields(model, arrays), stage="output")


class _Seen:
    """What is observed from step to step."""

    def __init__(self, model):
        self.observers = model.observers
        self.found = {o.name: {"history": []} | labels(o.section) for o in self.observers}

    def add(self, problem, value) -> dict:
        """Look at one more solution; return what the result file says of all."""
        for name, number in observe(self.observers, problem, value).items():
            self.found[name] |= {"value": number, "history": [*self.found[name]["history"], number]}
        return dict(self.found)


def _experiments(model, values) -> dict:
    """What differs from experiment to experiment: key → its value in each."""
    experiments = model.scene.data.fit.experiments
    if experiments and len(model.factors) > 1:
        raise SceneError("[fit.experiments] and [steps] exclude one another.", file=model.scene.file, key="fit")
    own = {}
    for name, entries in experiments.items():
        for key, value in entries.items():
            with blame(model.scene.file, f"fit.experiments.{name}"):
                if key in values:
                    raise SceneError(f"{key!r} is sought: it cannot differ from experiment to experiment.")
                if is_network(key):
                    raise SceneError(f"{key!r} is a network: it cannot differ from experiment to experiment.")
                own[key] = number_at(model, key)
                numbers_of(model, {key: number_at(model, key, value)})
    rows = {key: [entries.get(key, value) for entries in experiments.values()] for key, value in own.items()}
    return {key: jnp.stack([jnp.asarray(v, dtype=float) for v in row]) for key, row in rows.items()}


def at_load(factor: float) -> str:
    """Say at which load factor; nothing for the whole load."""
    return "" if factor == 1 else f"load factor {factor:.4g}"


def step_line(step) -> str:
    """One line about a load step: how far, how well, and the residuals on the way."""
    certificate, stats = step.solution.certificate, step.solution.stats
    history = np.asarray(certificate.history)
    residuals = history[np.isfinite(history)]
    shown = " ".join(f"{r:.0e}" for r in residuals[-8:])
    more = "... " if len(residuals) > 8 else ""
    mark = "[green]✓[/]" if step.converged else "[red]✗[/]"
    return (
        f"{mark} step {step.number}/{step.of}  load {step.reached:.4g}  {int(stats.newton_steps)} Newton steps  "
        f"residual {float(certificate.residual):.1e}  {step.seconds:.1f} s  [dim]{more}{shown}[/]"
        f"{kinks(certificate.weakly_active)}"
    )


def _entry(step) -> dict:
    certificate, stats = step.solution.certificate, step.solution.stats
    history = np.asarray(certificate.history)
    return {
        "factor": step.factor,
        "reached": step.reached,
        "status": name_of(step.solution.result),
        "residual": float(certificate.residual),
        "weakly_active": int(certificate.weakly_active),
        "newton_steps": int(stats.newton_steps),
        "factorisations": int(stats.factorisations),
        "cutbacks": int(stats.cutbacks),
        "history": history[np.isfinite(history)].tolist(),
        "seconds": round(step.seconds, 4),
    }


def _certificate(step, steps) -> dict:
    certificate = step.solution.certificate
    return {
        "forward_residual": max(e["residual"] for e in steps),
        "tolerance": float(certificate.tolerance),
        "load_factor": step.reached,
        "converged": step.converged,
        "weakly_active": int(certificate.weakly_active),
    }


def _posterior(belief) -> dict:
    return {
        "directions": len(belief.eigenvalues),
        "determined": belief.effective,
        "eigenvalues": belief.eigenvalues.tolist(),
    }


def _failure(last, failed) -> str:
    text = f"not converged in load step {failed.number} of {failed.of}: "
    why = RESULTS[failed.solution.result]
    if last is None:
        return f"{text}no equilibrium was found. {why} Nothing was written but this."
    return (
        f"{text}equilibrium found up to load factor {failed.reached:.4g} of {failed.factor:.4g} wanted. {why} Fields and "
        f"pictures of the last equilibrium, at load factor {last.reached:.4g}, are in {{out}}."
    )
