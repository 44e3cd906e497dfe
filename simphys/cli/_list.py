"""`simphys list` and `simphys new`: which scenes there are, and copies of them."""

import pathlib
import shlex

import typer
from rich.console import Console
from rich.text import Text

from ..scene import (
    SceneError,
    copy_scene,
    find_scene,
    find_scenes,
    load,
    scene_name,
    shipped_folder,
    shipped_scenes,
)
from ._ending import file_trouble


HERE = pathlib.Path("scenes")


def list_scenes(folder: pathlib.Path | None):
    """Print the scenes in a folder, what can be done with each, and its title.

    Without a folder, those in `./scenes` and those that come with the package, by the names they are called by.
    """
    files = {_path(file): file for file in find_scenes(HERE if folder is None else folder)}
    if folder is None and not (files and HERE.samefile(shipped_folder())):
        files |= shipped_scenes()
    if not files:
        where = str(HERE if folder is None else folder)
        typer.echo(f"No scenes in {where!r}: a scene is a .toml file, or a folder with a scene.toml.", err=True)
        raise typer.Exit(2)
    rows = [_row(name, file) for name, file in files.items()]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    console = Console(soft_wrap=True, highlight=False)
    for path, use, title in rows:
        console.print(Text.assemble((f"{path:{widths[0]}}  ", "bold"), f"{use:{widths[1]}}  ", title))


def new_scene(scene: pathlib.Path, folder: pathlib.Path | None):
    """Copy a scene, and say what was written."""
    folder = pathlib.Path(scene_name(find_scene(scene))) if folder is None else folder
    copies = copy_scene(scene, folder)
    others = f", and {len(copies) - 1} more" if len(copies) > 1 else ""
    typer.echo(f"written: {copies[0]}{others}. Edit it, then: simphys run {shlex.quote(str(folder))}")


def _path(file):
    return str(file.parent if file.name == "scene.toml" else file)


def _row(path, file):
    try:
        data = load(file).data
    except SceneError as error:
        return path, "invalid", str(error).splitlines()[0]
    except OSError as error:
        return path, "unreadable", file_trouble(error)
    uses = ["run", *(name for name in ("fit", "design") if getattr(data, name))]
    return path, ", ".join(uses), data.title
