"""`simphys fit`: calibrate, then write parameters, their uncertainty, fields and pictures."""

import dataclasses

import numpy as np
from rich.markup import escape

from .. import inverse, io, scene as scenes
from ._doing import doing
from ._follow import follow, table_of
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
    with session.timing("fit"), doing(session.console, "fitting ...") as status:
        found = calibration.run(
            progress=lambda text: (session.may_stop_here(), status.update(escape(text))),
            on_iteration=lambda iteration: _iteration(session, calibration, iteration),
            errors=session.errors,
        )
    _record(session, found)
    if found.evaluation is not None:
        with session.timing("output"):
            content["weights"] = _write_weights(session, calibration, found)
        follow(session, model, lambda progress: model.way.fitted(calibration, found, progress), "writing ...")
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
    _record_shift(content, found)
    content["reduced_chi2"] = quality.reduced_chi2
    content["effective_data"] = quality.effective_data
    content["undetermined"] = list(quality.undetermined)
    content["p_value"], content["fit_quality"] = found.quality.p_value, found.quality.verdict
    content["white_residuals"], content["remarks"] = found.quality.white, list(found.quality.remarks)
    content["estimated_noise"] = quality.noise
    if len(found.names) <= MOST_CORRELATED**2:
        content["correlation"] = quality.correlation.tolist()
    content["null_directions"] = list(quality.null_directions)


def _record_shift(content, found):
    """What the mesh does to the parameters."""
    mesh = found.mesh
    if mesh is None:
        return
    content["mesh"] = {"degree": mesh.degree, "corrections": mesh.iterations, "remarks": list(mesh.remarks)}
    for i, name in enumerate(found.names):
        if name in content["parameters"] and np.isfinite(mesh.relative[i]):
            content["parameters"][name].update(
                **{f"{part}_shift": float(shift[i]) for part, shift in _parts(mesh).items()},
                corrected=float(mesh.corrected[i]),
                total_interval95=mesh.interval95[i].tolist(),
            )


def _write_weights(session, calibration, found):
    """The networks found, each in a file of its own that a scene can name; {name: file}."""
    files, values = {}, calibration.found(found).values
    for name, section in session.scene.data.fit.parameters.items():
        if scenes.is_network(section.key):
            files[name] = io.save_weights(session.out / f"{name}.npz", values[section.key]).name
    return files


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
        session.console.print(_table(found))
        if found.mesh is not None and np.all(np.isfinite(found.mesh.relative)):
            session.console.print(_shifts(found))
        if 1 < len(found.names) <= MOST_CORRELATED and np.all(np.isfinite(found.uncertainty.correlation)):
            session.console.print(_correlation(found))
    remarks = () if found.quality is None else found.quality.remarks
    for remark in (*remarks, *(() if found.mesh is None else found.mesh.remarks)):
        session.say(f"[yellow]{escape(remark)}.[/]")
    session.result.finish("interrupted" if found.status == "fit_interrupted" else found.status, found.message)
    session.end(found)


def _parts(mesh):
    """The mesh's shift of each parameter, and that of the steps in time, if there are any."""
    return mesh.parts or {"mesh": mesh.relative}


def _shifts(found):
    """What mesh and steps do to each parameter, in its standard deviations, and what all errors leave open."""
    mesh, kept, rows = found.mesh, summary(found.names, found.values), []
    parts = _parts(mesh)
    every = zip(found.names, zip(*parts.values(), strict=True), mesh.corrected, mesh.interval95, strict=True)
    for name, shifts, value, (low, high) in every:
        if name in kept:
            shown = (f"{shift:+.2g} σ" for shift in shifts)
            rows.append((name, *shown, f"{value:.6g}", f"[{low:.6g}, {high:.6g}]"))
    return table_of(("parameter", *parts, "corrected", " and ".join(("noise", *parts))), rows)


def _correlation(found):
    rows = zip(found.names, found.uncertainty.correlation, strict=True)
    return table_of(("correlation", *found.names), [(name, *(f"{v:+.2f}" for v in row)) for name, row in rows])


def _certificate(found):
    if np.isfinite(found.adjoint_residual):
        return f"residuals: forward {found.forward_residual:.1e}, adjoint {found.adjoint_residual:.1e}"
    return f"adjoint and tangents agree to {found.gradient_agreement:.1e}"


def _table(found):
    quality, kept, rows = found.uncertainty, summary(found.names, found.values), []
    for name, value, std, (low, high) in zip(found.names, found.values, quality.std, quality.interval95, strict=True):
        if name in kept:
            rows.append((name, f"{value:.6g}", f"{std:.2g}", f"[{low:.6g}, {high:.6g}]"))
    for name, value in kept.items():
        if isinstance(value, list):
            std = [s for n, s in zip(found.names, quality.std, strict=True) if n.split("[")[0] == name]
            many = f"{len(std)} values, {value[0]:.4g} … {value[1]:.4g}"
            rows.append((name, many, f"{min(std):.2g} … {max(std):.2g}", ""))
    noise = "" if quality.noise is None else f"estimated noise {quality.noise:.3g}, "
    judged = "" if found.quality.p_value is None else f" (p = {found.quality.p_value:.2g})"
    table = table_of(("parameter", "value", "std", "95 %"), rows)
    table.caption = f"{noise}reduced χ² {quality.reduced_chi2:.4g}{judged}, {_certificate(found)}"
    table.caption_justify = "left"
    return table


FEW = 12
"""Up to so many numbers a fit is told number by number."""


def summary(names, values) -> dict:
    """Return {name: value}, of arrays of many numbers {name: [least, greatest]}."""
    groups: dict = {}
    for name, value in zip(names, values, strict=True):
        groups.setdefault(name.split("[")[0], []).append((name, float(value)))
    found = {}
    for head, members in groups.items():
        numbers = [value for _, value in members]
        found.update({head: [min(numbers), max(numbers)]} if len(members) > FEW else dict(members))
    return found


def shown(values: dict) -> str:
    """Return a summary as text."""
    parts = [
        f"{name} {v[0]:.4g} … {v[1]:.4g}" if isinstance(v, list) else f"{name} {v:.6g}" for name, v in values.items()
    ]
    return "  ".join(parts)
