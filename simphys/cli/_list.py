"""`simphys list`."""

import pathlib

import rich
import typer
from rich.markup import escape
from rich.table import Table

from ..scene import SceneError, find_scenes, load


def list_scenes(folder: pathlib.Path):
    """Print the scenes in a folder, what can be done with each, and its title."""
    files = find_scenes(folder)
    if not files:
        typer.echo(f"No scenes in {str(folder)!r}: a scene is a .toml file, or a folder with a scene.toml.", err=True)
        raise typer.Exit(2)
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for file in files:
        path = file.parent if file.name == "scene.toml" else file
        try:
            data = load(file).data
            table.add_row(escape(str(path)), "run, fit" if data.fit else "run", escape(data.title))
        except SceneError as error:
            table.add_row(escape(str(path)), "[red]invalid[/]", escape(str(error).splitlines()[0]))
    rich.print(table)
