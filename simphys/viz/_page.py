"""Figures that belong to no window, sized in pixels, and written to disk in one step."""

import contextlib
import contextvars
import pathlib
from typing import Any

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser
from matplotlib.text import Text

from .._files import replacing


DPI = 200
WIDTH = 1600
"""Width of a picture, in pixels."""
INK, GREY, FAINT = "#1f2328", "#6e7781", "#d0d7de"
COLOURS = ("#0b5fa5", "#d1495b", "#2a9d6f", "#e09f3e", "#7b4ea3", "#4f5d75")
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "legend.fontsize": 9,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "axes.formatter.use_mathtext": True,
    "axes.formatter.limits": (-3, 4),
    "axes.formatter.useoffset": False,
    "axes.unicode_minus": True,
    "text.usetex": False,
}


_PYPLOT = contextvars.ContextVar("pyplot", default=False)


@contextlib.contextmanager
def style(pyplot: bool = False):
    """The look of every picture, whatever the user has set for their own; `pyplot`: new figures are pyplot's."""
    token = _PYPLOT.set(pyplot)
    try:
        with matplotlib.rc_context():
            # These leave the backend alone, which would otherwise be looked for and load pyplot.
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(_STYLE)
            yield
    finally:
        _PYPLOT.reset(token)


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """A figure of some size in pixels, which belongs to no window unless pyplot's are wanted: those have half of them."""
    size = (width / DPI, height / DPI)
    if _PYPLOT.get():
        from matplotlib import pyplot

        return pyplot.figure(figsize=size, dpi=DPI / 2, facecolor="white")
    figure = Figure(figsize=size, dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def place(figure: Figure, left: float, bottom: float, width: float, height: float, **options):
    """Add axes at a rectangle in pixels, measured from the lower left corner of the figure."""
    full_width, full_height = figure.get_size_inches() * DPI
    box = (left / full_width, bottom / full_height, width / full_width, height / full_height)
    return figure.add_axes(box, **options)


FORMATS = (".png", ".svg", ".pdf")


def picture_path(path) -> pathlib.Path:
    """Check where a picture is to go; `ValueError` unless the name ends in .png, .svg or .pdf."""
    path = pathlib.Path(path)
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"`path` must end in .png, .svg or .pdf, got {str(path)!r}.")
    return path


def save(figure: Figure, path: pathlib.Path) -> pathlib.Path:
    """Write a figure in the format that its path names; the file appears only when it is complete."""
    plain_where_no_formula(figure)
    kind = path.suffix.lower()[1:]
    undated = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with replacing(path) as temporary, matplotlib.rc_context({"svg.hashsalt": "simphys"}):
        figure.savefig(temporary, format=kind, dpi=DPI, facecolor="white", metadata=undated[kind])
    return path


def plain_where_no_formula(figure: Figure):
    """Show text as it stands where dollar signs in it enclose no formula that Matplotlib can set."""
    parser = MathTextParser("agg")
    for text in figure.findobj(Text):
        if "$" not in text.get_text():
            continue
        try:
            parser.parse(text.get_text())
        except ValueError:
            text.set_parse_math(False)


def with_unit(label: str, unit: str) -> str:
    """An axis label: the quantity and, in parentheses, its unit."""
    return f"{label} ({unit})" if label and unit else label or unit
