"""`simphys list`."""

import pathlib

import typer
from rich.console import Console
from rich.text import Text

from ..scene import SceneError, find_scenes, load
from ._ending import file_trouble


def list_scenes(folder: pathlib.Path):
    """Print the scenes in a folder, what can be done with each, and its title."""
    files = find_scenes(folder)
    if not files:
        typer.echo(f"No scenes in {str(folder)!r}: a scene is a .toml file, or a folder with a scene.toml.", err=True)
        raise typer.Exit(2)
    rows = [_row(file) for file in files]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    console = Console(soft_wrap=True, highlight=False)
    for path, use, title in rows:
        console.print(Text.assemble((f"{path:{widths[0]}}  ", "bold"), f"{use:{widths[1]}}  ", title))


def _row(file):
    path = str(file.parent if file.name == "scene.toml" else file)
    try:
        data = load(file).data
    except SceneError as error:
        return path, "invalid", str(error).splitlines()[0]
    except OSError as error:
        return path, "unreadable", file_trouble(error)
    uses = ["run", *(name for name in ("fit", "design") if getattr(data, name))]
    return path, ", ".join(uses), data.title
