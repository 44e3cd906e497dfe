"""Where scenes are: files and folders of one's own, and those that come with the package, by their names."""

import pathlib
import shutil

from ._error import SceneError, listing, nearest


FILE_NAME = "scene.toml"
_PACKAGE = pathlib.Path(__file__).parent.parent


def scene_name(file: pathlib.Path) -> str:
    """Return the name of a scene file's folder, or of the file itself if that is not `scene.toml`."""
    return file.resolve().parent.name if file.name == FILE_NAME else file.stem


def find_scene(path) -> pathlib.Path:
    """Return the scene file that a path means, or else one that comes with the package and has this name.

    **Raises:** `SceneError` if there is none.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        if (path / FILE_NAME).is_file():
            return path / FILE_NAME
        inside = sorted(p.name for p in path.glob("*.toml"))
        hint = f" It holds {listing(inside)}." if inside else ""
        if (path / FILE_NAME).is_dir() or path.suffix == ".toml":
            raise SceneError("a scene is a .toml file, and this is a folder.", file=_folder_in_place(path))
        raise SceneError(f"a folder without {FILE_NAME}.{hint}", file=path)
    if path.is_file() and path.suffix == ".toml":
        return path
    if path.is_file():
        raise SceneError("a scene is a .toml file, or a folder with a scene.toml.", file=path)
    shipped = shipped_scenes()
    if path.parts == (path.name,) and path.name in shipped:
        return shipped[path.name]
    if path.name in shipped:
        raise SceneError(f"no such scene. One of the name {path.name!r} comes with simphys: name it so.", file=path)
    known = [str(file.parent if file.name == FILE_NAME else file) for file in find_scenes(path.parent)]
    raise SceneError(f"no such scene.{nearest(str(path), [*known, *shipped])}", file=path)


def _folder_in_place(path):
    return path / FILE_NAME if (path / FILE_NAME).is_dir() else path


def find_scenes(folder) -> list[pathlib.Path]:
    """Return the scene files in a folder: its `scene.toml`, those of its subfolders, and its other TOML files."""
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        return []
    return sorted(file for file in {*folder.glob("*.toml"), *folder.glob(f"*/{FILE_NAME}")} if file.is_file())


def shipped_folder() -> pathlib.Path:
    """Return the folder of the scenes that come with the package; in a source tree they lie beside it."""
    installed = _PACKAGE / "_scenes"
    return installed if installed.is_dir() else _PACKAGE.parent / "scenes"


def shipped_scenes() -> dict[str, pathlib.Path]:
    """Return the scenes that come with the package, {name: file}."""
    return {file.parent.name: file for file in sorted(shipped_folder().glob(f"*/{FILE_NAME}"))}


def copy_scene(scene, folder) -> list[pathlib.Path]:
    """Copy a scene to a folder of your own, to edit it there.

    **Arguments:**

    - `scene`: name of a scene that comes with the package, or a folder with a scene.toml.
    - `folder`: where the copy goes; nothing may be there yet.

    **Returns:** the files written, the scene file first.

    **Raises:** `SceneError` if there is no such scene, or something is in the way.
    """
    file, folder = find_scene(scene), pathlib.Path(folder)
    if file.name != FILE_NAME:
        raise SceneError(f"a folder with a {FILE_NAME} expected: copy a single file by yourself.", file=file)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise SceneError("something is there already: a name for a new folder expected.", file=folder)
    if folder.resolve().is_relative_to(file.parent.resolve()):
        raise SceneError(f"this lies inside of {str(file.parent)!r}, which is to be copied.", file=folder)
    files = sorted(path for path in file.parent.rglob("*") if path.is_file() and path.parent.name != "__pycache__")
    copies = []
    for path in sorted(files, key=lambda path: path != file):
        copies.append(folder / path.relative_to(file.parent))
        copies[-1].parent.mkdir(parents=True, exist_ok=True)
        # Contents alone: what is installed may be write-protected, and a copy is there to be edited.
        shutil.copyfile(path, copies[-1])
    return copies
