"""What result.json says, in tables."""

import shlex
from typing import Any

from ._html import pairs, section, table, text


TOLD = frozenset(
    (
        "title scene given command overrides options status message started heartbeat pid host timings versions pictures "
        "units quantities deformation observables certificate steps march sizes parameters correlation iterations "
        "objective constraints derivatives"
    ).split()
)
"""Entries that have a place of their own; the others are listed as they are."""


def command_of(content: dict) -> str:
    """Return the command that makes the same again."""
    words = ["simphys", content.get("command", "run"), str(content.get("given") or content.get("scene", ""))]
    for override in content.get("overrides", ()):
        words += ["--set", override]
    return shlex.join([*words, *content.get("options", ())])


def head_of(content: dict) -> str:
    """Return what it is, how it ended, and the command that reproduces it."""
    status, good = content.get("status", "unknown"), content.get("status") == "successful"
    mark = "good" if good else "bad"
    message = f"<p>{text(content['message'])}</p>" if content.get("message") else ""
    made = f"{content.get('started', '')}, simphys {content.get('versions', {}).get('simphys', '')}"
    return (
        f"<header><h1>{text(content.get('title') or content.get('scene', 'simphys'))}</h1>"
        f'<p>{text(content.get("command", ""))}: <strong class="{mark}">{text(status.replace("_", " "))}</strong>, '
        f"{text(made)}</p>{message}<p>Reproduced by <code>{text(command_of(content))}</code></p></header>"
    )


def sections_of(content: dict) -> str:
    """Return all numbers, the most asked for first."""
    rest = {name: value for name, value in content.items() if name not in TOLD and value not in (None, [], {}, "")}
    return "".join(
        (
            section("Observed", _observables(content)),
            section("Parameters", _parameters(content), _correlation(content)),
            section("Design", _design(content)),
            section("Derivatives", _derivatives(content)),
            section("Certificates", pairs("", content.get("certificate") or {})),
            section("Convergence", _steps(content), _iterations(content), pairs("March", content.get("march") or {})),
            section(
                "What it took",
                pairs("Size", content.get("sizes") or {}),
                pairs("Seconds", content.get("timings") or {}),
            ),
            section("Everything else", pairs("", rest), folded=True),
            section("Versions", pairs("", content.get("versions") or {}), folded=True),
        )
    )


def _observables(content):
    names = ("value", "unit", "error", "mesh", "step", "corrected", "reference", "source")
    head = (
        "",
        "value",
        "unit",
        "± mesh and step",
        "of mesh",
        "of step",
        "corrected",
        "reference",
        "source",
        "difference",
    )
    rows = []
    for name, entry in (content.get("observables") or {}).items():
        rows.append([name, *(entry.get(key) for key in names), _apart(entry)])
    return table("", head, rows)


def _apart(entry) -> str | None:
    value, reference = entry.get("value"), entry.get("reference")
    if not isinstance(value, int | float) or not isinstance(reference, int | float) or reference == 0:
        return None
    return f"{(value - reference) / abs(reference):+.2%}"


def _parameters(content):
    head = ("", "value", "range", "std", "95 % of the noise", "mesh shift, σ", "corrected", "95 % of noise and mesh")
    names = ("value", "range", "std", "interval95", "mesh_shift", "corrected", "total_interval95")
    rows = [[name, *(p.get(key) for key in names)] for name, p in (content.get("parameters") or {}).items()]
    return table("", head, rows)


def _correlation(content):
    names, matrix = list(content.get("parameters") or {}), content.get("correlation") or []
    if not 1 < len(names) <= 12 or len(matrix) != len(names):
        return ""
    return table("Correlation", ("", *names), [[name, *row] for name, row in zip(names, matrix, strict=True)])


def _design(content):
    if "objective" not in content or content.get("command") != "design":
        return ""
    goals = {"objective": content["objective"], **(content.get("constraints") or {})}
    names = ("value", "error", "corrected", "of_body")
    # A design that is not finished, or that an older version wrote, has plain numbers.
    parts = [(name, goal if isinstance(goal, dict) else {"value": goal}) for name, goal in goals.items()]
    rows = [[name, *(part.get(key) for key in names)] for name, part in parts]
    found = table("", ("", "value", "± mesh", "corrected", "as a body of its own"), rows)
    facts = content.get("part_facts") or {}
    return found + table("The part", ("", ""), [[name.replace("_", " "), value] for name, value in facts.items()])


def _derivatives(content):
    names = ("passed", "order", "slope", "adjoint_residual", "residual_defect", "note")
    rows = [[key, *(entry.get(name) for name in names)] for key, entry in (content.get("derivatives") or {}).items()]
    return table("", ("with respect to", *(name.replace("_", " ") for name in names)), rows)


def _steps(content):
    names = ("reached", "status", "newton_steps", "residual", "factorisations", "cutbacks", "seconds")
    rows = [[n + 1, *(step.get(name) for name in names)] for n, step in enumerate(content.get("steps") or ())]
    residuals = [[n + 1, *step["history"]] for n, step in enumerate(content.get("steps") or ()) if step.get("history")]
    width = max(map(len, residuals), default=1)
    padded = [row + [None] * (width - len(row)) for row in residuals]
    head = ("load step", "load factor", "status", "Newton steps", "residual", "factorisations", "cutbacks", "seconds")
    each = table("Relative residual after each Newton step", ("load step", *map(str, range(width - 1))), padded)
    return table("Load steps", head, rows) + each


def _flat(entry: dict) -> dict:
    """Entries of tables within a table beside the others; ranges of many numbers stay together."""
    flat = {}
    for name, value in entry.items():
        flat |= value if isinstance(value, dict) and len(value) <= 12 else {name: value}
    return flat


def _iterations(content):
    entries = [_flat(entry) for entry in content.get("iterations") or []]
    names = list(dict.fromkeys(name for entry in entries for name in entry))
    rows: list[list[Any]] = [[n + 1, *(entry.get(name) for name in names)] for n, entry in enumerate(entries)]
    return table("Iterations", ("", *(name.replace("_", " ") for name in names)), rows)
