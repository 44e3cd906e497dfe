"""The commands and their options; each starts its work in a module of its own, so that `--help` need not wait."""

import enum
import inspect
import io
import os
import pathlib
import sys
from typing import Annotated

import typer
from rich.console import Console

from ._words import command_help, complete_scene, option


app = typer.Typer(
    name="simphys",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Device(enum.StrEnum):
    """Where to compute."""

    cpu = "cpu"
    gpu = "gpu"


class Precision(enum.StrEnum):
    """Bits of a number."""

    single = "32"
    double = "64"


DebugOption = Annotated[bool, option("--debug", help="Show the traceback of an error.")]
SceneArgument = Annotated[
    pathlib.Path,
    typer.Argument(
        help="A folder with a scene.toml, or a .toml file; or the name of a scene that comes with simphys, such as cook.",
        show_default=False,
        autocompletion=complete_scene,
    ),
]
OPTIONS = {
    "overrides": (
        Annotated[
            list[str] | None,
            option(
                "--set",
                "-s",
                metavar="KEY=VALUE",
                help="Replace an entry, e.g. solid.material.c10=0.2; may be repeated.",
                show_default=False,
            ),
        ],
        None,
    ),
    "out": (
        Annotated[
            pathlib.Path | None,
            option("--out", "-o", help="Folder for results; by default out/<scene>.", show_default=False),
        ],
        None,
    ),
    "device": (
        Annotated[Device | None, option(help="Where to compute; by default what JAX finds.", show_default=False)],
        None,
    ),
    "precision": (Annotated[Precision, option(help="Bits of a number.")], Precision.double),
    "quiet": (Annotated[bool, option("--quiet", "-q", help="Print nothing but errors.")], False),
    "resume": (
        Annotated[bool, option("--resume", help="Go on from the checkpoint in the folder for results.")],
        False,
    ),
    "outside": (
        Annotated[bool, option("--allow-outside", help="Let the scene name files that lie outside of its folder.")],
        False,
    ),
    "code": (
        Annotated[
            bool,
            option("--allow-code", help="Let the scene name a function of an installed module, which is called."),
        ],
        False,
    ),
    "no_error": (
        Annotated[bool, option("--no-error", help="Leave the errors away that mesh and steps make.")],
        False,
    ),
    "report": (
        Annotated[bool, option("--report", help="Write report.html as well, one file that tells all of the run.")],
        False,
    ),
    "processes": (
        Annotated[
            str | None,
            option(
                "--processes",
                metavar="N",
                help="Divide the mesh among N processes here, or among those `launched` by SLURM, Open MPI or Kubernetes.",
                show_default=False,
            ),
        ],
        None,
    ),
    "debug": (DebugOption, False),
}
"""What commands that compute take, by the names of `session`'s arguments, and the defaults."""


def _print_version(asked: bool):
    if asked:
        from .. import __version__

        typer.echo(f"simphys {__version__}")
        raise typer.Exit


def computing(*without: str):
    """Return a decorator that makes a command of a function of a session (and of `resume`), without some of the options."""

    def register(work):
        taken = {name: option for name, option in OPTIONS.items() if name not in without}

        def command(scene, **given):
            from ._session import session

            resumed = {"resume": given.pop("resume")} if "resume" in taken else {}
            if "processes" in taken and works_along(scene, given | resumed):
                return
            with session(work.__name__, scene, **{"precision": Precision.double, **given}) as current:
                work(current, **resumed)

        kind = inspect.Parameter.KEYWORD_ONLY
        options = [inspect.Parameter(n, kind, default=value, annotation=a) for n, (a, value) in taken.items()]
        first = inspect.Parameter("scene", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=SceneArgument)
        command.__signature__ = inspect.Signature([first, *options])  # pyright: ignore
        command.__annotations__ = {"scene": SceneArgument, **{name: a for name, (a, _) in taken.items()}}
        app.command(name=work.__name__, help=command_help(work))(command)
        return work

    return register


def works_along(scene, given) -> bool:
    """Do what a process that is not the first one of a run does; whether this is one."""
    from rich.console import Console

    from ._ending import ending
    from ._processes import LAUNCHED, joins, march_along, place_of_launcher, work_along

    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    with ending(errors, given["debug"]):
        if joins():
            work_along(scene, **given)
            return True
        if given["processes"] == LAUNCHED and place_of_launcher(given["precision"]) > 0:
            march_along(scene, **given)
            return True
    return False


@computing()
def run(current, resume):
    """Solve a scene; write fields, pictures and result.json.

    Exit codes: 0 done, 2 bad input, 3 not converged, 70 internal error, 130 interrupted.
    """
    from ._run import run_scene

    run_scene(current, resume)


@computing("resume", "processes")
def fit(current):
    """Find the parameters of a scene's [fit] from its measurements; write result.json, fields and pictures.

    Exit codes: 0 done, 2 bad input, 3 not converged, 70 internal error, 130 interrupted.
    """
    from ._fit import fit_scene

    fit_scene(current)


@computing("processes")
def design(current, resume):
    """Find the layout that a scene's [design] asks for; write densities, the part (STL), pictures and result.json.

    Exit codes: 0 done, 2 bad input, 3 unfinished, stalled, not converged or constraints not satisfied, 70 internal error,
    130 interrupted.
    """
    from ._design import design_scene

    design_scene(current, resume)


@computing("resume", "precision", "processes")
def check(current):
    """Check a scene and its derivatives: Taylor tests, symmetry of the tangent, certificates.

    Exit codes: 0 all passed, 1 a check failed, 2 bad input, 3 not converged, 70 internal error, 130 interrupted.
    """
    from ._check import check_scene

    check_scene(current)


@app.callback()
def about(
    version: Annotated[
        bool, option("--version", help="Print the version and stop.", is_eager=True, callback=_print_version)
    ] = False,
):
    """Solve, calibrate, design and check scenes: bodies, laws and loads written down as plain data."""


@app.command(name="list")
def list_(
    folder: Annotated[
        pathlib.Path | None,
        typer.Argument(
            help="Where to look for scenes; by default in ./scenes, and among those that come with simphys.",
            show_default=False,
        ),
    ] = None,
    debug: DebugOption = False,
):
    """List the scenes in a folder, or those that come with simphys, with their titles."""
    from ._ending import ending
    from ._list import list_scenes

    with ending(Console(stderr=True, highlight=False, soft_wrap=True), debug):
        list_scenes(folder)


@app.command()
def new(
    scene: SceneArgument,
    folder: Annotated[
        pathlib.Path | None,
        typer.Argument(help="Where the copy goes, a new folder; by default one of the scene's name, here."),
    ] = None,
    debug: DebugOption = False,
):
    """Copy a scene to a folder of your own, to edit it there."""
    from ._ending import ending
    from ._list import new_scene

    with ending(Console(stderr=True, highlight=False, soft_wrap=True), debug):
        new_scene(scene, folder)


@app.command()
def report(
    out: Annotated[
        pathlib.Path, typer.Argument(help="A folder that a command wrote its results to.", show_default=False)
    ],
    to: Annotated[
        pathlib.Path | None, option("--to", help="The file; by default report.html in the folder.", show_default=False)
    ] = None,
    debug: DebugOption = False,
):
    """Write one HTML file that tells of a run: numbers in tables, pictures, and the body to be turned; no network."""
    from ._ending import ending

    with ending(Console(stderr=True, highlight=False, soft_wrap=True), debug):
        from ..report import write_report

        typer.echo(f"written: {write_report(out, to)}")


@app.command()
def schema():
    """Print the JSON Schema of scene files."""
    import json

    from ..scene import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def main():
    """Run the command line."""
    # Whoever closed an output wants nothing of it.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")
    for stream in (sys.stdout, sys.stderr):
        # What a terminal cannot show is no reason to stop.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        app()
    except Exception as error:
        # Commands end their own; this is for what happens before they can, an installation that is not whole say.
        typer.echo(f"error: internal error: {type(error).__name__}: {error} (--debug shows the traceback.)", err=True)
        if "--debug" in sys.argv:
            raise
        sys.exit(70)
