"""Running examples: what they print, draw and compute."""

import contextlib
import io
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
from PIL import Image

from ._literate import cells_of, path_of


WIDTH = 640
"""Width of a picture, in pixels."""
COLOURS = 200


class Outcome(NamedTuple):
    """What came of an example.

    - `computed`, `reference`: the number that is checked, and what it is compared with.
    - `allowed`: by how much they may differ, relative to the reference.
    - `outputs`: of each cell of code what it printed, and its pictures as PNG.
    - `picture`: the last one.
    """

    computed: float
    reference: float
    allowed: float
    outputs: list[tuple[str, list[bytes]]]
    picture: bytes

    @property
    def good(self) -> bool:
        """Whether the number is as near to its reference as the example says."""
        return abs(self.computed - self.reference) <= self.allowed * abs(self.reference)


def play(name: str) -> Outcome:
    """Run an example cell by cell.

    **Raises:** `ValueError` for one that draws nothing, or defines no `computed`, `reference` and `allowed`.
    """
    scope: dict[str, Any] = {"__name__": "__main__", "__file__": str(path_of(name))}
    outputs, last = [], b""
    with plt.rc_context({"figure.constrained_layout.use": True, "axes.grid": True, "grid.alpha": 0.3}):
        plt.close("all")
        for cell in cells_of(name):
            if cell.text:
                continue
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                code = compile("\n" * cell.line + cell.source, str(path_of(name)), "exec")
                exec(code, scope)
            pictures = [png(plt.figure(number)) for number in plt.get_fignums()]
            plt.close("all")
            outputs.append((printed.getvalue(), pictures))
            last = pictures[-1] if pictures else last
    numbers = [scope.get(key) for key in ("computed", "reference", "allowed")]
    if not last or None in numbers:
        raise ValueError(f"{name} must draw a picture, and define `computed`, `reference` and `allowed`.")
    return Outcome(*map(float, numbers), outputs, last)


def png(figure) -> bytes:
    """Return a figure as a PNG of few colours."""
    raw, small = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png", dpi=WIDTH / figure.get_size_inches()[0], facecolor="white")
    image = Image.open(raw).convert("RGB")
    image.quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        small, format="PNG", optimize=True
    )
    return small.getvalue()
