"""Meshes that gmsh holds in memory, and geometries that it meshes."""

import contextlib
import os
import pathlib
import re

import numpy as np

from ._gmsh import KINDS, NodeIndex, size_of
from ._raw import Block, RawMesh, check_within
from ._size_field import SizeField


GEOMETRIES = (".geo", ".step", ".stp", ".brep", ".iges", ".igs")
"""Endings of the files that gmsh meshes."""

_NAME = "simphys reads"

# With a field of sizes nothing else has a say.
_ALONE = {
    "Mesh.MeshSizeExtendFromBoundary": 0.0, "Mesh.MeshSizeFromPoints": 0.0, "Mesh.MeshSizeFromCurvature": 0.0,
    "Mesh.MeshSizeMin": 0.0, "Mesh.MeshSizeMax": 1e22,
}  # fmt: skip

# What a script of gmsh may not do when its file is read: run programs, write files.
_REFUSED = r"\b(SystemCall|NonBlockingSystemCall|OnelabRun|Save|Print|CreateDir|DeleteDir|UnlinkFile|Exit)\b|\)\s*>"
_READING = r"\b(Merge|Include|Open|ShapeFromFile|BatchMerge|MergeFile|OpenFile)\b"


def read_model(gmsh) -> RawMesh:
    """Take over the mesh of the current model of gmsh.

    As in the files that gmsh writes, only what is in some physical group is taken, if there are any groups of its
    dimension; where only boundaries are in groups, the cells are all taken.

    **Arguments:**

    - `gmsh`: the module, initialised.

    **Raises:** `ValueError` if the model is not meshed.
    """
    if not gmsh.isInitialized():
        raise ValueError("gmsh is not initialised: there is no model.")
    model = gmsh.model
    names = {(dim, tag): model.getPhysicalName(dim, tag) or str(tag) for dim, tag in model.getPhysicalGroups()}
    tags, coordinates, _ = model.mesh.getNodes()
    tags, first = np.unique(np.asarray(tags, dtype=np.int64), return_index=True)
    points, index = np.reshape(coordinates, (-1, 3))[first], NodeIndex(tags)
    entities = model.getEntities()
    top = max((dim for dim, _ in entities), default=0)
    grouped = {dim for dim, _ in names} | set(range(top) if names else ())
    blocks = []
    for dim, entity in entities:
        groups = [names[dim, abs(int(tag))] for tag in model.getPhysicalGroupsForEntity(dim, entity)]
        if dim in grouped and not groups:
            continue
        for code, _, nodes in zip(*model.mesh.getElements(dim, entity), strict=True):
            table = index(np.asarray(nodes, dtype=np.int64).reshape(-1, size_of(int(code))))
            blocks.append(Block(KINDS[int(code)], table, {name: np.arange(len(table)) for name in groups}))
    if not blocks:
        raise ValueError("the model has no elements: call `gmsh.model.mesh.generate(dim)` first.")
    used, inverse = np.unique(np.concatenate([block.nodes.ravel() for block in blocks]), return_inverse=True)
    ends = np.cumsum([block.nodes.size for block in blocks])[:-1]
    renumbered = [
        block._replace(nodes=part.reshape(block.nodes.shape))
        for block, part in zip(blocks, np.split(inverse.ravel(), ends), strict=True)
    ]
    return RawMesh("gmsh", points[used], renumbered, {}, {}, False)


def mesh_geometry(path: pathlib.Path, size: float | SizeField | None, within: pathlib.Path | None) -> RawMesh:
    """Mesh a geometry with gmsh.

    **Arguments:**

    - `path`: a file with one of the `GEOMETRIES`.
    - `size`: largest edge of a cell, or a `SizeField`, which then decides alone; None for what the file or gmsh says.
    - `within`: folder outside which no file is read; a script that reads others is then refused.

    **Raises:** `ValueError` if gmsh is not installed or cannot mesh the file, or if a script runs programs or writes
    files.
    """
    try:
        import gmsh
    except (ModuleNotFoundError, OSError) as error:
        raise ValueError(f"meshing a geometry needs gmsh, `pip install simphys[gmsh]` ({error}).") from None
    if path.suffix.lower() == ".geo":
        _check_script(path.read_text(encoding="utf-8", errors="replace"), within)
    check_within(path, within)
    with _own_model(gmsh, size):
        try:
            gmsh.merge(os.fspath(path))
            dim = max((dim for dim, _ in gmsh.model.getEntities()), default=0)
            if isinstance(size, SizeField):
                _follow(gmsh, size, dim)
            gmsh.model.mesh.generate(dim)
        except Exception as error:  # gmsh raises nothing else
            raise ValueError(f"gmsh could not mesh it: {error}") from None
        return read_model(gmsh)


def _follow(gmsh, field, dim):
    """Let a field decide on the sizes of cells, whatever a script has said of them."""
    if field.mesh.dim != dim:
        raise ValueError(f"the size field is one of {field.mesh.dim} dimensions, the geometry has {dim}.")
    for name, value in _ALONE.items():
        gmsh.option.setNumber(name, value)
    view = gmsh.view.add(_NAME)
    gmsh.view.addListData(view, *field.listed())
    background = gmsh.model.mesh.field.add("PostView")
    gmsh.model.mesh.field.setNumber(background, "ViewTag", view)
    gmsh.model.mesh.field.setAsBackgroundMesh(background)


def _check_script(text, within):
    bare = re.sub(r'"[^"\n]*"', '""', re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL))
    if found := re.search(_REFUSED, bare):
        raise ValueError(f"its script says {found[0]!r}: scripts that run programs or write files are not read.")
    if within is not None and (found := re.search(_READING, bare)):
        raise ValueError(f"its script says {found[0]!r}: it may read no other files.")


@contextlib.contextmanager
def _own_model(gmsh, size):
    """A gmsh of its own, or beside the model and options of a user's."""
    before = gmsh.isInitialized()
    if not before:
        gmsh.initialize(readConfigFiles=False, interruptible=False)
    current = gmsh.model.getCurrent() if before else None
    chosen = _ALONE if isinstance(size, SizeField) else {} if size is None else {"Mesh.MeshSizeMax": float(size)}
    options, views = {"General.Terminal": 0.0} | chosen, set(gmsh.view.getTags()) if before else set()
    kept = {name: gmsh.option.getNumber(name) for name in options}
    try:
        for name, value in options.items():
            gmsh.option.setNumber(name, value)
        gmsh.model.add(_NAME)
        yield
    finally:
        gmsh.model.setCurrent(_NAME)
        gmsh.model.remove()
        for tag in set(gmsh.view.getTags()) - views:
            gmsh.view.remove(tag)
        for name, value in kept.items():
            gmsh.option.setNumber(name, value)
        if before:
            gmsh.model.setCurrent(current)
        else:
            gmsh.finalize()
