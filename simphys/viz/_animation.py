"""Moving pictures."""

import itertools
import pathlib
from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.animation import FFMpegWriter
from matplotlib.figure import Figure
from PIL import Image

from .._files import replacing
from .._typing import ArrayLike
from ..fem import FunctionSpace
from ..grids import Grid
from ._body import body
from ._field import curve_axes
from ._page import plain_where_no_formula, style, with_unit
from ._picture import Look, body_axes
from ._values import array, colour_limits, drawn, scalar_samples


SHOWN = 800
"""Width of an animation, in pixels."""
REST = 1200
"""Milliseconds, at least, for which the last frame stays."""


def animation(
    space: FunctionSpace | Grid,
    values: Sequence,
    path,
    *,
    times: ArrayLike,
    displacements: Sequence | None = None,
    scale: float = 1.0,
    label: str = "",
    unit: str = "",
    length_unit: str = "",
    time_unit: str = "",
    limits=None,
    colormap: str = "viridis",
    mesh_lines: bool | None = None,
    view=None,
    title: str = "",
    seconds: float = 6.0,
) -> pathlib.Path:
    """Draw a field that changes in time as a GIF or MP4: on the body as it moves, or at rest; in 1-D as a curve over x.

    All frames share the colours' limits and the page's.

    **Arguments:**

    - `space`: the space of the field, of any elements; or a `Grid`.
    - `values`: for each frame one for each degree of freedom, of vectors the length is shown, or a `CellField` of shape
      (cell,); of a grid a `CellField` of it.
    - `path`: where it goes, ending in .gif, or in .mp4 where ffmpeg is installed.
    - `times`: of the frames, (frame,).
    - `displacements`: for each frame u, (node, dim); `scale`: what it is multiplied by.
    - `seconds`: how long it takes to play; a GIF is repeated for ever, after a rest on the last frame.
    - all others: as in [`field`][].

    **Returns:** the path.

    **Raises:** `ValueError` if something does not fit, or an .mp4 is wanted without ffmpeg.
    """
    path = pathlib.Path(path)
    check_movie(path)
    given, times = space, array("times", times, ("frame",))
    space, *values = drawn(given, *values)
    if len(values) != len(times) or (displacements is not None and len(displacements) != len(times)):
        raise ValueError(f"There are {len(times)} times, but {len(values)} frames.")
    moved = itertools.repeat(None)
    if displacements is not None:
        moved = (scale * np.asarray(u) for u in drawn(given, *displacements)[1:])
    shapes = [body(space, u) for u, _ in zip(moved, times, strict=False)]
    samples = [scalar_samples(space, shape.surface, "values", v) for shape, v in zip(shapes, values, strict=True)]
    limits = colour_limits(np.concatenate(samples), limits)
    whole = np.concatenate([np.stack([s.after.min(0), s.after.max(0)]) for s in shapes])
    look = Look(
        with_unit(label, unit), length_unit, "", "", limits, colormap, displacements is not None, mesh_lines, view,
        np.stack([whole.min(0), whole.max(0)]),
    )  # fmt: skip
    pictures = []
    with style():
        for t, shape, sample in zip(times, shapes, samples, strict=True):
            headline = f"{title}, t = {t:.3g} {time_unit}".strip(", ")
            if space.mesh.dim == 1:
                axes = curve_axes(space, shape, sample, None, limits, look.label, length_unit, headline)
            else:
                axes = body_axes(shape, sample, look._replace(title=headline))
            pictures.append(_rastered(axes.figure))
    each = max(round(1000 * seconds / len(pictures)), 30)
    rest = max(each, REST)
    with replacing(path) as temporary:
        if path.suffix.lower() == ".mp4":
            _save_mp4(pictures, temporary, each, rest)
        else:
            _save_gif(pictures, temporary, [each] * (len(pictures) - 1) + [rest], colormap)
    return path


def _rastered(figure) -> Image.Image:
    """A page as a picture of the animation's width."""
    plain_where_no_formula(figure)
    figure.canvas.draw()
    page = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
    return page.resize((SHOWN, round(SHOWN * page.height / page.width)), Image.Resampling.LANCZOS)


def check_movie(path: pathlib.Path):
    """Raise `ValueError` unless an animation can be written to a file of this name."""
    if path.suffix.lower() not in (".gif", ".mp4"):
        raise ValueError(f"`path` must end in .gif or .mp4, got {str(path)!r}.")
    if path.suffix.lower() == ".mp4" and not FFMpegWriter.isAvailable():
        raise ValueError(
            "an .mp4 needs ffmpeg, which is not found: install it so that it is on the PATH, set Matplotlib's "
            "`animation.ffmpeg_path`, or take .gif."
        )


def _save_mp4(pictures, path, each, rest):
    """H.264 by Matplotlib's writer, whose frames have sides of even numbers of pixels."""
    width, height = (2 * (max(side) // 2) for side in zip(*(picture.size for picture in pictures), strict=True))
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    writer = FFMpegWriter(fps=1000 / each, codec="h264", extra_args=["-pix_fmt", "yuv420p"])
    with writer.saving(figure, path, dpi=100):
        for picture in [*pictures, *[pictures[-1]] * (-(-rest // each) - 1)]:
            figure.clear()
            figure.figimage(np.asarray(picture)[:height, :width])
            writer.grab_frame()


def _save_gif(pictures, path, durations, colormap):
    """Write a GIF with one palette for all frames."""
    tall = max(picture.height for picture in pictures)
    sampled = pictures[:: max(len(pictures) // 6, 1)]
    strip = Image.new("RGB", (SHOWN, tall * len(sampled)), "white")
    for i, picture in enumerate(sampled):
        strip.paste(picture, (0, i * tall))
    palette = strip.quantize(72, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    own = np.asarray(palette.getpalette()).reshape(-1, 3)[:72]
    # The field's own colours, greys for what is written, and what else there is: bodies in the light.
    field = matplotlib.colormaps[colormap](np.linspace(0, 1, 150))[:, :3] * 255
    greys = np.linspace(30, 255, 32)[:, None].repeat(3, axis=1)
    palette.putpalette(np.concatenate([field, greys, own]).round().astype(int).ravel().tolist())
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    frames[0].save(
        path, format="GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0, optimize=True
    )
