"""What the command line says of itself: help texts as they are written, and names to complete."""

import inspect

import typer
from rich.markup import escape


def option(*names: str, help: str, **settings):
    """Return an option whose help is shown as it stands: in brackets may be the name of a table, and no markup."""
    return typer.Option(*names, help=escape(help), **settings)


def command_help(work) -> str:
    """Return a function's docstring for the help of a command, shown as it stands."""
    return escape(inspect.cleandoc(work.__doc__))


def complete_scene(incomplete: str) -> list[str]:
    """Return the scenes that a word may become: folders and files here, and what comes with simphys."""
    from ..scene import find_scenes, shipped_scenes

    head, slash, _ = incomplete.rpartition("/")
    here = [str(file.parent if file.name == "scene.toml" else file) for file in find_scenes(head + slash or ".")]
    return [name for name in [*here, *shipped_scenes()] if name.startswith(incomplete)]
