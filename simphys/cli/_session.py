"""What every command that computes has in common: reading the scene, setting up JAX, endings of all kinds."""

import contextlib
import os
import pathlib
import signal
import threading
import time
from collections.abc import Iterator

import typer
from rich.console import Console
from rich.markup import escape

from ..scene import Scene, SceneError, load
from ._result_file import ResultFile


class Session:
    """A command at work.

    **Attributes:**

    - `scene`: the scene.
    - `console`: where progress goes; silent with --quiet.
    - `out`: the folder for results.
    - `result`: the file result.json in it.
    - `resumable`: whether `--resume` goes on from what was reached.
    """

    def __init__(self, scene: Scene, console: Console, out: pathlib.Path, result: ResultFile, stop: "_Interruption"):
        self.scene, self.console, self.out, self.result = scene, console, out, result
        self._stop, self.resumable = stop, False

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

    @contextlib.contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """Add the seconds spent inside to the timings of the result."""
        start = time.perf_counter()
        try:
            yield
        finally:
            timings = self.result.content["timings"]
            timings[name] = round(timings.get(name, 0.0) + time.perf_counter() - start, 4)


class _Interruption:
    """Ctrl-C while a compiled solve runs: the solve is finished first, for an exception inside it would come out as an
    error of the solver. A second Ctrl-C ends the process at once, with what was written until then.
    """

    def __init__(self, result: ResultFile, errors: Console):
        self.asked, self.result, self.errors = False, result, errors
        self.in_charge = threading.current_thread() is threading.main_thread()

    def __enter__(self):
        self.before = signal.getsignal(signal.SIGINT)
        if self.in_charge:
            signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_):
        if self.in_charge:
            signal.signal(signal.SIGINT, self.before)

    def _ask(self, number, frame):
        if self.asked:
            self.result.finish("interrupted", "Stopped by a second Ctrl-C.")
            os._exit(130)
        self.asked = True
        self.errors.print("interrupted: finishing the running solve; press Ctrl-C again to stop at once")


@contextlib.contextmanager
def session(path, overrides, out, device, precision, quiet, command) -> Iterator[Session]:
    """Read the scene, set up JAX, and turn every ending into its message and exit code."""
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    start = time.perf_counter()
    result, current = None, None
    try:
        scene = load(path, overrides or ())
        out = pathlib.Path("out") / scene.name if out is None else out
        if out.exists() and not out.is_dir():
            raise SceneError("there is a file where the folder for results should be.", file=out, key="--out")
        set_up_jax(device, precision)
        result = ResultFile(out / "result.json", command, scene, overrides or (), start)
        console = Console(quiet=quiet, soft_wrap=True)
        console.print(f"[bold]{escape(scene.data.title)}[/]  [dim]{escape(str(scene.file))}[/]", highlight=False)
        with _Interruption(result, errors) as stop:
            current = Session(scene, console, out, result, stop)
            yield current
            if stop.asked:
                raise KeyboardInterrupt
    except SceneError as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}")
        if result is not None:
            result.finish("bad_input", str(error))
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        if result is not None:
            result.finish("interrupted", "Stopped by Ctrl-C; what was computed until then is complete.")
            more = "; --resume goes on from there" if current is not None and current.resumable else ""
            errors.print(f"[bold yellow]interrupted:[/] results so far are in {escape(str(out))}{more}")
        raise typer.Exit(130) from None


def set_up_jax(device, precision):
    """Choose device and precision, before anything else of JAX is used."""
    if device == "cpu":
        os.environ["JAX_PLATFORMS"] = "cpu"
    import jax

    if device == "cpu":
        # The variable does nothing if JAX was imported before.
        jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_enable_x64", precision == "64")
    # No operation carries the stack of calls that led to it: a tenth of the time of tracing and compiling.
    jax.config.update("jax_include_full_tracebacks_in_locations", False)
    _keep_compiled(jax)
    if device == "gpu":
        try:
            jax.devices("gpu")
        except RuntimeError as error:
            text = f"no gpu that JAX can use: {str(error).splitlines()[0]}"
            raise SceneError(text, key="--device") from None


def _keep_compiled(jax):
    """Keep compiled programs from one start to the next, in $SIMPHYS_CACHE (empty: nowhere) or the user's cache folder."""
    default = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "simphys"
    folder = os.environ.get("SIMPHYS_CACHE", str(default))
    if not folder:
        return
    with contextlib.suppress(OSError):
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
