"""The body that is turned: its surface and its fields, packed into a few hundred kilobytes."""

import base64
import json
import pathlib
import string
import zlib
from typing import Any

import numpy as np

from .. import viz
from ..io import Fields, read_fields, read_series
from ._html import text


BUDGET = 16_000_000
"""Bytes that the data of a view may take, packed."""
MOST_FIELDS, MOST_GROUPS = 8, 16
SEEN = 0.25
"""Displacement at the end of the slider, relative to the body's size."""
BITS = (16, 12, 10)
"""Of a value in its range: as many as there is room for."""


class Packed:
    """Arrays one behind the other, each with its place; what changes slowly is packed by its differences."""

    def __init__(self):
        self.parts: list[dict] = []
        self._bytes: list[bytes] = []

    def add(self, array: np.ndarray) -> int:
        """Add whole or real numbers as they are, whole ones of 16 bits by their differences; return its number."""
        array = np.ascontiguousarray(array)
        kind = {"f": "f32", "u": "u32"}[array.dtype.kind] if array.dtype.itemsize == 4 else "d16"
        if kind == "d16":
            steps = np.diff(array.ravel(), prepend=np.uint16(0))
            data = (steps >> 8).astype(np.uint8).tobytes() + (steps & 255).astype(np.uint8).tobytes()
        else:
            data = array.ravel().tobytes()
        start = sum(map(len, self._bytes))
        self.parts.append({"kind": kind, "start": start, "count": int(array.size)})
        # Of four bytes each array begins at a multiple of four.
        self._bytes.append(data + bytes(-len(data) % 4))
        return len(self.parts) - 1

    def text(self) -> str:
        """Return all of it, compressed, as text."""
        return base64.b64encode(zlib.compress(b"".join(self._bytes), 6)).decode()


def view_of(folder: pathlib.Path, content: dict) -> tuple[dict, str, str] | None:
    """Return what is to be known of a view, its data, and a remark; None where there is nothing to turn.

    **Raises:** `ValueError` for files that cannot be read.
    """
    if content.get("part"):
        return _part(folder / content["part"])
    name = content.get("fields")
    if not name or not (folder / name).is_file():
        return None
    files = read_series(folder / name) if name.endswith(".pvd") else [(0.0, folder / name)]
    frames = [(at, read_fields(file)) for at, file in files if file.is_file()]
    if not frames or frames[0][1].mesh.dim == 1:
        return None
    frames = [frame for frame in frames if frame[1].mesh.n_points == frames[0][1].mesh.n_points]
    return _fitted(frames, content, _groups(folder, content, frames[0][1].mesh))


def _groups(folder, content, mesh) -> dict[str, np.ndarray]:
    """Numbers that are 1 at the nodes of a group, by what is to be said of it."""
    told, file = content.get("groups"), folder / "groups.vtu"
    if not isinstance(told, dict) or not file.is_file():
        return {}
    found = read_fields(file)
    if found.mesh.n_points != mesh.n_points:
        return {}
    known = [(name, text) for name, text in told.items() if name in found.points][:MOST_GROUPS]
    return {f"group {name} ({text})": found.points[name].astype(float) for name, text in known}


def _fitted(frames, content, groups):
    """As many bits, and as many frames, as the budget allows."""
    every, kept = len(frames), frames
    while True:
        for bits in BITS:
            meta, data = _pack(kept, content, groups, bits)
            if len(data) <= BUDGET or (len(kept) == 1 and bits == BITS[-1]):
                remark = "" if len(kept) == every else f"{len(kept)} of {every} states are kept here."
                return meta, data, remark
        kept = kept[::-2][::-1]


def _pack(frames, content, groups, bits):
    names, moving = _names(frames[0][1], content)
    deformation = float(content.get("deformation", 1.0))
    first = frames[0][1]
    moves = [fields.points[moving][:, :3] for _, fields in frames] if moving else []
    seen = viz.Seen(first.mesh, *moves[-1:], apart=any(where == "cell" for _, where in names))
    packed, view = Packed(), seen.view
    meta: dict[str, Any] = {
        "levels": 2**bits - 2,
        "positions": packed.add(view.positions.astype(np.float32)),
        "triangles": packed.add(view.triangles.astype(np.uint32)),
        "lines": packed.add(view.lines.astype(np.uint32)),
        "times": [float(at) for at, _ in frames],
        "flat": first.mesh.dim == 2,
        "fields": [],
        "box": _box(view.positions, *(view.positions + deformation * seen.nodal(u) for u in moves)),
    }
    if moving:
        largest = max(float(np.nanmax(np.linalg.norm(u, axis=1))) for u in moves)
        size = float(np.linalg.norm(np.ptp(view.positions, axis=0)))
        meta["most"] = max(5.0, 2 * deformation, SEEN * size / largest if largest > 0 else 5.0)
        meta["deformation"] = deformation
        meta["moved"] = [_quantised(packed, np.stack([seen.nodal(u)[:, k] for u in moves]), bits) for k in range(3)]
    for name, where in names:
        values = np.stack([_values(seen, fields, name, where) for _, fields in frames])
        told = content.get("quantities", {}).get(name, {})
        label = told.get("label") or name.replace("_", " ")
        meta["fields"].append(
            {"name": name, "label": label, "unit": told.get("unit", ""), **_quantised(packed, values, bits)}
        )
    for label, values in groups.items():
        found = _quantised(packed, seen.nodal(values)[None], bits)
        found["frames"] *= len(frames)
        meta["fields"].append({"name": label, "label": label, "unit": "", **found})
    meta["parts"] = packed.parts
    return meta, packed.text()


def _box(*positions) -> list[list[float]]:
    """Lowest and highest coordinates of all."""
    every = np.concatenate([each[np.all(np.isfinite(each), axis=1)] for each in positions])
    return [every.min(axis=0).tolist(), every.max(axis=0).tolist()]


def _names(fields: Fields, content):
    """Fields to be shown, nodal ones before those of cells, what a picture shows first; and what moves the body."""
    told = content.get("quantities", {})
    moving = next((name for name in fields.points if told.get(name, {}).get("moves")), None)
    if moving is None and not told and "displacement" in fields.points:
        moving = "displacement"
    scalar = lambda values: values.ndim == 1 or values.shape[1] <= 3
    names = [(name, "node") for name, values in fields.points.items() if scalar(values)]
    if not names:
        names = [(name, "cell") for name, values in fields.cells.items() if scalar(values)]
    pictured = {pathlib.Path(picture).stem: i for i, picture in enumerate(content.get("pictures", ()))}
    return sorted(names, key=lambda each: pictured.get(each[0], len(pictured)))[:MOST_FIELDS], moving


def _values(seen, fields, name, where):
    values = (fields.points if where == "node" else fields.cells)[name].astype(float)
    if where == "node":
        values = seen.nodal(values)
        return np.linalg.norm(values, axis=1) if values.ndim > 1 else values
    return seen.cellwise(np.linalg.norm(values, axis=1) if values.ndim > 1 else values)


def _quantised(packed: Packed, values: np.ndarray, bits: int) -> dict:
    """Range and places of (frame, corner) values; the last number of all stands for what is not finite."""
    finite = np.isfinite(values)
    low, high = (float(f(values[finite])) if finite.any() else 0.0 for f in (np.min, np.max))
    # An end that is rounding of the other one is read as 0.
    low, high = (0.0 if abs(end) < 1e-12 * (high - low) else end for end in (low, high))
    whole = np.round((np.clip(np.where(finite, values, low), low, high) - low) / ((high - low) or 1.0) * (2**bits - 2))
    whole = np.where(finite, whole, 2**bits - 1).astype(np.uint16)
    return {"low": low, "high": high, "frames": [packed.add(frame) for frame in whole]}


def _part(path: pathlib.Path):
    """The surface of a part, as it goes to a printer."""
    triangles = _read_stl(path)
    corners, number = np.unique(triangles.reshape(-1, 3), axis=0, return_inverse=True)
    packed = Packed()
    meta = {
        "levels": 1,
        "positions": packed.add(corners.astype(np.float32)),
        "triangles": packed.add(number.reshape(-1, 3).astype(np.uint32)),
        "lines": packed.add(np.zeros((0, 2), np.uint32)),
        "times": [0.0],
        "flat": False,
        "box": _box(corners),
        "fields": [],
    }
    meta["parts"] = packed.parts
    return meta, packed.text(), ""


def _read_stl(path) -> np.ndarray:
    data = path.read_bytes()
    row = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("more", "<u2")])
    count = int.from_bytes(data[80:84], "little")
    if len(data) < 84 + count * row.itemsize or data[:5] == b"solid":
        raise ValueError(f"{path}: a binary STL file expected.")
    return np.frombuffer(data, row, count, 84)["corners"]


def colours(name: str = "viridis") -> list[int]:
    """Return 256 colours of a colour map, three bytes each."""
    from matplotlib import colormaps

    return (np.asarray(colormaps[name](np.linspace(0, 1, 256)))[:, :3] * 255).round().astype(int).ravel().tolist()


def html_of(meta: dict, data: str, remark: str) -> str:
    """Return the view with all that it is led by; what is read is text, also without a script."""
    last, fields = len(meta["times"]) - 1, meta["fields"]
    attribute = lambda wanted: "" if wanted else " hidden"
    entry = '<li data-field="{}" data-low="{!r}" data-high="{!r}">{}: {:.6g} to {:.6g}</li>'
    ranges = [entry.format(text(f["name"]), f["low"], f["high"], text(_named(f)), f["low"], f["high"]) for f in fields]
    template = string.Template((pathlib.Path(__file__).parent / "view.html").read_text(encoding="utf-8"))
    return template.substitute(
        coloured=attribute(fields),
        moving=attribute("moved" in meta),
        lasting=attribute(last),
        solid=attribute(not meta["flat"]),
        options="".join(f'<option value="{i}">{text(_named(f))}</option>' for i, f in enumerate(fields)),
        last=last,
        start=f"{1000 * (meta.get('deformation', 0) / meta.get('most', 1)) ** 0.5:.6g}",
        remark=text(remark),
        ranges="".join(ranges),
        meta=_json(meta | {"colours": colours()}),
        data=data,
    )


def _named(field):
    return f"{field['label']} ({field['unit']})" if field["unit"] else field["label"]


def _json(value) -> str:
    """JSON that may stand within a page."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
