"""The page on performance, from what was measured: one table for each machine."""

import json
import pathlib
from typing import NamedTuple


ROOT = pathlib.Path(__file__).resolve().parents[2]
MEASURED = pathlib.Path(__file__).parent / "measured"
PAGE = ROOT / "docs" / "performance.md"
CASES = {
    "cube": "elastic cube, clamped and stretched",
    "cubeE": "the same, gradient by E of each element",
    "box": "elastic beam under an end shear",
    "twist": "neo-Hookean cube, turned by 30° and pulled",
    "simp": "cantilever of random densities, compliance",
    "heat": "conduction, k = 1 + T², 50 steps of backward Euler",
}
HEAD = """# Performance

What a solve, and a solve with its gradient, took. Times are the median of three warm calls, each with other coefficients
(±10 % from element to element), so that no factor of an earlier call is exact; float64, relative residual 1e-10 (`twist`,
`box` 1e-8). "First call" includes compilation; "first result" begins with the start of Python. Rows that were measured
while the machine was busy with more than its cores could do are left out.

Made by `python -m tests.benchmarks page` from `tests/benchmarks/measured`. On a machine of yours
`python -m tests.benchmarks --peers --out out/benchmarks` measures, and
`python -m tests.benchmarks page out/benchmarks/results.json` prints the same table. Other packages run side by side with
`--peers`: [Which tool when](which_tool.md).
"""
TAIL = """## What to know

- Up to some 9,000 unknowns in 3-D, and in the plane at any usual size, matrices are factorised; beyond, multigrid takes
  some 20 steps at any size: [Choosing a solver and an adjoint](solvers_and_adjoints.md).
- A first call compiles: some seconds, whatever the number of unknowns. Programs are kept on disk by the command line, and
  by your scripts where `JAX_COMPILATION_CACHE_DIR` is set. A `solve` that you call yourself is compiled with less effort
  (seven tenths of the time, where JAX 0.10 has older emitters of code; below 10,000 unknowns with fewer passes of LLVM,
  too); inside a `jit` or a derivative of yours it is for you to say: `jax.jit(f, compiler_options=dict(
  xla_cpu_use_fusion_emitters=False, xla_backend_optimization_level=1))`, and warm calls take some 5 % longer.
- A gradient by the implicit function theorem costs one more linear solve, whatever the number of parameters.
- `python -m tests.benchmarks profile cube 20` says where the time of a solve goes.
"""
COLUMNS = (
    "case", "N", "unknowns", "forward (s)", "with gradient (s)", "linear steps", "first call (s)", "first result (s)",
    "memory (GB)",
)  # fmt: skip


class Machine(NamedTuple):
    """What was measured on one machine."""

    words: str
    cores: int
    rows: list[dict]

    @property
    def quiet(self) -> list[dict]:
        """The rows that say something: of simphys, finished, not while others kept the machine busy."""
        ours = [row for row in self.rows if row["package"] == "simphys" and "failed" not in row]
        return [row for row in ours if "load" in row and row["load"] <= max(1.25 * self.cores, 1.0)]


def read(path: pathlib.Path) -> Machine:
    """Return what a file of results says."""
    found = json.loads(path.read_text(encoding="utf-8"))
    about = found["machine"]
    return Machine(about.get("words") or about["platform"], about["cores"], found["rows"])


def table(machine: Machine) -> str:
    """Return a machine's rows as Markdown."""
    draw = lambda cells: "| " + " | ".join(cells) + " |"
    order = sorted(machine.quiet, key=lambda row: (list(CASES).index(row["problem"]), row["size"]))
    return "\n".join([draw(COLUMNS), draw(["---"] * len(COLUMNS)), *(draw(_cells(row)) for row in order)])


def _cells(row):
    memory = row.get("device_mb") or row.get("rss_mb")
    what = [CASES[row["problem"]], str(row["size"]), f"{row['dofs']:,}"]
    warm = [_number(row.get(key)) for key in ("t_forward", "t_grad")]
    first = [_number(row.get(key)) for key in ("t_compile_first", "time_to_first")]
    return [*what, *warm, str(row.get("linear_iters", "")), *first, _number(memory and memory / 1000)]


def _number(value) -> str:
    """Two digits where they are enough, three from 100 on."""
    if value is None:
        return ""
    return f"{value:.0f}" if value >= 100 else f"{value:.2g}" if value < 10 else f"{value:.3g}"


def page() -> str:
    """Return the page."""
    machines = [read(path) for path in sorted(MEASURED.glob("*.json"), reverse=True)]
    parts = [f"## {machine.words[0].upper()}{machine.words[1:]}\n\n{table(machine)}\n" for machine in machines]
    return "\n".join([HEAD, *parts, TAIL])


def main(arguments: list[str]) -> int:
    """Write the page, or print the tables of files that are named."""
    for name in arguments:
        machine = read(pathlib.Path(name))
        print(f"{machine.words}\n\n{table(machine)}\n")
    if not arguments:
        PAGE.write_text(page(), encoding="utf-8")
        print(f"wrote {PAGE}")
    return 0
