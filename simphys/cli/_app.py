"""The commands and their options; each starts its work in a module of its own, so that `--help` need not wait."""

import enum
import io
import os
import pathlib
import sys
from typing import Annotated

import typer
from rich.console import Console


app = typer.Typer(
    name="simphys",
    help="Solve, calibrate, design and check scenes: bodies, laws and loads written down as plain data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Device(enum.StrEnum):
    """Where to compute."""

    cpu = "cpu"
    gpu = "gpu"


class Precision(enum.StrEnum):
    """Bits of a number."""

    single = "32"
    double = "64"


SceneArgument = Annotated[
    pathlib.Path, typer.Argument(help="A folder with a scene.toml, or a .toml file.", show_default=False)
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="Replace an entry, e.g. solid.material.c10=0.2; may be repeated.",
        show_default=False,
    ),
]
OutOption = Annotated[
    pathlib.Path | None,
    typer.Option("--out", "-o", help="Folder for results; by default out/<scene>.", show_default=False),
]
DeviceOption = Annotated[
    Device | None, typer.Option(help="Where to compute; by default what JAX finds.", show_default=False)
]
PrecisionOption = Annotated[Precision, typer.Option(help="Bits of a number.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]

OutsideOption = Annotated[
    bool, typer.Option("--allow-outside", help="Let the scene name files that lie outside of its folder.")
]
CodeOption = Annotated[
    bool,
    typer.Option("--allow-code", help="Let the scene name a function of an installed module, which is then called."),
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in the folder for results.")]


@app.command()
def run(
    scene: SceneArgument,
    set_: SetOption = None,
    out: OutOption = None,
    device: DeviceOption = None,
    precision: PrecisionOption = Precision.double,
    quiet: QuietOption = False,
    resume: ResumeOption = False,
    allow_outside: OutsideOption = False,
    allow_code: CodeOption = False,
    debug: DebugOption = False,
):
    """Solve a scene; write fields, pictures and result.json.

    Exit codes: 0 done, 2 bad input, 3 not converged, 70 internal error, 130 interrupted.
    """
    from ._session import session

    options = dict(device=device, precision=precision, quiet=quiet, outside=allow_outside, code=allow_code, debug=debug)
    with session("run", scene, set_, out, **options) as current:
        from ._run import run_scene

        run_scene(current, resume)


@app.command()
def fit(
    scene: SceneArgument,
    set_: SetOption = None,
    out: OutOption = None,
    device: DeviceOption = None,
    precision: PrecisionOption = Precision.double,
    quiet: QuietOption = False,
    allow_outside: OutsideOption = False,
    allow_code: CodeOption = False,
    debug: DebugOption = False,
):
    """Find the parameters of a scene's [fit] from its measurements; write result.json, fields and pictures.

    Exit codes: 0 done, 2 bad input, 3 not converged, 70 internal error, 130 interrupted.
    """
    from ._session import session

    options = dict(device=device, precision=precision, quiet=quiet, outside=allow_outside, code=allow_code, debug=debug)
    with session("fit", scene, set_, out, **options) as current:
        from ._fit import fit_scene

        fit_scene(current)


@app.command()
def design(
    scene: SceneArgument,
    set_: SetOption = None,
    out: OutOption = None,
    device: DeviceOption = None,
    precision: PrecisionOption = Precision.double,
    quiet: QuietOption = False,
    resume: ResumeOption = False,
    allow_outside: OutsideOption = False,
    allow_code: CodeOption = False,
    debug: DebugOption = False,
):
    """Find the layout that a scene's [design] asks for; write densities, the part (STL), pictures and result.json.

    Exit codes: 0 done, 2 bad input, 3 unfinished, stalled, not converged or constraints not satisfied, 70 internal error,
    130 interrupted.
    """
    from ._session import session

    options = dict(device=device, precision=precision, quiet=quiet, outside=allow_outside, code=allow_code, debug=debug)
    with session("design", scene, set_, out, **options) as current:
        from ._design import design_scene

        design_scene(current, resume)


@app.command()
def check(
    scene: SceneArgument,
    set_: SetOption = None,
    out: OutOption = None,
    device: DeviceOption = None,
    quiet: QuietOption = False,
    allow_outside: OutsideOption = False,
    allow_code: CodeOption = False,
    debug: DebugOption = False,
):
    """Check a scene and its derivatives: Taylor tests, symmetry of the tangent, certificates.

    Exit codes: 0 all passed, 1 a check failed, 2 bad input, 3 not converged, 70 internal error, 130 interrupted.
    """
    from ._session import session

    options = dict(
        device=device, precision=Precision.double, quiet=quiet, outside=allow_outside, code=allow_code, debug=debug
    )
    with session("check", scene, set_, out, **options) as current:
        from ._check import check_scene

        check_scene(current)


@app.command(name="list")
def list_(
    folder: Annotated[pathlib.Path, typer.Argument(help="Where to look for scenes.")] = pathlib.Path("scenes"),
    debug: DebugOption = False,
):
    """List the scenes in a folder, with their titles."""
    from ._ending import ending
    from ._list import list_scenes

    with ending(Console(stderr=True, highlight=False, soft_wrap=True), debug):
        list_scenes(folder)


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
