"""Literate scripts in the percent format: cells of text and of code."""

import pathlib
from typing import NamedTuple


FOLDER = pathlib.Path(__file__).parent


class Cell(NamedTuple):
    """A cell; `line` is where its source begins in the file, from 0."""

    text: bool
    source: str
    line: int


def path_of(name: str) -> pathlib.Path:
    """Return the file of an example."""
    return FOLDER / f"{name}.py"


def cells_of(name: str) -> list[Cell]:
    """Return the cells of an example."""
    found, lines = [], path_of(name).read_text(encoding="utf-8").splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("# %%")]
    for begin, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        text, source = "[markdown]" in lines[begin], lines[begin + 1 : end]
        if text:
            source = [line.removeprefix("#").removeprefix(" ") for line in source]
        found.append(Cell(text, "\n".join(source).strip("\n"), begin + 1))
    return found


class Told(NamedTuple):
    """What an example says of itself: its title, the problem in a sentence or two, the equation, and the code's lines."""

    title: str
    problem: str
    equation: str
    code: str
    check: str


def told(name: str) -> Told:
    """Return what an example says of itself.

    The first cell is a title, a problem and an equation that stands indented; the last but one says what the number is
    compared with.
    """
    cells = cells_of(name)
    head, *body = cells[0].source.split("\n\n")
    equation = [part for part in body if part.startswith("    ")]
    problem = [part for part in body if not part.startswith("    ")]
    code = "\n\n".join(cell.source for cell in cells if not cell.text)
    check = " ".join([cell.source for cell in cells if cell.text][-1].split())
    return Told(head.removeprefix("# "), "\n\n".join(problem), "\n\n".join(equation), code, check)
