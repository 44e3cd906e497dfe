"""Layers beside other packages' layers: `python -m tests.benchmarks layers [CASE[:SIZES]] …`."""

import argparse
import json
import os
import pathlib
import sys
import time

from .processes import Limits, run_json


SIZES = {"deq": (256, 1024), "deq_hard": (256, 1024)}
# Script, and its variants: of these the fastest that reaches the residual counts.
PEERS = {
    "jaxopt": ("peer_jaxopt.py", ("fpi_gmres", "fpi_bicgstab", "anderson_gmres", "anderson_bicgstab")),
    "torchdeq": ("peer_torchdeq.py", ("fixed_point_iter", "anderson", "broyden")),
    "optimistix": ("peer_optimistix.py", ("fpi_gmres",)),
}
WANTED = {"deq": 1.0, "deq_hard": 0.5}
REACHED = 1.05e-6
ROOT = pathlib.Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Run the command line."""
    if arguments[:1] == ["worker"]:
        return work(arguments[1], int(arguments[2]))
    options = _parser().parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    limits, rows = Limits(options.timeout, 12_000), []
    for entry in options.cases or SIZES:
        case, _, own = entry.partition(":")
        if case not in SIZES:
            raise SystemExit(f"There is no case {case!r}; there are {', '.join(SIZES)}.")
        for size in map(int, own.split(",")) if own else SIZES[case]:
            for run in _runs(case, size, options, limits):
                rows.append(run())
                print(_line(rows[-1]), flush=True)
    (options.out / "layers.json").write_text(json.dumps(rows, indent=1) + "\n")
    text = table(rows)
    (options.out / "layers.md").write_text(text)
    print("\n" + text)
    return 1 if any("failed" in row and row["package"] == "simphys" for row in rows) else 0


def work(case: str, size: int) -> int:
    """Measure one of our cases in this process, and print one JSON line."""
    started = float(os.environ.get("BENCHMARK_STARTED", time.time()))
    import jax

    jax.config.update("jax_enable_x64", True)
    from . import deq

    print(json.dumps(deq.measure(deq.build(size, case), started) | {"load": os.getloadavg()[0]}))
    return 0


def _parser():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks layers", description=__doc__)
    add = parser.add_argument
    add("cases", nargs="*", metavar="CASE[:SIZES]", help=", ".join(SIZES))
    add("--peers", nargs="*", default=list(PEERS), help="peers to run beside simphys")
    add("--out", type=pathlib.Path, default=pathlib.Path("out/benchmarks"))
    add("--peer-scripts", type=pathlib.Path, default=ROOT.parent / "shared" / "peers" / "layers")
    add("--peer-home", type=pathlib.Path, default=pathlib.Path("~/.cache/simphys-peers2"))
    add("--timeout", type=float, default=300.0, help="seconds for each process")
    return parser


def _runs(case, size, options, limits):
    here = pathlib.Path(__file__).resolve().parent
    own = [sys.executable, str(here), "layers", "worker", case, str(size)]
    yield lambda: run_json(own, limits) | {"package": "simphys", "problem": case, "size": size}
    home = options.peer_home.expanduser()
    for name in options.peers:
        script, variants = PEERS[name]
        python, path = home / name / "bin" / "python", options.peer_scripts.resolve() / script
        if not python.is_file() or not path.is_file():
            print(f"{name}: skipped, there is no {python if path.is_file() else path}", flush=True)
            continue
        for variant in variants:
            command = [str(python), str(path), case, str(size), variant]
            environment = {"LAYERS_CACHE": str(home / "refcache")}
            yield lambda c=command, v=variant, n=name: _named(run_json(c, limits, environment), n, v, case, size)


def _named(row, name, variant, case, size):
    """A peer's row in our names."""
    row = {**row, "failed": row["error"]} if row.get("error") else row
    renamed = {"resid": "residual", "grad_relerr": "grad_error", "iters": "steps", "t_first": "t_grad_first"}
    row = {renamed.get(key, key): value for key, value in row.items()}
    return row | {"package": f"{name} {variant}", "problem": case, "size": size}


COLUMNS = (
    "package",
    "t_grad_first",
    "t_forward",
    "t_grad",
    "steps",
    "residual",
    "grad_error",
    "check",
    "rss_mb",
    "load",
)


def table(rows: list[dict]) -> str:
    """Return Markdown tables, and what was wanted beside what was got."""
    parts = []
    for case, size in dict.fromkeys((row["problem"], row["size"]) for row in rows):
        here = [row for row in rows if (row["problem"], row["size"]) == (case, size)]
        parts.append(f"### {case} {size}\n\n| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
        parts += [
            f"| {' | '.join(_text(key, row.get(key)) for key in COLUMNS)} |" for row in here if "failed" not in row
        ]
        parts += [f"\n{row['package']} failed: {row['failed']}" for row in here if "failed" in row]
        parts.append(f"\n{verdict(here)}\n")
    return "\n".join(parts)


def verdict(rows: list[dict]) -> str:
    """Compare forward + gradient with the fastest peer that reaches the residual."""
    own = next((row for row in rows if row["package"] == "simphys" and "failed" not in row), None)
    good = lambda row: row["residual"] <= REACHED and row["grad_error"] < 1e-3
    peers = [row for row in rows if row is not own and "failed" not in row and good(row)]
    if own is None or not peers:
        return "Nothing to compare."
    best = min(peers, key=lambda row: row["t_grad"])
    ratio, wanted = own["t_grad"] / best["t_grad"], WANTED[own["problem"]]
    met = "met" if good(own) and ratio <= wanted else "NOT met"
    return f"Forward + gradient / fastest peer ({best['package']}): {ratio:.2f}, wanted {wanted:g}: {met}."


def _line(row):
    where = f"{row['problem']} {row['size']} {row['package']}"
    if "failed" in row:
        return f"{where}: {row['failed']}"
    return f"{where}: forward {row['t_forward']:.3g} s, with gradient {row['t_grad']:.3g} s"


def _text(key, value):
    if value is None:
        return "-"
    return f"{value:.9g}" if key == "check" else f"{value:.3g}" if isinstance(value, float) else str(value)
