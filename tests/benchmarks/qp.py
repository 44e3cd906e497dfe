"""qp: 64 random strictly convex quadratic programs, and nine degenerate ones, beside other packages.

    python -m tests.benchmarks.qp                                  # n = 16 and 64, simphys alone
    python -m tests.benchmarks.qp 16 64 --degenerate --peers qpax jaxopt cvxpylayers_jax
    python -m tests.benchmarks.qp worker 64                        # one JSON line, in this process

n variables, n inequalities, n/4 equalities; gradient of Σz with respect to q, h and b; float64. All data are arguments of
the compiled functions. Peers run by their scripts in `--peer-scripts` (they define the problems as well), each in its own
environment below `--peer-home`, one process after the other. `kkt` is the largest absolute KKT residual over the batch.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time


ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = ROOT.parent / "shared" / "peers" / "layers"
VARIANTS = {
    "qpax": ("peer_qpax.py", "tight"),
    "jaxopt": ("peer_jaxopt.py", "osqp"),
    "qpth": ("peer_qpth.py", "default"),
    "cvxpylayers_jax": ("peer_cvxpylayers.py", "default"),
    "mpax": ("peer_mpax.py", "rapdhg"),
}
DEGENERATE = (
    "redundant", "dup_eq", "vertex", "weak", "psd_ok", "infeasible", "infeasible_eq", "unbounded", "batch_mixed",
)  # fmt: skip


def measure(size: int, common) -> dict:
    """Time the batch: compilation, solution, solution and gradient; and say how exact they are."""
    import jax
    import numpy as np

    from simphys.layers import QP

    Q, q, G, h, A, b = map(jax.numpy.asarray, common.qp_data(size))
    solve = jax.vmap(lambda Q, q, G, h, A, b: QP(Q, q, A, b, G, h)(throw=False))
    forward = jax.jit(solve)
    total = lambda q, h, b, Q, G, A: jax.numpy.sum(solve(Q, q, G, h, A, b).value)
    gradient = jax.jit(jax.value_and_grad(total, (0, 1, 2)))
    wait = jax.block_until_ready
    (_, slopes), first = common.once(lambda: wait(gradient(q, h, b, Q, G, A)))
    found = wait(forward(Q, q, G, h, A, b))
    row = common.line("simphys", "qp", size)
    row |= dict(
        t_first=first,
        t_forward=common.timeit(lambda: wait(forward(Q, q, G, h, A, b))),
        t_grad=common.timeit(lambda: wait(gradient(q, h, b, Q, G, A))),
        iters=int(found.stats.newton_steps.max()),
        converged=bool(found.certificate.converged.all()),
        rss_mb=common.rss_mb(),
    )
    arrays = (found.value, found.duals, found.equality_duals, Q, q, G, h, A, b)
    row["kkt"] = common.kkt_residual(*map(np.asarray, arrays))
    return common.qp_report(row, found.value, slopes, size)


def degenerate(name: str, common) -> dict:
    """Solve one of the degenerate programs and let the peers' own judge say what came of it."""
    import jax
    import jax.numpy as jnp

    from simphys._result import name_of
    from simphys.layers import QP

    if name == "batch_mixed":
        Q, q, G, h, *_ = map(jnp.asarray, common.mixed_batch())
        solve = jax.vmap(lambda Q, q, G, h: QP(Q, q, G=G, h=h)(throw=False))
        f = lambda q: (lambda found: (jnp.sum(found.value), found))(solve(Q, q, G, h))
        (_, found), gq = jax.value_and_grad(f, has_aux=True)(q)
        lane = name_of(jax.tree.map(lambda x: x[4], found.result))
        return common.deg_report(
            common.line("simphys", "qp_degenerate", name), name, dict(z=found.value, gq=gq, flag=lane)
        )
    case = common.deg_case(name)
    array = lambda key: jnp.asarray(case[key])

    def loss(q, t):
        A = dict(A=array("A"), b=array("b0") + t * array("b1")) if len(case["b0"]) else {}
        found = QP(array("Q"), q, **A, G=array("G"), h=array("h0") + t * array("h1"))(throw=False)
        return array("w") @ found.value, found

    (_, found), (gq, gt) = jax.value_and_grad(loss, (0, 1), has_aux=True)(array("q"), jnp.asarray(case["t"]))
    status = name_of(found.result)
    flag = status if status != "successful" else ("weakly active" if found.weakly_active else None)
    result = dict(z=found.value, gq=gq, gt=gt, flag=flag)
    return common.deg_report(common.line("simphys", "qp_degenerate", name), name, result)


def worker(problem: str, scripts: str) -> None:
    """Print the line of one problem."""
    import warnings

    import jax

    jax.config.update("jax_enable_x64", True)
    sys.path.insert(0, scripts)
    import common

    warnings.simplefilter("ignore")
    common.emit(measure(int(problem), common) if problem.isdigit() else degenerate(problem, common))


def _run(command, folder) -> dict:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=300, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": "took longer than 300 s"}
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    return json.loads(lines[-1]) if lines else {"error": done.stderr.strip().splitlines()[-1:]}


def _tell(row):
    shown = ("t_first", "t_forward", "t_grad", "iters", "kkt", "grad_relerr", "z_maxerr", "verdict", "error", "load")
    said = ", ".join(f"{key} {row[key]}" for key in shown if row.get(key) is not None)
    print(f"{row['problem']} {row['size']} {row['peer']}: {said}", flush=True)


def main(arguments: list[str]) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", default=["16", "64"])
    parser.add_argument("--degenerate", action="store_true")
    parser.add_argument("--peers", nargs="*", default=[], choices=VARIANTS)
    parser.add_argument("--peer-scripts", type=pathlib.Path, default=SCRIPTS)
    parser.add_argument("--peer-home", type=pathlib.Path, default=pathlib.Path("~/.cache/simphys-peers2"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("out/benchmarks/qp.json"))
    options = parser.parse_args(arguments)
    rows = []
    for problem in [*options.sizes, *(DEGENERATE if options.degenerate else ())]:
        kind = "qp" if problem.isdigit() else "qp_degenerate"
        own = [
            sys.executable,
            "-m",
            "tests.benchmarks.qp",
            "worker",
            problem,
            "--peer-scripts",
            str(options.peer_scripts),
        ]
        commands = {"simphys": (own, ROOT)}
        for peer in options.peers:
            script, variant = VARIANTS[peer]
            python = options.peer_home.expanduser() / peer / "bin" / "python"
            commands[peer] = ([str(python), script, kind, problem, variant], options.peer_scripts)
        for peer, (command, folder) in commands.items():
            started = time.time()
            row = _run(command, folder) | {"peer": peer, "problem": kind, "size": problem}
            rows.append(row | {"wall": round(time.time() - started, 1)})
            _tell(row)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        worker(sys.argv[2], sys.argv[4] if len(sys.argv) > 4 else str(SCRIPTS))
    else:
        main(sys.argv[1:])
