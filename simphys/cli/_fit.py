"""`simphys fit`: calibrate, then write parameters, their uncertainty, fields and pictures."""

import dataclasses

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from .. import inverse, io, scene as scenes
from ._fields import FieldWriter
from ._fit_fields import draw_fields, field_arrays, posterior, shown, summary
from ._fit_pictures import draw_fit
from ._pictures import at_load, draw_state
from ._report import record_observables
from ._rivals import compare_rivals
from ._run_time import lead
from ._series import fit_networks
from ._session import Session


MOST_CORRELATED = 8
"""Largest number of parameters whose correlations are printed; the picture shows any number."""


def fit_scene(session: Session):
    """Fit, report and write; `typer.Exit` with 3 if no minimum was found or a parameter cannot be identified."""
    with session.timing("build"):
        model = session.scene.build()
        calibration = scenes.build_calibration(model)
    content = session.result.content
    content.update(parameters={}, reduced_chi2=None, certificate={}, iterations=[])
    outside = inverse.outside_of(calibration.experiment)
    content["outside"] = {name: dataclasses.asdict(done) for name, done in outside.items()}
    count = lambda measured, noise: int(np.size(measured) if noise is None else np.sum(np.isfinite(noise)))
    content["data"] = {name: count(measured, noise) for name, measured, noise in calibration.experiment.blocks()}
    session.say(f"{len(calibration.parameters)} sought, {sum(content['data'].values())} measured values")
    with session.timing("fit"), session.console.status("fitting ...") as status:
        found = calibration.run(
            progress=lambda text: (session.may_stop_here(), status.update(escape(text))),
            on_iteration=lambda iteration: _iteration(session, calibration, iteration),
        )
    _record(session, found)
    if found.evaluation is not None and isinstance(model, scenes.SeriesModel):
        content["pictures"] = fit_networks(session, model, found.problem.system)
    elif found.evaluation is not None:
        with session.timing("output"):
            _write(session, model, calibration, found)
    _finish(session, found)


def _iteration(session, calibration, iteration):
    """A line on the console, and the state of the fit in result.json."""
    session.may_stop_here()
    names = inverse.Parametrisation(calibration.parameters, calibration.experiment.template()).names
    values = summary(names, iteration.theta)
    mark = "[green]✓[/]" if iteration.accepted else "[yellow]·[/]"
    session.say(
        f"{mark} iteration {iteration.number}  objective {iteration.objective:.6g}  gradient {iteration.gradient:.1e}  "
        f"{iteration.seconds:.1f} s  [dim]{escape(shown(values))}[/]"
    )
    content = session.result.content
    content["iterations"].append(
        {
            "objective": iteration.objective,
            "gradient": iteration.gradient,
            "damping": iteration.damping,
            "accepted": iteration.accepted,
            "seconds": round(iteration.seconds, 4),
            "parameters": values,
        }
    )
    if iteration.accepted:
        content["parameters"] = _values(values)
    session.result.write()


def _values(values):
    return {name: {"range" if isinstance(v, list) else "value": v} for name, v in values.items()}


def _record(session, found):
    content, quality = session.result.content, found.uncertainty
    content["parameters"] = _values(summary(found.names, found.values))
    content["method"] = {"name": found.method, "reason": found.reason}
    content["certificate"] = {
        "forward_residual": found.forward_residual,
        "adjoint_residual": found.adjoint_residual,
        "gradient_agreement": found.gradient_agreement,
        "weakly_active": 0 if found.evaluation is None else found.evaluation.weakly_active,
    }
    if quality is None:
        return
    for i, name in enumerate(found.names):
        if name in content["parameters"]:
            content["parameters"][name].update(std=float(quality.std[i]), interval95=quality.interval95[i].tolist())
        if name in quality.undetermined and name in content["parameters"]:
            content["parameters"][name]["undetermined"] = True
    content["reduced_chi2"] = quality.reduced_chi2
    content["effective_data"] = quality.effective_data
    content["undetermined"] = list(quality.undetermined)
    content["p_value"], content["fit_quality"] = found.quality.p_value, found.quality.verdict
    content["white_residuals"], content["remarks"] = found.quality.white, list(found.quality.remarks)
    content["estimated_noise"] = quality.noise
    if len(found.names) <= MOST_CORRELATED**2:
        content["correlation"] = quality.correlation.tolist()
    content["null_directions"] = list(quality.null_directions)


def _write(session, model, calibration, found):
    """Fields and pictures at the parameters found."""
    content = session.result.content
    content["weights"] = _write_weights(session, calibration, found)
    pictures = draw_fit(session, calibration, found)
    if isinstance(model, scenes.HomogeneousModel) and session.scene.data.fit.rivals:
        pictures += compare_rivals(session, calibration, found)
    if session.scene.data.time is not None:
        content.update(pictures=pictures, observables={})
        lead(session, model, scenes.March.build(model), found.problem)
        return
    if isinstance(model, scenes.FieldModel):
        belief = posterior(session, calibration, found)
        samples = () if belief is None else belief.samples(session.scene.data.fit.samples)
        arrays = field_arrays(session, calibration, found, belief, samples)
        pictures += _write_states(session, model, calibration, found, arrays)
        if session.scene.data.pictures.fields != []:
            pictures += draw_fields(session, calibration, arrays)
    content["pictures"] = pictures


def _write_weights(session, calibration, found):
    """The networks found, each in a file of its own that a scene can name; {name: file}."""
    files, values = {}, calibration.found(found).values
    for name, section in session.scene.data.fit.parameters.items():
        if scenes.is_network(section.key):
            files[name] = io.save_weights(session.out / f"{name}.npz", values[section.key]).name
    return files


def _write_states(session, model, calibration, found, arrays):
    """Fields of every load step or experiment; pictures of the last."""
    fields, observers = FieldWriter(session, model), scenes.build_observers(model)
    session.result.content["observables"] = {}
    names = list(session.scene.data.fit.experiments)
    times, numbers = range(1, len(names) + 1) if names else model.factors, calibration.found(found)
    for i, (time, value) in enumerate(zip(times, found.evaluation.memory[1], strict=True)):
        problem = calibration.experiment.at_step(numbers, i)
        fields.write(time, problem, value, arrays)
        record_observables(session, observers, problem, value)
    return draw_state(session, model, problem, value, f"experiment {names[-1]}" if names else at_load(time))


DISAGREEMENT = 1e-4
"""Relative difference of the adjoint gradient and of that by tangents above which a fit says so."""


def _finish(session, found):
    if found.gradient_agreement > DISAGREEMENT:
        session.say(
            f"[yellow]the gradient by adjoint solves differs from that by tangents by {found.gradient_agreement:.1e}: "
            "the model may have kinks at the parameters found.[/]"
        )
    if found.reason:
        session.say(f"[dim]{escape(found.method)}: {escape(found.reason)}[/]")
    if found.uncertainty is not None:
        session.console.print(_table(session, found))
        if 1 < len(found.names) <= MOST_CORRELATED and np.all(np.isfinite(found.uncertainty.correlation)):
            session.console.print(_correlation(found))
    for remark in () if found.quality is None else found.quality.remarks:
        session.say(f"[yellow]{escape(remark)}.[/]")
    session.result.finish("interrupted" if found.status == "fit_interrupted" else found.status, found.message)
    if found.successful:
        session.say(f"results in [bold]{escape(str(session.out))}[/]")
        return
    typer.echo(f"error: {found.message}", err=True)
    typer.echo(f"what was reached is in {session.out}", err=True)
    raise typer.Exit(130 if found.status == "fit_interrupted" else 3)


def _correlation(found):
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("correlation", *map(escape, found.names)):
        table.add_column(name)
    for name, row in zip(found.names, found.uncertainty.correlation, strict=True):
        table.add_row(escape(name), *(f"{value:+.2f}" for value in row))
    return table


def _certificate(found):
    if np.isfinite(found.adjoint_residual):
        return f"residuals: forward {found.forward_residual:.1e}, adjoint {found.adjoint_residual:.1e}"
    return f"adjoint and tangents agree to {found.gradient_agreement:.1e}"


def _table(session, found):
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("parameter", "value", "std", "95 %"):
        table.add_column(name)
    quality = found.uncertainty
    kept = summary(found.names, found.values)
    for name, value, std, (low, high) in zip(found.names, found.values, quality.std, quality.interval95, strict=True):
        if name in kept:
            table.add_row(escape(name), f"{value:.6g}", f"{std:.2g}", escape(f"[{low:.6g}, {high:.6g}]"))
    for name, value in kept.items():
        if isinstance(value, list):
            std = [s for n, s in zip(found.names, quality.std, strict=True) if n.split("[")[0] == name]
            many = f"{len(std)} values, {value[0]:.4g} … {value[1]:.4g}"
            table.add_row(escape(name), many, f"{min(std):.2g} … {max(std):.2g}", "")
    noise = "" if quality.noise is None else f"estimated noise {quality.noise:.3g}, "
    judged = "" if found.quality.p_value is None else f" (p = {found.quality.p_value:.2g})"
    table.caption = f"{noise}reduced χ² {quality.reduced_chi2:.4g}{judged}, {_certificate(found)}"
    table.caption_justify = "left"
    return table
