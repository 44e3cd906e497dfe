"""Where the time of a solve goes: `python -m tests.benchmarks profile cube 20`.

The pieces of a solve are compiled and timed one by one and multiplied by how often the solve used them. XLA may fuse a
piece into its neighbours, so shares are estimates; `rest` is what they leave of the whole.
"""

import functools
import statistics
import time


REPEATS = 5


def main(arguments: list[str]) -> int:
    """Print the shares of one case at one size."""
    import jax

    jax.config.update("jax_enable_x64", True)
    from ._case import Programs
    from .cases import build

    name, size = arguments
    print(report(*shares(Programs(build(name, int(size))))))
    return 0


def shares(programs) -> tuple[dict[str, tuple[float, float]], float, dict]:
    """Return for each piece (seconds a time, times used), the seconds of a whole forward call, and its counts."""
    from ._case import changed
    from .worker import counts_of, peak_mb

    case = programs.case
    solver = counts_of(programs.forward(case.parameters).stats)["solver"]
    walls, stats = [], None
    for k in range(1, REPEATS + 1):
        parameters = changed(case, k)
        t0 = time.perf_counter()
        stats = programs.forward(parameters).stats
        walls.append(time.perf_counter() - t0)
    counts = counts_of(stats) | {"solver": solver, "dofs": case.unknowns, "rss_mb": peak_mb()}
    counts["residuals"] = int(stats.residual_evaluations)
    problem = case.place(case.problem, case.parameters)
    return _pieces(problem, problem.unknowns(programs.forward(case.parameters).value), counts), min(walls), counts


def _pieces(problem, y, counts):
    import equinox as eqx

    from simphys.assembly._system import _sum_blocks

    tangents = counts["newton_iters"]
    seconds = functools.partial(_seconds, eqx.filter_jit)
    # Chunk by chunk, each summed over node pairs while it is in cache.
    sums = lambda problem, y: _sum_blocks(problem.system, problem.spaces, problem.integrals(), problem._fields(y))
    elements = seconds(sums, problem, y)
    assembly = seconds(lambda problem, y: problem.jacobian(y).data, problem, y)
    operator = eqx.filter_jit(lambda problem, y: problem.jacobian(y))(problem, y)
    found = {
        "residuals and scales": (seconds(lambda problem, y: problem.evaluate(y), problem, y), counts["residuals"]),
        "element tangents": (elements, tangents),
        "scatter into the matrix": (max(assembly - elements, 0.0), tangents),
    }
    return found | (
        _factorised(operator, y, counts) if operator.preconditioner is None else _iterated(operator, y, counts)
    )


def _factorised(operator, y, counts):
    """One factorisation with its solve, and one solve with a factor that is there."""
    import equinox as eqx
    import lineax as lx

    from simphys.linalg import Direct

    solve = eqx.filter_jit(lambda operator, y: lx.linear_solve(operator, y, Direct(patience=0)).value)
    scaled = lambda k: eqx.tree_at(lambda o: o.data, operator, operator.data * (1 + 1e-3 * k))
    others = iter([scaled(k) for k in range(1, REPEATS + 2)])
    both = _time(lambda: solve(next(others), y))
    ready = _time(lambda: solve(operator, y))
    return {
        "factorisations": (max(both - ready, 0.0), counts["factorisations"]),
        "solves with a factor": (ready, counts["newton_iters"] + counts["linear_iters"]),
    }


def _iterated(operator, y, counts):
    """Products, and the preconditioner's set-up and application."""
    import equinox as eqx

    from simphys.linalg._pattern import padded_data, padded_product

    seconds = functools.partial(_seconds, eqx.filter_jit)
    preconditioner, steps = operator.preconditioner, counts["linear_iters"]
    prepared = eqx.filter_jit(preconditioner.prepare)(operator)
    apply = eqx.filter_jit(lambda preconditioner, prepared, y: preconditioner.apply(prepared, y))
    padded = eqx.filter_jit(padded_data)(operator.pattern, operator.data)
    return {
        "layout of the matrix": (seconds(padded_data, operator.pattern, operator.data), counts["newton_iters"]),
        "products": (seconds(padded_product, operator.pattern, padded, y), steps),
        f"preconditioner set-up ({preconditioner.describe()})": (
            seconds(lambda preconditioner, operator: preconditioner.prepare(operator), preconditioner, operator),
            counts["newton_iters"],
        ),
        "preconditioner applied (V-cycles)": (_time(lambda: apply(preconditioner, prepared, y)), steps),
    }


def _seconds(compile_, function, *arguments):
    compiled = compile_(function)
    return _time(lambda: compiled(*arguments))


def _time(call) -> float:
    """Median seconds of a compiled call, after one that is not counted."""
    import jax

    jax.block_until_ready(call())
    walls = []
    for _ in range(REPEATS):
        t0 = time.perf_counter()
        jax.block_until_ready(call())
        walls.append(time.perf_counter() - t0)
    return statistics.median(walls)


def report(pieces, whole: float, counts: dict) -> str:
    """Return the shares as a table."""
    lines = [
        f"{counts['dofs']:,} unknowns, {counts['solver']}: {whole:.3g} s forward, {counts['newton_iters']} Newton steps, "
        f"{counts['linear_iters']} linear steps, peak {counts['rss_mb'] * 1024 / counts['dofs']:.1f} kB for each unknown",
        "",
        f"{'piece':44} {'s a time':>10} {'times':>6} {'share':>7}",
    ]
    for name, (seconds, times) in pieces.items():
        lines.append(f"{name:44} {seconds:10.3g} {times:6d} {100 * seconds * times / whole:6.1f}%")
    rest = whole - sum(seconds * times for seconds, times in pieces.values())
    return "\n".join([*lines, f"{'rest':44} {'':10} {'':6} {100 * rest / whole:6.1f}%"])
