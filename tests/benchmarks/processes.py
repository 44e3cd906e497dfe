"""One measurement, one process, held to a time and a memory limit."""

import json
import os
import pathlib
import subprocess
import tempfile
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a process may use.

    **Attributes:**

    - `seconds`: wall time.
    - `megabytes`: peak resident memory.
    """

    seconds: float = 600.0
    megabytes: float = 12_000.0


def run_json(command: list[str], limits: Limits, environment: dict[str, str] | None = None) -> dict:
    """Run a command and return the last JSON line that it printed, with `wall`; or {"failed": reason, "rss_mb": peak}."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = (pathlib.Path(folder) / name for name in ("out", "err"))
        started = time.time()
        env = dict(os.environ, BENCHMARK_STARTED=repr(started), PYTHONDONTWRITEBYTECODE="1", **(environment or {}))
        with out.open("w") as stdout, err.open("w") as stderr:
            process = subprocess.Popen(command, stdout=stdout, stderr=stderr, cwd=folder, env=env)
            reason, peak = _watch(process, started, limits)
        row = None if reason else _last_json(out.read_text(errors="replace"))
        wall = round(time.time() - started, 2)
        if row is not None:
            return row | {"wall": wall}
        tail = err.read_text(errors="replace").strip().splitlines()
        reason = reason or f"exit code {process.returncode}: {tail[-1][:300] if tail else 'no message'}"
        return {"failed": reason, "rss_mb": round(peak), "wall": wall}


def _watch(process, started, limits):
    peak = 0.0
    while True:
        try:
            process.wait(timeout=0.2)
            return None, peak
        except subprocess.TimeoutExpired:
            peak = max(peak, _resident_mb(process.pid))
        reason = None
        if time.time() - started > limits.seconds:
            reason = f"over {limits.seconds:g} s"
        elif peak > limits.megabytes:
            reason = f"over {limits.megabytes:g} MB"
        if reason:
            process.kill()
            process.wait()
            return reason, peak


def _resident_mb(pid: int) -> float:
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def _last_json(text: str) -> dict | None:
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    return None
