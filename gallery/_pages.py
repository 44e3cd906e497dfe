"""The page of the docs, and notebooks, made of examples and what came of them."""

import base64
import json
import pathlib
import re

from . import FAMILIES, NOTEBOOKS
from ._literate import FOLDER, cells_of, told
from ._play import Outcome


DOCS = FOLDER.parent / "docs"
NUMBERS = FOLDER / "_numbers.json"
COLUMNS = 3
INTRODUCTION = """# Gallery

Short examples, each with one picture and one number, which tests compare with a closed form, a published value or a
refinement. `python -m gallery` runs them all and makes this page. `gallery/*.py` are literate scripts that open as
notebooks with [jupytext](https://jupytext.readthedocs.io); some stand as notebooks in `gallery/notebooks`, too.
"""


def names() -> list[str]:
    """Return all examples in order."""
    return [name for family in FAMILIES.values() for name in family]


def numbers() -> dict[str, list[float]]:
    """Return what examples computed when the page was made, and their references."""
    return json.loads(NUMBERS.read_text(encoding="utf-8")) if NUMBERS.exists() else {}


def page() -> str:
    """Return the page: pictures by family, then each example."""
    known, lines = numbers(), [INTRODUCTION]
    for family, members in FAMILIES.items():
        lines += [f"## {family}", ""]
        for begin in range(0, len(members), COLUMNS):
            row = members[begin : begin + COLUMNS]
            link = lambda name: f"[{told(name).title}](#{slug(told(name).title)})"
            pad = lambda cells: "| " + " | ".join([*cells, *[""] * (COLUMNS - len(cells))]) + " |"
            lines += [pad([f"![{told(name).title}](gallery/{name}.png)" for name in row]), pad(["---"] * COLUMNS)]
            lines += [pad([link(name) for name in row]), ""]
    lines += ["## The examples", ""]
    for name in names():
        lines += section(name, *known.get(name, (float("nan"), float("nan"))))
    return "\n".join(lines)


def section(name: str, computed: float, reference: float) -> list[str]:
    """Return what the page says of an example."""
    about = told(name)
    also = f", `gallery/notebooks/{name}.ipynb`" if name in NOTEBOOKS else ""
    checked = f"{about.check} Computed: {computed:.5g}; reference: {reference:.5g}."
    lines = [f"### {about.title}", "", about.problem, "", f"```text\n{dedented(about.equation)}\n```", ""]
    lines += [f"![{about.title}](gallery/{name}.png)", "", checked, "", f"`gallery/{name}.py`{also}", ""]
    return [*lines, f"```py\n{about.code}\n```", ""]


def dedented(text: str) -> str:
    """Return an equation without its indent."""
    return re.sub(r"(?m)^    ", "", text)


def slug(title: str) -> str:
    """Return the anchor of a title, as GitHub and mkdocs make it of letters, digits and blanks."""
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def notebook(name: str, outcome: Outcome | None) -> str:
    """Return an example as a notebook (nbformat 4.5), with what it printed and drew."""
    outputs, cells = iter(outcome.outputs if outcome else ()), []
    for number, cell in enumerate(cells_of(name)):
        source = dedented_lines(cell.source)
        entry = {"cell_type": "markdown" if cell.text else "code", "id": f"{name}-{number}", "metadata": {}}
        entry["source"] = source
        if not cell.text:
            printed, pictures = next(outputs, ("", []))
            entry |= {"execution_count": None, "outputs": shown(printed, pictures)}
        cells.append(entry)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    about = {"kernelspec": kernel, "language_info": {"name": "python"}}
    whole = {"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def dedented_lines(source: str) -> list[str]:
    """Return lines with their ends, as notebooks store them."""
    return source.splitlines(keepends=True)


def shown(printed: str, pictures: list[bytes]) -> list[dict]:
    """Return the outputs of a cell."""
    found: list[dict] = []
    if printed:
        found.append({"output_type": "stream", "name": "stdout", "text": dedented_lines(printed)})
    for picture in pictures:
        data = {"image/png": base64.b64encode(picture).decode()}
        found.append({"output_type": "display_data", "data": data, "metadata": {}})
    return found


def write(name: str, outcome: Outcome):
    """Write the picture of an example, its notebook, and its numbers."""
    put(DOCS / "gallery" / f"{name}.png", outcome.picture)
    known = numbers() | {name: [float(f"{outcome.computed:.6g}"), float(f"{outcome.reference:.6g}")]}
    NUMBERS.write_text(json.dumps({n: known[n] for n in names() if n in known}, indent=1) + "\n", encoding="utf-8")
    if name in NOTEBOOKS:
        put(FOLDER / "notebooks" / f"{name}.ipynb", notebook(name, outcome).encode())


def put(path: pathlib.Path, content: bytes):
    """Write a file, and its folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
