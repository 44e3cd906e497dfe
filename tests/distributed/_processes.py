"""Processes of a test: started together, never waited for longer than they may take, ended whatever happens."""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import time


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
    """Wait for all of them, or until one fails, for whom the others would wait; return what each has printed."""
    until = time.monotonic() + seconds
    while any(process.poll() is None for process in running) and not any(process.poll() for process in running):
        assert time.monotonic() < until, [log.read_text() for log in sorted(folder.glob("output-*.txt"))]
        time.sleep(0.05)
    texts = [(folder / f"output-{number}.txt").read_text() for number in range(len(running))]
    assert not any(process.poll() for process in running), texts
    return texts


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
