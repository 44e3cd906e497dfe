"""Moving pictures."""

import itertools
import os
import pathlib
from collections.abc import Sequence

import matplotlib
import numpy as np
from PIL import Image

from .._typing import ArrayLike
from ..fem import FunctionSpace
from ._body import body
from ._field import curve_figure
from ._page import style, with_unit
from ._picture import Look, body_figure
from ._values import array, check_space, colour_limits, scalar_samples


SHOWN = 800
"""Width of an animation, in pixels."""


def animation(
    space: FunctionSpace,
    values: Sequence,
    path,
    *,
    times: ArrayLike,
    displacements: Sequence | None = None,
    scale: float = 1.0,
    label: str = "",
    unit: str = "",
    length_unit: str = "mm",
    time_unit: str = "",
    limits=None,
    colormap: str = "viridis",
    mesh_lines: bool | None = None,
    view=None,
    title: str = "",
    seconds: float = 6.0,
) -> pathlib.Path:
    """Draw a field that changes in time as a GIF: on the body as it moves, or at rest; in 1-D as a curve over x.

    All frames share the colours' limits and the page's.

    **Arguments:**

    - `space`: the space of the field.
    - `values`: for each frame nodal values (node,), vectors (node, component) of which the length is shown, or a
      `CellField` of shape (cell,).
    - `path`: where it goes, ending in .gif.
    - `times`: of the frames, (frame,).
    - `displacements`: for each frame u, (node, dim); `scale`: what it is multiplied by.
    - `seconds`: how long it takes to play; it is repeated for ever, after a rest on the last frame.
    - all others: as in [`field`][].

    **Returns:** the path.

    **Raises:** `ValueError` if something does not fit.
    """
    path = pathlib.Path(path)
    if path.suffix.lower() != ".gif":
        raise ValueError(f"`path` must end in .gif, got {str(path)!r}.")
    space, times = check_space(space), array("times", times, ("frame",))
    if len(values) != len(times) or (displacements is not None and len(displacements) != len(times)):
        raise ValueError(f"There are {len(times)} times, but {len(values)} frames.")
    moved = itertools.repeat(None) if displacements is None else (scale * np.asarray(u) for u in displacements)
    shapes = [body(space, u) for u, _ in zip(moved, times, strict=False)]
    samples = [_samples(space, shape.surface, v) for shape, v in zip(shapes, values, strict=True)]
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
                figure = curve_figure(space, shape, sample, None, limits, look.label, length_unit, headline)
            else:
                figure = body_figure(shape, sample, look._replace(title=headline))
            figure.canvas.draw()
            whole_page = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
            height = round(SHOWN * whole_page.height / whole_page.width)
            pictures.append(whole_page.resize((SHOWN, height), Image.Resampling.LANCZOS))
    return _save(pictures, path, seconds, colormap)


def _samples(space, surface, values):
    if getattr(values, "ndim", 1) == 2:
        return np.linalg.norm(surface.nodal(space, np.asarray(values)), axis=1)
    return scalar_samples(space, surface, "values", values)


def _save(pictures, path, seconds, colormap):
    """Write a GIF with one palette for all frames; the file appears only when it is complete."""
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
    each = max(round(1000 * seconds / len(frames)), 30)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        rest = [each] * (len(frames) - 1) + [max(each, 1200)]
        frames[0].save(
            temporary, format="GIF", save_all=True, append_images=frames[1:], duration=rest, loop=0, optimize=True
        )
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
