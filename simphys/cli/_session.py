"""What every command that computes has in common: reading the scene, setting up JAX, endings of all kinds."""

import contextlib
import os
import pathlib
import signal
import sys
import threading
import time
from collections.abc import Iterator

import typer
from rich.console import Console
from rich.markup import escape

from .._files import FolderInUse, sole_writer
from .._progress import telling
from ..scene import Scene, SceneError, find_scene, is_key, load, scene_name
from ._ending import LOST, ending, file_trouble
from ._programs import trim_programs
from ._result_file import ResultFile


class Session:
    """A command at work.

    **Attributes:**

    - `scene`: the scene.
    - `console`: where progress goes; silent with --quiet.
    - `out`: the folder for results.
    - `result`: the file result.json in it.
    - `errors`: whether mesh errors are looked for.
    - `resumable`: whether `--resume` goes on from what was reached.
    - `shown`: whether what was observed has been printed.
    """

    def __init__(self, scene: Scene, console: Console, out: pathlib.Path, result: ResultFile, stop: "_Interruption"):
        self.scene, self.console, self.out, self.result = scene, console, out, result
        self._stop, self.resumable, self.errors, self.shown = stop, False, True, False

    def may_stop_here(self):
        """Raise `KeyboardInterrupt` if Ctrl-C was pressed; called between solves, where everything is in order."""
        if self._stop.asked:
            raise KeyboardInterrupt

    def checkpoint(self, name: str, resume: bool) -> pathlib.Path:
        """Return the file of that name in the folder for results; without `resume`, one that is there is deleted."""
        file = self.out / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not resume:
            file.unlink(missing_ok=True)
        elif file.exists():
            self.say(f"going on from {escape(str(file))}")
        else:
            self.say(f"[yellow]there is no {escape(str(file))} to go on from: starting anew[/]")
        self.resumable = True
        return file

    def say(self, text: str):
        """Print a line of progress."""
        self.console.print(text, highlight=False)

    def end(self, found):
        """Say where the results of a fit or a design are; exit unless it was successful."""
        if found.successful:
            self.say(f"results in [bold]{escape(str(self.out))}[/]")
            return
        typer.echo(f"error: {found.message}", err=True)
        typer.echo(f"what was reached is in {self.out}", err=True)
        raise typer.Exit(130 if found.status.endswith("_interrupted") else 3)

    @contextlib.contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """Add the seconds spent inside to the timings of the result."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.spent(name, time.perf_counter() - start)

    def spent(self, name: str, seconds: float):
        """Add seconds to the timings of the result."""
        timings = self.result.content["timings"]
        timings[name] = round(timings.get(name, 0.0) + seconds, 4)


class _Interruption:
    """Ctrl-C while a compiled solve runs: the solve is finished first, for an exception inside it would come out as an
    error of the solver. A second Ctrl-C ends the process at once, and so does SIGTERM, with what was written until then.
    """

    def __init__(self, result: ResultFile, errors: Console):
        self.asked, self.result, self.errors = False, result, errors
        self.in_charge = threading.current_thread() is threading.main_thread()

    def __enter__(self):
        self.before = {}
        if self.in_charge:
            answers = {signal.SIGINT: self._ask, signal.SIGTERM: self._leave}
            self.before = {number: signal.signal(number, answer) for number, answer in answers.items()}
        return self

    def __exit__(self, *_):
        for number, before in self.before.items():
            signal.signal(number, before)

    def _leave(self, number, frame):
        how = "a second Ctrl-C" if number == signal.SIGINT else "SIGTERM"
        try:
            self.result.finish("interrupted", f"Stopped by {how}.")
        finally:
            os._exit(128 + number)

    def _ask(self, number, frame):
        if self.asked:
            self._leave(number, frame)
        self.asked = True
        self.errors.print("interrupted: finishing the running solve; press Ctrl-C again to stop at once")


@contextlib.contextmanager
def session(
    command,
    scene,
    *,
    overrides,
    out,
    device,
    precision,
    quiet,
    outside,
    code,
    debug,
    no_error=False,
    report=False,
    processes=None,
) -> Iterator[Session]:
    """Read the scene, set up JAX, and turn every ending into its message and exit code.

    The folder for results is claimed and written to first, so that nothing is computed that cannot be kept.
    """
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    start, current, overrides = time.perf_counter(), None, overrides or ()
    with ending(errors, debug, lambda: "" if current is None else _kept(current)), contextlib.ExitStack() as held:
        out = results_folder(scene, out)
        if report:
            # Entered first, so that it is left last: when it is said how the command ended.
            held.callback(lambda: None if current is None else _write_report(current, errors))
        result = held.enter_context(_claimed(out, command, scene, overrides, start))
        result.content["given"] = str(scene)
        result.content["options"] = _options(command, device, precision, outside, code, no_error)
        loaded = load(scene, overrides, allow_outside=outside, allow_code=code)
        result.content.update(scene=str(loaded.file), title=loaded.data.title)
        join = _team(held, loaded, processes, result, errors)
        set_up_jax(device, precision, join)
        console = Console(quiet=quiet, soft_wrap=True)
        console.print(f"[bold]{escape(loaded.data.title)}[/]  [dim]{escape(str(loaded.file))}[/]", highlight=False)
        held.enter_context(telling(command, False))  # calls within tell by the command's own line
        stop = held.enter_context(_Interruption(result, errors))
        current = Session(loaded, console, out, result, stop)
        # The mesh that tells of errors is a finer one, and nobody's but this process's.
        current.errors = not no_error and processes is None
        yield current
        if stop.asked:
            raise KeyboardInterrupt


def _team(held, loaded, processes, result, errors):
    """Start the other processes; return what joins them."""
    from ._processes import Team, asked, check_divided

    count = asked(processes)
    if count is None:
        return None
    from ..distributed import dividing

    check_divided(loaded)
    held.enter_context(dividing())
    if count == 0:
        return None

    def lost(text):
        with contextlib.suppress(OSError):
            result.finish(LOST, text)
        errors.print(f"[bold red]error:[/] {escape(text)}")

    team = Team(count, sys.argv[1:], lost)
    held.enter_context(team.working())
    result.content["processes"] = [os.getpid(), *(other.pid for other in team.others)]
    result.write()
    return team.join


def _options(command, device, precision, outside, code, no_error) -> list[str]:
    """The words of the command line that numbers depend on."""
    chosen = [] if device is None else ["--device", str(device)]
    chosen += ["--precision", "32"] if precision == "32" and command != "check" else []
    switches = {"--allow-outside": outside, "--allow-code": code, "--no-error": no_error and command != "design"}
    return [*chosen, *(name for name, given in switches.items() if given)]


def _write_report(current, errors):
    """Tell of the run in one page; where that fails the run stays what it is."""
    from ..report import write_report

    try:
        current.say(f"report in [bold]{escape(str(write_report(current.out)))}[/]")
    except (OSError, ValueError) as error:
        errors.print(f"[yellow]no report was written:[/] {escape(str(error))}")


def _kept(current) -> str:
    more = "; --resume goes on from there" if current.resumable else ""
    return f"results so far are in {current.out}{more}"


def results_folder(scene, out: pathlib.Path | None) -> pathlib.Path:
    """Return the folder for the results of a scene: the one that is given, or one of its name."""
    if out is not None:
        return out
    file = find_scene(scene)
    name = scene_name(file)
    if not is_key(name):
        raise SceneError(f"{name!r} is no name for a folder of results: give one.", file=file, key="--out")
    return pathlib.Path("out") / name


@contextlib.contextmanager
def _claimed(out, command, scene, overrides, start) -> Iterator[ResultFile]:
    """The result file in a folder that is ours alone; `SceneError` if it cannot be."""
    with contextlib.ExitStack() as held:
        try:
            if out.exists() and not out.is_dir():
                raise SceneError("there is a file where the folder for results should be.", file=out, key="--out")
            held.enter_context(sole_writer(out, f"`simphys {command} {scene}`"))
            result = ResultFile(out / "result.json", command, scene, overrides, start)
            held.enter_context(result.closing())
        except FolderInUse as error:
            raise SceneError(str(error), file=out, key="--out") from None
        except OSError as error:
            raise SceneError(f"nothing can be written there: {file_trouble(error)}", file=out, key="--out") from None
        yield result


def set_up_jax(device, precision, join=None):
    """Choose device and precision, before anything else of JAX is used; the environment is left alone."""
    import jax

    if device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", precision == "64")
    # No operation carries the stack of calls that led to it: a tenth of the time of tracing and compiling.
    jax.config.update("jax_include_full_tracebacks_in_locations", False)
    if join is not None:
        join()
    _keep_compiled(jax)
    _compile_faster(jax)
    if device == "gpu":
        try:
            jax.devices("gpu")
        except RuntimeError as error:
            text = f"no gpu that JAX can use: {str(error).splitlines()[0]}"
            raise SceneError(text, key="--device") from None


OLDER_EMITTERS = "--xla_cpu_use_fusion_emitters=false"
"""Makes code that is as fast, and takes two thirds of the time to compile; later versions do not know it and stop."""


def _compile_faster(jax):
    """Ask XLA for its older emitters of code, where it has them and nothing has been computed yet."""
    if jax.__version_info__ >= (0, 11):
        return
    given = os.environ.get("XLA_FLAGS")
    try:
        os.environ["XLA_FLAGS"] = f"{OLDER_EMITTERS} {given or ''}"
        # It reads them once, when it starts; whether there is a device is told where it is asked for.
        with contextlib.suppress(RuntimeError):
            jax.devices()
    finally:
        os.environ.pop("XLA_FLAGS")
        if given is not None:
            os.environ["XLA_FLAGS"] = given


def _keep_compiled(jax):
    """Keep compiled programs from one start to the next, in $SIMPHYS_CACHE (empty: nowhere) or the user's cache folder."""
    default = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "simphys"
    folder = os.environ.get("SIMPHYS_CACHE", str(default))
    if not folder:
        return
    with contextlib.suppress(OSError):
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        trim_programs(pathlib.Path(folder))
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
