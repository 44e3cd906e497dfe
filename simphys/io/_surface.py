"""Surfaces for printers and CAD."""

import io
import pathlib
import zipfile

import numpy as np

from .._files import replacing
from .._typing import ArrayLike


UNITS = ("micron", "millimeter", "centimeter", "inch", "foot", "meter")
"""Units of length that 3MF knows."""


def write_surface(path, points: ArrayLike, triangles: ArrayLike, *, unit: str = "millimeter"):
    """Write a triangulated surface as STL (binary), OBJ or 3MF; the file appears only when it is complete.

    **Arguments:**

    - `path`: the file, ending in `.stl`, `.obj` or `.3mf`; its folder is made if need be.
    - `points`: (point, 3).
    - `triangles`: point numbers, (triangle, 3), counter-clockwise seen from outside.
    - `unit`: of the points, for 3MF, which states it: `micron`, `millimeter`, `centimeter`, `inch`, `foot` or `meter`.

    **Raises:** `ValueError` for another ending, unit or other shapes.

    Reference: 3MF Consortium, 3D Manufacturing Format Core Specification 1.3.
    """
    path = pathlib.Path(path)
    make = {".stl": _stl, ".obj": _obj, ".3mf": lambda points, triangles: _3mf(points, triangles, unit)}
    if path.suffix not in make:
        raise ValueError(f"`path` must end in .stl, .obj or .3mf, got {str(path)!r}.")
    if unit not in UNITS:
        raise ValueError(f"`unit` must be one of {', '.join(UNITS)}; got {unit!r}.")
    points, triangles = np.asarray(points, float), np.asarray(triangles)
    if points.ndim != 2 or points.shape[1] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3:
        raise ValueError(f"(point, 3) and (triangle, 3) expected, got {points.shape} and {triangles.shape}.")
    content = make[path.suffix](points, triangles)
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        stream.write(content)


def _stl(points, triangles):
    corners = points[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    kind = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    rows = np.zeros(len(triangles), kind)
    rows["normal"], rows["corners"] = normals / np.where(length > 0, length, 1.0), corners
    return b"simphys".ljust(80) + np.uint32(len(rows)).astype("<u4").tobytes() + rows.tobytes()


def _obj(points, triangles):
    lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in points.tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in (triangles + 1).tolist()]
    return ("\n".join(["# simphys", *lines]) + "\n").encode()


TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>'
)
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Target='
    '"/3D/3dmodel.model" Id="rel0" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>'
)
MODEL = (
    '<model unit="{}" xml:lang="en-US" xmlns="http://schemas.microsoft.com/3dmanufacturing/core/2015/02"><resources>'
    '<object id="1" type="model"><mesh><vertices>{}</vertices><triangles>{}</triangles></mesh></object></resources>'
    '<build><item objectid="1"/></build></model>'
)


def _3mf(points, triangles, unit):
    vertices = "".join(f'<vertex x="{x:.9g}" y="{y:.9g}" z="{z:.9g}"/>' for x, y, z in points.tolist())
    faces = "".join(f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in triangles.tolist())
    files = {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": RELATIONS,
        "3D/3dmodel.model": MODEL.format(unit, vertices, faces),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return stream.getvalue()
