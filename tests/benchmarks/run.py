"""The driver: every case and package in its own process, one at a time; then tables, pictures and what was wanted."""

import argparse
import json
import os
import pathlib
import platform
import sys

from .cases import NAMES
from .peers import PEERS, find, has, run_peer, run_simphys
from .processes import Limits


SIZES = {
    "cube": (20, 30, 40),
    "cubeE": (20, 30, 40),
    "twist": (20, 30),
    "simp": (16, 24, 32),
    "box": (8, 16),
    "heat": (64, 128),
}
ROOT = pathlib.Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Run the command line."""
    if arguments[:1] == ["worker"]:
        from .worker import main as work

        work(arguments[1], int(arguments[2]), float(arguments[3]))
        return 0
    if arguments[:1] == ["profile"]:
        from .profile import main as profile

        return profile(arguments[1:])
    if arguments[:1] == ["page"]:
        from .page import main as page

        return page(arguments[1:])
    if arguments[:1] == ["ensemble"]:
        from .ensemble import main as ensemble

        return ensemble(arguments[1:])
    if arguments[:1] == ["layers"]:
        from .layers import main as layers

        return layers(arguments[1:])
    if arguments[:1] == ["impact"]:
        from .impact import main as impact

        return impact()
    options = _parser().parse_args(arguments)
    plan = _plan(options.cases, options.sizes)
    options.out.mkdir(parents=True, exist_ok=True)
    store = options.out / "results.json"
    rows = json.loads(store.read_text())["rows"] if store.exists() else []
    if not options.report:
        rows = _run(options, plan, rows, store)
    _report(rows, options.out)
    return 1 if any("failed" in row and row["package"] == "simphys" for row in rows) else 0


def _parser():
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    add = parser.add_argument
    add("cases", nargs="*", metavar="CASE[:SIZES]", help=f"{', '.join(NAMES)}; sizes as in cube:20,30 (all cases)")
    add("--sizes", nargs="+", type=int, help="sizes of the cases that name none")
    add("--peers", nargs="*", default=list(PEERS), help="peers to run beside simphys (all that are installed)")
    add("--no-simphys", action="store_true", help="run peers only")
    add("--out", type=pathlib.Path, default=pathlib.Path("out/benchmarks"), help="where results go, and are added to")
    add("--report", action="store_true", help="run nothing; report on the results there are")
    add("--peer-scripts", type=pathlib.Path, default=ROOT.parent / "shared" / "peers" / "fem")
    add("--peer-home", type=pathlib.Path, default=pathlib.Path("~/.cache/simphys-peers"))
    add("--timeout", type=float, default=600.0, help="seconds for each process")
    add("--memory", type=float, default=12.0, help="GiB for each process")
    add("--budget", type=float, default=60.0, help="calls that took longer than this (seconds) are not repeated")
    return parser


def _plan(cases: list[str], sizes: list[int] | None) -> list[tuple[str, int]]:
    """Pairs of case and size; sizes outermost within a case, so that what is interrupted still compares packages."""
    plan = []
    for entry in cases or NAMES:
        name, _, own = entry.partition(":")
        if name not in NAMES:
            raise SystemExit(f"There is no case {name!r}; there are {', '.join(NAMES)}.")
        chosen = [int(n) for n in own.split(",")] if own else (sizes or SIZES[name])
        plan += [(name, size) for size in chosen]
    return plan


def _run(options, plan, rows, store):
    limits = Limits(options.timeout, 1024 * options.memory)
    home, pythons = options.peer_home.expanduser(), {}
    for name in options.peers:
        pythons[name], why = find(name, home, options.peer_scripts)
        if pythons[name] is None:
            print(f"{name}: skipped, {why}", flush=True)
    given_up = set()
    for case, size in plan:
        new = [] if options.no_simphys else [run_simphys(case, size, limits, options.budget)]
        _tell(new)
        rows = _merge(rows, new, store)
        for name, python in pythons.items():
            if python is None or not has(name, case) or (name, case) in given_up:
                continue
            row = run_peer(name, python, options.peer_scripts, case, size, limits, options.budget)
            if "failed" in row:
                given_up.add((name, case))
            _tell([row])
            rows = _merge(rows, [row], store)
    return rows


def _tell(rows):
    for row in rows:
        seconds = lambda key: "-" if row.get(key) is None else f"{row[key]:.3g} s"
        told = row.get("failed") or f"forward {seconds('t_forward')}, with gradient {seconds('t_grad')}"
        print(f"{row['problem']} {row['size']} {row['package']}: {told}", flush=True)


def _merge(rows, new, store):
    """Put new rows in the place of older ones of the same case, size and package, and save."""
    key = lambda row: (row["problem"], row["size"], row["package"])
    rows = [row for row in rows if key(row) not in {key(n) for n in new}] + new
    machine = {"platform": platform.platform(), "cores": os.cpu_count(), "python": sys.version.split()[0]}
    store.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
    return rows


def _report(rows, out):
    from .plot import draw
    from .table import tables
    from .verdict import verdicts

    text = tables(rows) + "\n" + verdicts(rows)
    (out / "report.md").write_text(text)
    print("\n" + text)
    for path in draw(rows, out):
        print(f"wrote {path}")
