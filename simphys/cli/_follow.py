"""What a computation tells, put where it belongs: the console, result.json, fields and files."""

import time
from collections.abc import Callable, Iterator

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from .. import fem, io
from ..scene import Told, quantities_of
from ._doing import doing as spinner
from ._session import Session


GROUPS = "groups.vtu"
"""File of the groups of a mesh, for the report and for other programs."""


def follow(session: Session, model, telling: Callable[[Callable], Iterator[Told]], doing: str) -> Told:
    """Take up all that is told; return the last of it.

    **Arguments:**

    - `telling`: given what is to be told of progress, in a line, what tells.
    """
    content, fields, last = session.result.content, _FieldWriter(session, model), Told()
    content.setdefault("pictures", [])
    with spinner(session.console, doing) as status:
        told = telling(lambda text: (session.may_stop_here(), status.update(escape(text))))
        while True:
            session.may_stop_here()
            start = time.perf_counter()
            found = next(told, None)
            if found is None:
                return last
            last = found
            session.spent(found.stage, time.perf_counter() - start)
            if found.doing:
                status.update(f"{doing} {escape(found.doing)}")
            if found.line:
                session.say(found.line)
            content.update(found.content)
            with session.timing("output"):
                fields.write(found)
                for name, write in {**found.files, **found.pictures}.items():
                    write(session.out / name)
                if found.pictures:
                    content["pictures"] += found.pictures
                session.result.write()
            if found.table is not None:
                session.console.print(table_of(found.table.head, found.table.rows, found.table.caption))
            if found.final:
                show_observables(session)
                status.update("drawing ...")


def finish(session: Session, status: str, message: str):
    """Say how it ended; `typer.Exit` with 3 for what did not end well."""
    show_observables(session)
    message = message.replace("{out}", str(session.out))
    session.result.finish(status, message)
    if message:
        typer.echo(f"error: {message}", err=True)
        raise typer.Exit(3)
    session.say(f"results in [bold]{escape(str(session.out))}[/]")


def show_observables(session: Session):
    """Print what was observed, once."""
    observables = session.result.content.get("observables") or {}
    if not session.shown and any("value" in entry for entry in observables.values()):
        session.shown = True
        session.console.print(_observable_table(observables))


class _FieldWriter:
    """Writes `fields.pvd` and its steps into the output folder; complete after every step."""

    def __init__(self, session, model):
        self._session, self._model, self._series = session, model, None

    def write(self, told):
        """Add the fields of a solution at a time or load factor."""
        if told.fields is None:
            return
        if self._series is None:
            self._series = io.FieldSeries(self._session.out / "fields.pvd", self._model.shown)
            self._session.result.content |= {"fields": "fields.pvd", **self._labels(told.fields.problem)}
            self._write_groups()
        arrays = self._model.written(told.fields)
        self._series.write(told.fields.time, arrays["node"], arrays["cell"])

    def _write_groups(self):
        """Where the groups of the mesh are: 1 at their nodes."""
        space = self._model.shown
        if not isinstance(space, fem.FunctionSpace) or not space.nodal:
            return
        mesh, masks, told = space.mesh, {}, {}
        for kind, groups in (("facets", mesh.facet_groups), ("cells", mesh.cell_groups), ("points", mesh.point_groups)):
            for name, members in groups.items():
                masks[name] = np.zeros(space.n_nodes, np.float32)
                masks[name][space.nodes_on(name)] = 1.0
                told[name] = f"{len(members)} {kind}"
        if masks:
            io.write_fields(self._session.out / GROUPS, space, masks)
            self._session.result.content["groups"] = told

    def _labels(self, problem) -> dict:
        """What the fields are called, their units, and what moves the body in pictures."""
        data, told = self._session.scene.data, {}
        for found in quantities_of(problem):
            unit = getattr(data.units, found.unit, "") if found.unit else ""
            told[found.name] = {"label": found.label, "unit": unit} | ({"moves": True} if found.moves else {})
        return {"quantities": told, "deformation": data.pictures.deformation}


def table_of(head, rows, caption: str = "") -> Table:
    """Return rows of text as a table of the console; numbers stand to the right where there is a caption."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for i, name in enumerate(head):
        last_word = name == "status"
        table.add_column(escape(name), justify="right" if caption and i and not last_word else "left")
    for row in rows:
        table.add_row(*map(escape, row))
    if caption:
        table.caption, table.caption_justify = caption, "left"
    return table


def _observable_table(observables: dict) -> Table:
    """What was observed, beside what was expected."""
    references = any("reference" in entry for entry in observables.values())
    rows = []
    for name, entry in observables.items():
        row = [name, _number(entry["value"]) + _error(entry) + (f" {entry['unit']}" if "unit" in entry else ""), "", ""]
        if "reference" in entry and not isinstance(entry["value"], list):
            reference = entry["reference"]
            apart = (entry["value"] - reference) / abs(reference) if reference else entry["value"]
            row[2:] = [f"{reference:.6g}", f"{apart:+.2%}" if reference else f"{apart:+.2g}"]
        rows.append(row if references else row[:2])
    return table_of(("observed", "value", *(("reference", "difference") if references else ())), rows)


def _number(value) -> str:
    """A number or a vector in six digits."""
    return "(" + ", ".join(f"{v:.6g}" for v in value) + ")" if isinstance(value, list) else f"{value:.6g}"


def _error(entry) -> str:
    """The error that mesh and steps make, as it stands beside a number: its parts may cancel, and are not trusted to."""
    if "error" not in entry:
        return ""
    parts = [part for part in ("mesh", "step") if part in entry]
    size = sum(np.abs(entry[part]) for part in parts or ["error"])
    shown = "(" + ", ".join(f"{e:.2g}" for e in size) + ")" if np.ndim(size) else f"{size:.2g}"
    return f" ± {shown} ({', '.join(parts or ['mesh'])})"
