"""Lines and tables on the console."""

import numpy as np
from rich.markup import escape
from rich.table import Table

from .. import scene as scenes


def step_line(step, seconds: float) -> str:
    """One line about a load step: how far, how well, and the residuals on the way."""
    certificate, stats = step.solution.certificate, step.solution.stats
    history = np.asarray(certificate.history)
    residuals = history[np.isfinite(history)]
    shown = " ".join(f"{r:.0e}" for r in residuals[-8:])
    more = "... " if len(residuals) > 8 else ""
    mark = "[green]✓[/]" if step.converged else "[red]✗[/]"
    return (
        f"{mark} step {step.number}/{step.of}  load {step.reached:.4g}  {int(stats.newton_steps)} Newton steps  "
        f"residual {float(certificate.residual):.1e}  {seconds:.1f} s  [dim]{more}{shown}[/]"
        f"{kinks(certificate.weakly_active)}"
    )


def kinks(count) -> str:
    """What there is to say of points at which a law switches, as an addition to a line."""
    count = int(count)
    return (
        f"\n  [yellow]{count} points stand at a kink of their law: derivatives there are one-sided[/]" if count else ""
    )


def record_observables(session, observers, problem, value):
    """Add what is observed of an equilibrium to the result."""
    values = scenes.observe(observers, problem, value)
    found = session.result.content.setdefault("observables", {})
    for observer in observers:
        entry = found.setdefault(observer.name, {"history": []})
        entry["value"] = values[observer.name]
        entry["history"].append(values[observer.name])
        entry.update(labels(observer.section))


def observable_table(observables: dict) -> Table:
    """What was observed, beside what was expected."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    references = any("reference" in entry for entry in observables.values())
    for name in ("observed", "value", *(("reference", "difference") if references else ())):
        table.add_column(name)
    for name, entry in observables.items():
        unit = escape(f" {entry['unit']}") if "unit" in entry else ""
        row = [escape(name), number(entry["value"]) + unit]
        if "reference" in entry and not isinstance(entry["value"], list):
            reference = entry["reference"]
            apart = (entry["value"] - reference) / abs(reference) if reference else entry["value"]
            row += [f"{reference:.6g}", f"{apart:+.2%}" if reference else f"{apart:+.2g}"]
        table.add_row(*row)
    return table


def number(value) -> str:
    """A number or a vector in six digits."""
    if isinstance(value, list):
        return "(" + ", ".join(f"{v:.6g}" for v in value) + ")"
    return f"{value:.6g}"


def add_statistics(session, t, histories: dict, whole: bool):
    """Add the numbers that the scene reads off histories to the result.

    **Arguments:**

    - `whole`: whether the march came to its end; one that did not may lack what a statistic is read from.

    **Raises:** `SceneError`, naming the entry, for one that cannot be computed.
    """
    content = session.result.content
    for name, entry in session.scene.data.statistics.items():
        try:
            row: dict = {"value": scenes.statistic(entry, np.asarray(t), np.asarray(histories[entry.of]))}
        except scenes.SceneError as error:
            if whole:
                raise scenes.SceneError(error.message, file=session.scene.file, key=f"statistics.{name}") from None
            session.say(f"[yellow]statistics.{escape(name)}: {escape(str(error))}[/]")
            continue
        content["observables"][name] = row | labels(entry)


def labels(entry) -> dict:
    """Return the reference, its source and the unit of an entry, those that it has."""
    return {key: given for key in ("reference", "source", "unit") if (given := getattr(entry, key)) is not None}
