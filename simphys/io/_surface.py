"""Surfaces for printers and CAD."""

import pathlib

import numpy as np

from .._files import replacing
from .._typing import ArrayLike


def write_surface(path, points: ArrayLike, triangles: ArrayLike):
    """Write a triangulated surface as binary STL; the file appears only when it is complete.

    **Arguments:**

    - `path`: the file, ending in `.stl`; its folder is made if need be.
    - `points`: (point, 3).
    - `triangles`: point numbers, (triangle, 3), counter-clockwise seen from outside.

    **Raises:** `ValueError` for another ending or other shapes.
    """
    path = pathlib.Path(path)
    if path.suffix != ".stl":
        raise ValueError(f"`path` must end in .stl, got {str(path)!r}.")
    points, triangles = np.asarray(points, float), np.asarray(triangles)
    if points.ndim != 2 or points.shape[1] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3:
        raise ValueError(f"(point, 3) and (triangle, 3) expected, got {points.shape} and {triangles.shape}.")
    corners = points[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    kind = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    rows = np.zeros(len(triangles), kind)
    rows["normal"], rows["corners"] = normals / np.where(length > 0, length, 1.0), corners
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        stream.write(b"simphys".ljust(80))
        stream.write(np.uint32(len(rows)).astype("<u4").tobytes())
        stream.write(rows.tobytes())
