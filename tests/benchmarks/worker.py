"""One case of simphys, measured in this process; prints one JSON line. Started by the driver, see `run.py`."""

import json
import os
import pathlib
import resource
import statistics
import sys
import time


STARTED = float(os.environ.get("BENCHMARK_STARTED", time.time()))
REPEATS = 3


def main(name: str, size: int, budget: float) -> None:
    """Measure the case and print the line."""
    t0 = time.perf_counter()
    import jax

    jax.config.update("jax_enable_x64", True)
    from . import heat
    from ._case import Programs
    from .cases import MARCHES, build

    t_import = time.perf_counter() - t0
    t0 = time.perf_counter()
    case = jax.block_until_ready(build(name, size))
    t_setup = time.perf_counter() - t0
    if name in MARCHES:
        found = {key: _short(key, value) for key, value in heat.measure(case, STARTED).items()}
    else:
        found = measure(Programs(case), budget)
    print(json.dumps({"t_import": round(t_import, 4), "t_setup": round(t_setup, 4)} | found))


def measure(programs, budget: float = 60.0) -> dict:
    """Time the forward and the gradient function of a case, cold and warm, and say what they found.

    Warm calls are of three kinds: coefficients that change by ±10 % from element to element and from call to call
    (`t_forward`, `t_grad`), coefficients all multiplied by 1 + 10⁻⁹ k (`…_scaled`), and nothing changed (`…_same`).
    """
    from ._case import residual_beside_load

    case, base = programs.case, programs.case.parameters
    solution, t_first, _ = _timed(lambda: programs.forward(base))
    time_to_first = time.time() - STARTED
    forward, varied = _warm(programs.forward, case, budget)
    (found, gradient, adjoint), t_grad_first, _ = _timed(lambda: programs.gradient(base))
    backward, _ = _warm(programs.gradient, case, budget)
    memory = {"rss_mb": peak_mb(), **_device()}
    reached = case.place(case.problem, base)
    row = {
        "package": "simphys", "problem": case.name, "size": case.size, "dofs": case.unknowns,
        "t_compile_first": t_first, "time_to_first": time_to_first, "t_grad_first": t_grad_first,
        **{f"t_forward{kind}": wall for kind, (wall, _) in forward.items()},
        **{f"t_grad{kind}": wall for kind, (wall, _) in backward.items()},
        "cpu_s": {"f": forward[""][1], "g": backward[""][1]},
        **counts_of(solution.stats), "linear_iters_changed": int(varied.stats.linear_steps),
        "adjoint_iters": int(adjoint.linear_steps), "adjoint_factorisations": int(adjoint.factorisations),
        "certificate": float(solution.certificate.residual), "adjoint_residual": float(adjoint.residual),
        "residual": float(residual_beside_load(reached, solution.value)),
        **memory,
        "check": float(found[0]), "grad_check": _norm(gradient),
        "load": os.getloadavg()[0],
        **({} if t_first > budget else _also(programs)),
    }  # fmt: skip
    return {key: _short(key, value) for key, value in row.items()}


def _warm(function, case, budget):
    """Median wall and CPU seconds of each kind of warm call, and what the last call with changed coefficients gave."""
    from ._case import changed, scaled

    same = lambda case, k: case.parameters
    medians, last = {}, None
    for kind, change in {"": changed, "_scaled": scaled, "_same": same}.items():
        if kind:
            function(case.parameters)  # what the next calls are to be near to
        walls, cpus = [], []
        for k in range(1, REPEATS + 1):
            parameters = change(case, k)
            out, wall, cpu = _timed(lambda: function(parameters))
            last = out if not kind else last
            walls.append(wall)
            cpus.append(cpu)
            if sum(walls) > budget:
                break
        medians[kind] = statistics.median(walls), statistics.median(cpus)
    return medians, last


def _timed(call):
    import jax

    c0, t0 = time.process_time(), time.perf_counter()
    out = jax.block_until_ready(call())
    return out, time.perf_counter() - t0, time.process_time() - c0


def counts_of(stats) -> dict:
    factorisations = int(stats.factorisations)
    solver = getattr(stats, "solver", None) or ("direct" if factorisations else "iterative")
    return {
        "newton_iters": int(stats.newton_steps),
        "linear_iters": int(stats.linear_steps),
        "factorisations": factorisations,
        "solver": str(solver),
    }


def _also(programs) -> dict:
    """Further losses and their gradients; not timed."""
    row = {}
    for name, loss in programs.case.also.items():
        (value, _), gradient, _ = programs.gradient(programs.case.parameters, loss)
        row |= {name: float(value), f"grad_{name}": _norm(gradient)}
    return row


def _norm(array) -> float:
    import numpy as np

    return float(np.linalg.norm(np.asarray(array)))


def peak_mb() -> float:
    """Peak resident memory of this program: unlike that of `getrusage`, without what its parent had before it."""
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _device() -> dict:
    import jax

    device = jax.devices()[0]
    found = {"device": device.device_kind}
    statistics_ = device.memory_stats() if device.platform != "cpu" else None
    return found if statistics_ is None else found | {"device_mb": statistics_["peak_bytes_in_use"] / 2**20}


def _short(key, value):
    """All digits of what is compared, four of what is measured."""
    if isinstance(value, dict):
        return {inner: _short("", entry) for inner, entry in value.items()}
    digits = 14 if "check" in key or "energy" in key else 4
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value
