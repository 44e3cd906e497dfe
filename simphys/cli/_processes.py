"""`--processes`: a run whose mesh is divided among several processes, of which the first one tells and writes."""

import atexit
import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import typer

from ..scene import Scene, SceneError, load
from ._ending import BAD_INPUT, NOT_CONVERGED, ending_of


JOIN = "SIMPHYS_JOIN"
"""Variable of the environment that tells a process of its place: address, number and count."""
LAUNCHED = "launched"
EVERY, GRACE = 0.2, 20.0
"""Seconds from one look at the others to the next; seconds that they have to end by themselves."""


def asked(text: str | None) -> int | None:
    """Return how many processes are asked for: 0 for those that a launcher has started, None for this one alone."""
    if text is None or text == LAUNCHED:
        return None if text is None else 0
    if not text.isdecimal() or int(text) < 1:
        raise SceneError(
            f"a number from 1, or `{LAUNCHED}` for those that SLURM, Open MPI or Kubernetes has started, got {text!r}.",
            key="--processes",
        )
    return int(text) if int(text) > 1 else None


def check_divided(scene: Scene) -> None:
    """Raise `SceneError` for a scene that is not divided."""
    data = scene.data
    for section in ("adapt", "grid"):
        if getattr(data, section, None) is not None:
            raise SceneError(f"is for bodies on one mesh; this scene has [{section}].", key="--processes")


def place_of_launcher(precision) -> int:
    """Join the processes that a launcher has started; return the own number."""
    import jax

    jax.config.update("jax_enable_x64", precision == "64")
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        jax.distributed.initialize()
    except (ValueError, RuntimeError) as error:
        text = f"no launcher that JAX knows has started this process ({str(error).splitlines()[0]})"
        raise SceneError(text, key="--processes") from None
    return jax.process_index()


class Team:
    """The other processes of a run on this machine.

    **Arguments:**

    - `count`: of processes, this one among them.
    - `words`: the command line.
    - `lost`: called with a sentence where one of the others has ended too early; it says so, and this process ends.
    """

    def __init__(self, count: int, words: list[str], lost: Callable[[str], Any]):
        self.count, self.lost, self.over = count, lost, threading.Event()
        self.port = _free_port()
        self.log = tempfile.TemporaryDirectory(prefix="simphys-")
        self.others = [self._start(number, words) for number in range(1, count)]
        self.watch = threading.Thread(target=self._watch, daemon=True)
        self.watch.start()

    def _start(self, number, words):
        environment = os.environ | {JOIN: f"127.0.0.1:{self.port} {number} {self.count}"}
        with open(self._output(number), "w") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "simphys", *words],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    def _output(self, number):
        return pathlib.Path(self.log.name) / f"{number}.txt"

    def join(self):
        """Become one of them; before JAX looks for devices."""
        _join(f"127.0.0.1:{self.port}", 0, self.count)

    def _watch(self):
        while not self.over.wait(EVERY):
            for number, other in enumerate(self.others, 1):
                code = other.poll()
                if code is None or self.over.is_set():
                    continue
                if code == BAD_INPUT and self.over.wait(GRACE):
                    return  # this process has found the same
                lines = self._output(number).read_text(errors="replace").strip().splitlines()
                why = f" ({lines[-1][:200]})" if lines else ""
                self._kill()
                self.lost(
                    f"Process {number} of {self.count} ended with code {code}{why}; the run cannot go on without it."
                )
                os._exit(NOT_CONVERGED)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Let them go in the end, whatever happens."""
        try:
            yield
            self._release()
        except typer.Exit:
            # A failure that all of them have come to.
            self._release()
            raise
        except BaseException as error:
            if isinstance(error, RuntimeError):
                # Of another's end a process may be told before the watch sees it, and says what it is.
                time.sleep(3 * EVERY)
            self.over.set()
            self._kill()
            _leave(ending_of(error).code)
            raise
        finally:
            self.log.cleanup()

    def _release(self):
        import jax

        self.over.set()
        for other in self.others:
            other.stdin.close()  # pyright: ignore[reportOptionalMemberAccess]
        jax.distributed.shutdown()
        for other in self.others:
            with contextlib.suppress(subprocess.TimeoutExpired):
                other.wait(GRACE)
        self._kill()

    def _kill(self):
        for other in self.others:
            other.kill()


def joins() -> bool:
    """Whether this process is one that another run has started."""
    return JOIN in os.environ


def work_along(scene, overrides, outside, code, device, precision, out, resume, **_) -> None:
    """Compute what the first process computes, and tell nobody."""
    from ._session import set_up_jax

    address, number, count = os.environ[JOIN].split()
    finished = threading.Event()
    released = threading.Thread(target=_until_released, args=(finished,), daemon=True)
    released.start()
    loaded = load(scene, overrides or (), allow_outside=outside, allow_code=code)
    set_up_jax(device, precision, lambda: _join(address, int(number), int(count)))
    _march(scene, loaded, out, resume)
    finished.set()
    released.join()
    import jax

    jax.distributed.shutdown()


def march_along(scene, overrides, outside, code, device, precision, out, resume, **_) -> None:
    """The same where a launcher has started all processes."""
    from ._session import set_up_jax

    loaded = load(scene, overrides or (), allow_outside=outside, allow_code=code)
    set_up_jax(device, precision)
    _march(scene, loaded, out, resume)


def _march(scene, loaded, out, resume):
    """Compute what a scene describes on all devices."""
    from ..distributed import dividing
    from ._session import results_folder

    model = loaded.build()
    with dividing():
        model.way.along(results_folder(scene, out) / "march.npz", resume)


def _until_released(finished):
    """The first process closes what it has opened, in the end or when it dies."""
    sys.stdin.buffer.read()
    if not finished.is_set():
        os._exit(1)


def _join(address: str, number: int, count: int):
    import jax

    with contextlib.suppress(AttributeError, OSError):  # not on every system
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) >= count:
            os.sched_setaffinity(0, cores[number * len(cores) // count : (number + 1) * len(cores) // count])
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    jax.distributed.initialize(address, count, number, initialization_timeout=120)


def _leave(code: int):
    """Have nobody wait for the others when Python ends: JAX would, and abort."""

    def end():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)

    atexit.register(end)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
