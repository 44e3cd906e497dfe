"""From measurements to parameters: one fit, that chooses its method."""

import dataclasses
import html
import typing
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ... import _check
from ..._hidden import on_host
from ..._progress import Progress, told
from ..._result import RESULTS, name_of
from ..._typing import Callable
from ..experiments import AbstractExperiment, Evaluation, LoadSteps, made
from ..parameters import Parametrisation, Penalty
from ._choose import choose
from ._correlated import Correlated, correlated
from ._discretisation import Discretisation, MeshShift, mesh_shift
from ._losses import AbstractLoss, Squares
from ._newton_cg import newton_cg
from ._objective import Local, Objective
from ._quality import Quality, judge
from ._search import Iteration, Limits, Search, levenberg_marquardt
from ._uncertainty import Uncertainty, uncertainty


MOST_COVARIANCES = 3000
"""Largest number of parameters for which the covariance matrix is formed."""


@dataclasses.dataclass(frozen=True)
class Fit:
    """The result of `fit`.

    **Attributes:**

    - `status`: name of an item of `RESULTS`, "successful" if the gradient vanished; `message`: its sentence.
    - `names`, `values`: the parameters; `phi`: the same in the coordinates of their transforms.
    - `uncertainty`: covariance, intervals, correlation, reduced χ²; None if nothing could be evaluated, or if there are
      too many parameters for a matrix: see `laplace`.
    - `mesh`: what the parameters would change by on a richer space, a `MeshShift`; None where there is no mesh, no
      covariance, or nobody asked.
    - `quality`: whether the fit agrees with its data, and remarks in words; None where there is no `uncertainty`.
    - `problem`: the problem with the fitted parameters.
    - `evaluation`: residuals, Jacobian, and the solutions in `memory`.
    - `history`: the iterations.
    - `forward_residual`, `adjoint_residual`: worst relative residuals of forward and of adjoint solves at the end.
    - `gradient_agreement`: relative difference of derivatives by tangents and by adjoints, in the scale of J r.
    - `method`, `reason`: which method was used, and why.
    - `local`: the objective near the minimum, for `profile`, `laplace` and `identifiability`.
    """

    status: str
    message: str
    names: list[str]
    values: np.ndarray
    phi: np.ndarray
    uncertainty: Uncertainty | None
    problem: Any
    evaluation: Evaluation | None
    history: list[Iteration]
    forward_residual: float
    adjoint_residual: float
    gradient_agreement: float
    method: str = ""
    reason: str = ""
    local: Local | None = dataclasses.field(default=None, repr=False)
    quality: Quality | None = None
    mesh: MeshShift | None = None

    @property
    def successful(self) -> bool:
        """Whether a minimum was found."""
        return self.status == "successful"

    def __str__(self):
        lines = [f"fit: {self.status}" + (f" ({self.message})" if self.message else "")]
        lines += [f"  by {self.method}: {self.reason}"] if self.reason else []
        quality = self.uncertainty
        if quality is not None and len(self.names) <= 30:
            rows = zip(self.names, self.values, quality.std, quality.interval95, strict=True)
            for name, value, std, (low, high) in rows:
                lines.append(f"  {name:12s} = {value:.6g} ± {std:.2g}   95 %: [{low:.6g}, {high:.6g}]")
        else:
            spread = "" if quality is None else f", ± {quality.std.min():.2g} … {quality.std.max():.2g}"
            lines.append(f"  {len(self.names)} values, {self.values.min():.6g} … {self.values.max():.6g}{spread}")
        if self.mesh is not None and len(self.names) <= 30:
            rows = zip(self.names, self.mesh.relative, self.mesh.corrected, self.mesh.interval95, strict=True)
            for name, relative, value, (low, high) in rows:
                lines.append(f"  {name:12s}   mesh {relative:+.2g} σ → {value:.6g}   both: [{low:.6g}, {high:.6g}]")
            lines += [f"  {remark}" for remark in self.mesh.remarks]
        if quality is not None:
            lines.append(f"  reduced χ² = {quality.reduced_chi2:.4f}")
        lines += [] if self.quality is None else [f"  {remark}" for remark in self.quality.remarks]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self):
        """What a notebook shows: the parameters as a table."""
        quality, cells = self.uncertainty, []
        if quality is None or len(self.names) > 30:
            return f"<pre>{html.escape(str(self))}</pre>"
        every = zip(self.names, self.values, quality.std, quality.interval95, strict=True)
        for name, value, std, (low, high) in every:
            row = (html.escape(name), f"{value:.6g}", f"{std:.2g}", f"[{low:.6g}, {high:.6g}]")
            cells.append("<tr>" + "".join(f"<td>{entry}</td>" for entry in row) + "</tr>")
        head = "".join(f"<th>{name}</th>" for name in ("parameter", "value", "std", "95 %"))
        foot = f"fit: {self.status}, reduced χ² = {quality.reduced_chi2:.4g}"
        return f"<table><caption>{html.escape(foot)}</caption><tr>{head}</tr>{''.join(cells)}</table>"


@told("fit")
@on_host("A fit")
def fit(
    experiment: AbstractExperiment,
    parameters,
    *,
    priors=(),
    loss: AbstractLoss | None = None,
    method: str = "auto",
    max_iterations: int = 50,
    gradient_tolerance: float = 1e-6,
    step_tolerance: float = 1e-8,
    start=None,
    discretisation: Discretisation | None = None,
    progress: Progress = None,
    on_iteration: Callable[[Iteration], None] | None = None,
) -> Fit:
    r"""Find the parameters that minimise the loss of the residuals, and what the priors cost.

    f(φ) = Σ ρ(r_i) + Σ −ln p(θ),   r = (prediction − measurement) / noise,   θ = h(φ)

    Each iteration of Levenberg–Marquardt costs one evaluation of the experiment with its Jacobian; solves start from the
    last iterate's solutions. A trial at which a solve fails is rejected like one that is worse. Where trials are rejected
    though the minimum is nearer than a hundredth of a standard error, that is near enough; with more than 60 parameters a
    tenth, and with the weights of a network, which lie in long valleys, three tenths, in all of them together.

    **Arguments:**

    - `experiment`: `LoadSteps`, `TimeSeries`, `Model`, or several by `Joint`.
    - `parameters`: sequence of `Parameter`.
    - `priors`: sequence of `Gaussian`, `H1`, `Matern`, `TotalVariation`, each on one parameter.
    - `loss`: ρ, `Squares()` by default; `Huber()` or `Cauchy()`, for which the noise must be stated.
    - `method`: "levenberg_marquardt" (dense Jacobian, by tangents or by adjoints), "newton_cg" (products only), "lbfgs",
      "adam"; "auto" decides by the numbers of parameters p and data n: a dense Jacobian costs min(p, n) linear solves
      that share a factor, a product one or two solves, of which conjugate gradients need hundreds.
    - `max_iterations`: evaluations at most.
    - `gradient_tolerance`: largest cosine between r and a column of J at a minimum.
    - `step_tolerance`: step in φ, relative to 1 + |φ|, below which the fit has converged.
    - `start`: φ to start from; None for the parameters' starts.
    - `discretisation`: "estimate" what the parameters would change by on spaces of one degree more and with steps in time
      of half the length, or "correct" them until they are the minimum there, by the mesh's own Jacobian; or "ignore" these
      errors. By default they are estimated for load steps (one linear solve for each step) and ignored for marches (one
      on the richer space, two on the mesh).
    - `progress`: True, False, or a function that is told lines; by default one on terminals and in notebooks after 2 s.
    - `on_iteration`: called after each iteration.

    **Returns:** a `Fit`; look at `status`. An interrupted fit (Ctrl-C) returns the best parameters so far.

    **Raises:** `ValueError` for parameters, starts, priors or data that do not fit.

    Reference: J. J. Moré, The Levenberg–Marquardt algorithm, Lecture Notes in Mathematics 630 (1978) 105.
    """
    for name, value in (("gradient_tolerance", gradient_tolerance), ("step_tolerance", step_tolerance)):
        _check.tolerance(name, value, zero=True)
    if discretisation is not None and discretisation not in typing.get_args(Discretisation):
        raise ValueError(f'`discretisation` must be "estimate", "correct" or "ignore", got {discretisation!r}.')
    parametrisation = Parametrisation(parameters, experiment.template())
    loss = Squares() if loss is None else loss
    penalty = Penalty(priors, parametrisation, experiment.template())
    blocks = experiment.blocks()
    check_noise(blocks, loss, priors)
    chosen = choose(method, parametrisation.size, sum(int(np.size(m)) for _, m, _ in blocks))
    quiet = lambda _: None
    objective = Objective(experiment, parametrisation, loss, penalty, chosen.derivatives, progress or quiet)
    search = Search(objective, on_iteration or quiet, None if start is None else jnp.asarray(start))
    limits = Limits(max_iterations, gradient_tolerance, step_tolerance)
    try:
        status = run(chosen.method, search, limits)
    except KeyboardInterrupt:
        status, objective.progress = RESULTS.fit_interrupted, quiet
    chose = "estimate" if _has_steps(experiment) else "ignore"
    return finish(search, status, chosen, chose if discretisation is None else discretisation)


def _has_steps(experiment):
    """Whether it, or one of several, leads a body up load steps."""
    return any(isinstance(e, LoadSteps) for e in getattr(experiment, "experiments", (experiment,)))


def run(method: str, search: Search, limits: Limits) -> RESULTS:
    """Search by a method; return the status."""
    if method == "newton_cg":
        return newton_cg(search, limits)  # pyright: ignore[reportReturnType]
    if method == "levenberg_marquardt":
        return levenberg_marquardt(search, limits)  # pyright: ignore[reportReturnType]
    from ._first_order import adam, lbfgs

    return {"lbfgs": lbfgs, "adam": adam}[method](search, limits)  # pyright: ignore[reportReturnType]


def check_noise(blocks, loss: AbstractLoss, priors):
    """Raise `ValueError` where residuals must be in units of a stated noise and are not."""
    unknown = [name for name, _, noise in blocks if noise is None]
    if unknown and not isinstance(loss, Squares):
        raise ValueError(
            f"A robust loss needs the noise of all data, which says from where on a residual is an outlier; "
            f"that of {', '.join(map(repr, unknown))} is not stated."
        )
    if unknown and len(priors):
        raise ValueError(
            f"A prior needs the noise of all data, against which it is weighed; "
            f"that of {', '.join(map(repr, unknown))} is not stated."
        )


def finish(search: Search, status, chosen, discretisation: Discretisation = "ignore") -> Fit:
    """Certify the best point and state its uncertainty."""
    objective, best = search.objective, search.best
    parameters, experiment = objective.parameters, objective.experiment
    names, phi = parameters.names, np.asarray(search.phi)
    values = np.asarray(parameters.flat(search.phi))
    problem = made(parameters.apply(experiment.template(), search.phi))
    how = (chosen.method, chosen.reason)
    if best is None:
        nan = float("nan")
        return Fit(
            name_of(status), str(RESULTS[status]), names, values, phi, None, problem, None, [], nan, nan, nan, *how
        )
    quality, judged = None, None
    if best.jacobian is not None and best.size <= MOST_COVARIANCES:
        found = correlated(best)
        quality = state_uncertainty(best, found)
        judged = judge(best, quality, found)
    message = str(RESULTS[status])
    if quality is not None and quality.null_directions and status != RESULTS.fit_interrupted:
        status = RESULTS.unidentifiable
        message = f"{RESULTS[status]} Null direction: {'; '.join(quality.null_directions)}."
    shift = None
    if quality is not None and discretisation != "ignore" and status != RESULTS.fit_interrupted:
        try:
            shift = mesh_shift(best, quality, discretisation, objective.progress)
        except KeyboardInterrupt:
            status, objective.progress = RESULTS.fit_interrupted, lambda _: None
            message = str(RESULTS[status])
    gradient, adjoint_residual = experiment.certify(parameters, search.phi, best.evaluation, objective.progress)
    agreement = _agreement(best, np.asarray(gradient))
    forward = best.evaluation.forward_residual
    return Fit(
        name_of(status), message, names, values, phi, quality, problem, best.evaluation, search.history, forward,
        adjoint_residual, agreement, *how, best, judged, shift,
    )  # fmt: skip


def state_uncertainty(best: Local, found: Correlated) -> Uncertainty:
    """Return the covariance of the fitted parameters and what else the Jacobian tells."""
    parameters = best.objective.parameters
    slope = np.asarray(jax.jacfwd(parameters.flat)(best.phi), float)
    return uncertainty(best, slope, np.asarray(parameters.flat(best.phi), float), found)


def _agreement(best, gradient):
    """Difference of Jᵀr by adjoints and by tangents, over |J column| |r|; along one direction where J is by adjoints."""
    objective, r = best.objective, best.residuals
    if objective.derivatives == "tangents":
        by_tangents = best.jacobian.T @ r
        size = np.linalg.norm(best.jacobian, axis=0) * np.linalg.norm(r)
    else:
        direction = np.random.default_rng(0).standard_normal((best.size, 1))
        pushed = objective.experiment.push(objective.parameters, best.phi, best.evaluation, jnp.asarray(direction))
        pushed = np.asarray(pushed)[:, 0]
        by_tangents, gradient = np.atleast_1d(pushed @ r), np.atleast_1d(gradient @ direction[:, 0])
        size = np.atleast_1d(np.linalg.norm(pushed) * np.linalg.norm(r))
    return float(np.max(np.abs(gradient - by_tangents) / np.where(size > 0, size, 1.0)))
