"""`simphys check`: certificates, symmetry and Taylor tests."""

import math

import typer
from rich.markup import escape

from .. import scene as scenes
from .._result import RESULTS, name_of
from ._doing import doing
from ._session import Session


SYMMETRIC = 1e-9


def check_scene(session: Session):
    """Report on a scene and its derivatives; `typer.Exit` with 1 if a check fails, 3 if the scene does not converge."""
    with session.timing("build"):
        model = session.scene.build()
    session.say("[green]✓[/] the scene is valid")
    content = session.result.content
    content.update(certificate={}, derivatives={})
    with session.timing("solve"), doing(session.console, "solving ..."):
        last = model.way.checkable()
    passed = last is None or (_solved(session, last) and _tangent(session, last))
    if session.errors:
        with session.timing("error"), doing(session.console, "looking for errors ...") as status:
            progress = lambda text: (session.may_stop_here(), status.update(escape(text)))
            _errors(session, model.way.estimated(last, progress))
    session.say(f"  checked: derivatives of the mean square of {model.way.checked}")
    with session.timing("derivatives"):
        worst = 0.0
        for derivative in scenes.check_derivatives(model, last):
            passed &= derivative.passed
            worst = max(derivative.adjoint_residual, worst)
            _report(session, derivative)
            session.result.write()
    content["certificate"]["adjoint_residual"] = worst
    if last is not None:
        session.say(f"  adjoint certificate: largest residual {worst:.1e}")
    session.result.finish("successful" if passed else "check_failed")
    if not passed:
        typer.echo("error: a check failed, see above.", err=True)
        raise typer.Exit(1)
    session.say(f"[green]all checks passed[/]; report in {escape(str(session.result.path))}")


def _solved(session, last) -> bool:
    session.say(scenes.step_line(last))
    certificate = last.solution.certificate
    session.result.content["certificate"] = {
        "forward_residual": float(certificate.residual),
        "tolerance": float(certificate.tolerance),
        "converged": last.converged,
        "load_factor": last.reached,
        "weakly_active": int(certificate.weakly_active),
    }
    if not last.converged:
        found = f"not converged beyond load factor {last.reached:.4g}." if last.reached else "no equilibrium was found."
        message = f"{found} {RESULTS[last.solution.result]}"
        session.result.finish(name_of(last.solution.result), message)
        typer.echo(f"error: {message}", err=True)
        raise typer.Exit(3)
    session.say(
        f"  forward certificate: residual {float(certificate.residual):.1e}, wanted {float(certificate.tolerance):.0e}"
    )
    return True


def _tangent(session, step) -> bool:
    defect, claimed = scenes.symmetry_defect(step)
    symmetric = defect < SYMMETRIC
    session.result.content["tangent"] = {"symmetry_defect": defect, "claims_symmetry": claimed}
    passed = symmetric or not claimed
    mark = "[green]✓[/]" if passed else "[red]✗[/]"
    kind = "symmetric" if symmetric else "not symmetric"
    claim = "as claimed" if claimed == symmetric else ("though it claims to be" if claimed else "without claiming it")
    session.say(f"{mark} tangent {kind}, {claim}: defect {defect:.1e}")
    return passed


def _errors(session, found):
    """What mesh and steps do to what is observed; no check fails by it."""
    if found.remark:
        session.say(f"  [yellow]{escape(found.remark)}[/]")
    session.result.content["observables"] = found.observables
    for name, entry in found.observables.items():
        shown = lambda value: ", ".join(f"{v:.4g}" for v in (value if isinstance(value, list) else [value]))
        parts = [(part, entry[part]) for part in ("mesh", "step") if part in entry] or [("mesh", entry["error"])]
        said = ", ".join(f"{part} error of {escape(name)}: {shown(error)}" for part, error in parts)
        session.say(f"  {said}, corrected {shown(entry['corrected'])}")


def _report(session, derivative):
    session.result.content["derivatives"][derivative.key] = {
        "order": derivative.order,
        "slope": derivative.slope,
        "passed": derivative.passed,
        "adjoint_residual": derivative.adjoint_residual,
        "residual_defect": None if math.isnan(derivative.residual_defect) else derivative.residual_defect,
        "note": derivative.note,
    }
    mark = "[green]✓[/]" if derivative.passed else "[red]✗[/]"
    order = derivative.note if math.isnan(derivative.order) and derivative.note else f"order {derivative.order:.2f}"
    slope = f"sensitivity {derivative.slope:+.3g}"
    if derivative.residual_defect > scenes.LARGEST_DEFECT:
        session.say(
            f"  [red]the residual's own derivative differs from differences by {derivative.residual_defect:.1e}[/]"
        )
    session.say(f"{mark} gradient with respect to {escape(derivative.key)}: {order}, {slope}")
