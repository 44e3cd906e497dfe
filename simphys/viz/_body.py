"""Images of bodies: what covers each pixel, its colour and its light, and the lines drawn on top."""

from typing import NamedTuple

import numpy as np
from matplotlib import colors

from ..fem import FunctionSpace
from ._lines import cell_edges, corner_normals, merge, triangle_normals, unit, visible
from ._page import GREY, INK
from ._paint import painted
from ._raster import Buffer, barycentric, rasterise
from ._surface import BAR, Patchwork, Surface, bar, surface


FINER = 2
"""Samples per pixel and direction."""
_LIGHT = np.array([-0.35, 0.5, 0.79])
_DARKEST = 0.76
_BIAS = 4e-3
"""Depth, relative to the picture, by which a surface must be nearer to hide a line."""
_MISSING = "#b8b8b8"
_NO_LINES = np.empty((0, 2, 2))


class Body(NamedTuple):
    """A body before and after it is deformed, as triangles; in 2-D they lie in the plane.

    - `surface`: where its samples are.
    - `before`, `after`: positions of the samples, (sample, 2 or 3).
    - `triangles`, `rims`, `beside`: as in `Surface`.
    - `strip`: whether it stands for a 1-D body, each sample occurring twice.
    """

    surface: Surface | Patchwork
    before: np.ndarray
    after: np.ndarray
    triangles: np.ndarray
    rims: np.ndarray
    beside: np.ndarray
    strip: bool


class Frame(NamedTuple):
    """How camera coordinates become pixels: column = scale (right − left), row = scale (up − bottom)."""

    left: float
    bottom: float
    scale: float
    width: int
    height: int

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Column, row and depth of projected points (…, 3), all in pixels."""
        return (points - np.array([self.left, self.bottom, 0.0])) * self.scale

    @property
    def limits(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Limits of the axes the image fills."""
        return (
            (self.left, self.left + self.width / self.scale),
            (self.bottom, self.bottom + self.height / self.scale),
        )


class Rendering(NamedTuple):
    """An image (row, column, 4), lowest row first, and lines (part, 2, 2) in the coordinates of the axes."""

    image: np.ndarray
    edges: np.ndarray
    cells: np.ndarray
    outline: np.ndarray


def body(space: FunctionSpace, displacement: np.ndarray | None) -> Body:
    """Cut the body up, and move it by the displacement."""
    seen = surface(space)
    before = seen.positions(space)
    moved = np.zeros_like(before) if displacement is None else seen.nodal(space, displacement)
    if before.shape[1] > 1:
        return Body(seen, before, before + moved, seen.triangles, seen.rims, seen.beside, False)
    height = BAR * np.ptp(before)
    strip, triangles, rims, beside = bar(seen, before, height)
    shifted, *_ = bar(seen, before + moved, height)
    return Body(seen, strip, shifted, triangles, rims, beside, True)


def render(body: Body, camera, frame: Frame, values: np.ndarray, colormap, norm, *, outline, mesh_lines) -> Rendering:
    """Draw a body.

    **Arguments:**

    - `values`: numbers to colour by, at the samples.
    - `colormap`, `norm`: a Matplotlib colour map and what scales numbers to it.
    - `outline`: whether to draw the outline of the body before it was deformed.
    - `mesh_lines`: whether to draw the edges of cells; None: where they are far enough apart.
    """
    fine = frame._replace(scale=frame.scale * FINER, width=frame.width * FINER, height=frame.height * FINER)
    before, after = camera.project(body.before), camera.project(body.after)
    solid = body.before.shape[1] == 3
    corners = fine.pixels(after)[body.triangles]
    buffer = rasterise(corners, fine.height, fine.width)
    ids = merge(body.before)
    reference = unit(triangle_normals(before, body.triangles))
    normals = corner_normals(body.triangles, ids, reference, triangle_normals(after, body.triangles)) if solid else None

    def paint(number, x, y):
        weights = barycentric(corners, number, x, y)
        colour = _colours(values, body.triangles[number], weights, colormap, norm)
        if normals is not None:
            colour *= _light(np.einsum("pk,pki->pi", weights, normals[number]))[:, None]
        return colour

    image = painted(buffer.triangle, FINER, paint, _creases(buffer, fine) if solid else None, colors.to_rgb(INK))
    lines, sharp = cell_edges(body.rims, body.beside, ids, reference, body.before)
    shown, rest = lines[sharp], lines[~sharp]
    hiding = [buffer] if solid else []
    edges = _seen(after, shown, fine, hiding)
    wanted = _show_cells(mesh_lines, frame, after, rest, body)
    cells = _seen(after, rest, fine, hiding) if wanted else _NO_LINES
    ghost = _NO_LINES
    if outline:
        own = [rasterise(fine.pixels(before)[body.triangles], fine.height, fine.width)] if solid else []
        ghost = _seen(before, shown, fine, hiding + own)
    return Rendering(image, edges, cells, ghost)


def _seen(points, lines, fine, hiding):
    """The parts of some lines that are not hidden, in the coordinates of the axes."""
    parts = visible(fine.pixels(points)[lines], hiding, _BIAS * max(fine.width, fine.height))
    return parts / fine.scale + np.array([fine.left, fine.bottom])


def _colours(values, triangles, weights, colormap, norm):
    at = np.einsum("pk,pk->p", weights, values[triangles])
    colour = colormap(norm(at))[:, :3]
    colour[~np.isfinite(at)] = colors.to_rgb(_MISSING)
    return colour


def _light(normals):
    """Brightness of a matt surface, lit alike on both sides: a body may be turned inside out."""
    towards = np.where(normals[:, 2] < 0, -1.0, 1.0) * (normals @ (_LIGHT / np.linalg.norm(_LIGHT)))
    length = np.sqrt(np.einsum("pi,pi->p", normals, normals))
    cosine = np.clip(towards / np.where(length == 0, 1.0, length), 0.0, 1.0)
    return _DARKEST + (1 - _DARKEST) * cosine


def _creases(buffer: Buffer, fine: Frame):
    """Samples at which one part of the body ends in front of another, or of the background.

    There the depth drops by more than it does across the pixel on the other side, which tells an end from a
    steep face.
    """
    depth = np.pad(buffer.depth.astype(np.float32), 1, constant_values=-np.inf)
    mark = np.zeros(depth.shape, dtype=bool)
    jump = np.float32(8e-3 * max(fine.width, fine.height))
    for axis in (0, 1):
        marked = mark.swapaxes(0, axis)[1:-1, 1:-1]
        with np.errstate(invalid="ignore"):
            rises = np.diff(depth.swapaxes(0, axis)[:, 1:-1], axis=0)
            for drop, other in ((rises[:-1], rises[1:]), (-rises[1:], rises[:-1])):
                slope = np.where(np.isfinite(other), np.abs(other), np.float32(0.0))
                marked |= drop > jump + 4 * slope
    for axis in (0, 1):
        mark |= np.roll(mark, 1, axis) | np.roll(mark, -1, axis)
    return mark[1:-1, 1:-1] & (buffer.triangle >= 0)


def _show_cells(wish, frame, points, lines, body):
    if wish is not None or not len(lines):
        return bool(wish)
    pieces = max(1, round(len(body.rims) / (len(body.surface.cells) * 3)))
    length = np.linalg.norm(np.diff(frame.pixels(points)[lines], axis=1)[:, 0, :2], axis=1)
    return np.median(length) * pieces > 18


LINE_STYLES = {
    "outline": dict(colors=GREY, linewidths=0.9, capstyle="round", joinstyle="round", snap=False),
    "cells": dict(colors=INK, linewidths=0.35, alpha=0.45, snap=False),
    "edges": dict(colors=INK, linewidths=0.9, capstyle="round", joinstyle="round", snap=False),
}
