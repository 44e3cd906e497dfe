"""How a command ends, whatever happens: a line on stderr, an exit code, a finished result."""

import contextlib
import os
import pathlib
import traceback
from collections.abc import Iterator
from typing import NamedTuple

import typer
from rich.console import Console
from rich.markup import escape

from ..scene import SceneError


BAD_INPUT, NOT_CONVERGED, INTERNAL, INTERRUPTED = 2, 3, 70, 130
LOST = "process_lost"
"""Status of a run that has lost one of its processes."""
PACKAGE = str(pathlib.Path(__file__).parent.parent)


class Ending(NamedTuple):
    """What an exception means: the status in result.json, one line, the exit code."""

    status: str
    message: str
    code: int


def ending_of(error: BaseException) -> Ending:
    """Return what an exception means; one that nobody foresaw is an internal error."""
    if isinstance(error, SceneError):
        return Ending("bad_input", str(error), BAD_INPUT)
    if isinstance(error, KeyboardInterrupt):
        return Ending("interrupted", "Stopped by Ctrl-C; what was computed until then is complete.", INTERRUPTED)
    if isinstance(error, SystemExit):
        # Rich leaves so where nobody reads its output any more.
        return Ending("file_error", "the standard output was closed.", BAD_INPUT)
    if isinstance(error, OSError):
        return Ending("file_error", file_trouble(error), BAD_INPUT)
    if isinstance(error, MemoryError):
        return Ending("out_of_memory", _memory(error), BAD_INPUT)
    if isinstance(error, ValueError) and _raised_here(error):
        return Ending("bad_input", str(error), BAD_INPUT)
    return _of_a_solve(error) or Ending("internal_error", _internal(error), INTERNAL)


def file_trouble(error: OSError) -> str:
    """Say what a file or device refused."""
    what, name = error.strerror or _first_line(error), error.filename2 or error.filename
    return f"{what}: {name}" if name is not None else f"{what}."


@contextlib.contextmanager
def ending(errors: Console, debug: bool, note=lambda: "") -> Iterator[None]:
    """Say on stderr what an exception means, and exit with its code; with `debug` the traceback comes first.

    **Arguments:**

    - `note`: gives what else to say of a command that was stopped.
    """
    try:
        yield
    except typer.Exit:
        raise
    except BaseException as error:
        found = ending_of(error)
        if isinstance(error, SystemExit | BrokenPipeError):
            _be_silent()
        if debug:
            errors.print(escape("".join(traceback.format_exception(error))), end="")
        if isinstance(error, KeyboardInterrupt):
            errors.print(f"[bold yellow]interrupted:[/] {escape(note()) or 'nothing was computed'}")
        else:
            errors.print(f"[bold red]error:[/] {escape(found.message)}")
        raise typer.Exit(found.code) from None


def _of_a_solve(error):
    """Failures that solves and compiled programs report by exceptions; JAX is there already if one of them came."""
    import equinox as eqx
    import jax

    from .._result import name_of
    from ..implicit import NotConverged
    from ..stepping import StepFailed

    if isinstance(error, NotConverged):
        return Ending(name_of(error.solution.result), str(error), NOT_CONVERGED)
    if isinstance(error, StepFailed):
        return Ending(name_of(error.trajectory.result), str(error), NOT_CONVERGED)
    if isinstance(error, eqx.EquinoxRuntimeError):
        return Ending("not_converged", _within_program(error), NOT_CONVERGED)
    if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error):
        return Ending("out_of_memory", _memory(error), BAD_INPUT)
    return None


def _raised_here(error) -> bool:
    """Whether simphys itself raised it: its `ValueError`s say what was given and what is expected."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename.startswith(PACKAGE + os.sep)


def _memory(error) -> str:
    return f"there is not enough memory for this: a smaller mesh, fewer steps or unknowns. ({_first_line(error)})"


def _internal(error) -> str:
    return (
        f"internal error, a fault of simphys: {type(error).__name__}: {_first_line(error)} "
        "(run again with --debug for the traceback.)"
    )


def _within_program(error) -> str:
    """What a compiled program says, without the stack of its making that Equinox puts before it."""
    return _first_line(str(error).rpartition("EquinoxRuntimeError: ")[2])


def _first_line(error) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines[0]) <= 300 else lines[0][:297] + "..."


def _be_silent():
    """Nobody reads the standard output: what is still to be flushed goes nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
