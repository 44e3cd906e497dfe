"""Processes of a test: started together, never waited for longer than they may take, ended whatever happens."""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys


ROOT = pathlib.Path(__file__).parent.parent.parent


@contextlib.contextmanager
def started(code: str, arguments: list[list[str]], folder: pathlib.Path, flags: str = ""):
    """Start `python -c code` once for each list of arguments; yields the processes, whose output goes to files."""
    environment = dict(os.environ, PYTHONUNBUFFERED="1", JAX_ENABLE_X64="1", JAX_PLATFORMS="cpu")
    environment["XLA_FLAGS"] = f"{environment.get('XLA_FLAGS', '')} {flags}"
    running = []
    try:
        for number, own in enumerate(arguments):
            with open(folder / f"output-{number}.txt", "w") as output:
                command = [sys.executable, "-c", code, *own]
                running.append(
                    subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=folder)
                )
        yield running
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.wait()


def outputs(running, folder: pathlib.Path, seconds: float = 120) -> list[str]:
    """Wait for all of them; return what each has printed."""
    for process in running:
        process.wait(seconds)
    return [(folder / f"output-{number}.txt").read_text() for number in range(len(running))]


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
