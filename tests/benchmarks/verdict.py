"""What was wanted of the benchmarks, and what was got."""

from dataclasses import dataclass

from .cases import MARCHES
from .peers import PEERS
from .table import deviation


AGREE = 1e-6
MULTIGRID_RANGE = (25_000, 400_000)


@dataclass(frozen=True)
class Verdict:
    """One line: `got` should be at most `wanted`."""

    what: str
    wanted: float
    got: float
    note: str = ""

    def line(self) -> str:
        """As a row of a Markdown table."""
        answer = "yes" if self.got <= self.wanted else "no"
        return f"| {self.what} | ≤ {self.wanted:.3g} | {self.got:.3g} | {answer} | {self.note} |"


def verdicts(rows: list[dict]) -> str:
    """Return the table of everything that the given rows can answer, and the check values that disagree."""
    head = "### Wanted and got\n\n| | wanted | got | met | |\n| --- | --- | --- | --- | --- |\n"
    lines = [verdict.line() for verdict in judge([row for row in rows if "failed" not in row])]
    odd = _disagreements(rows)
    return head + "\n".join(lines) + "\n\n" + "\n".join(odd or ["All check values agree."]) + "\n"


def judge(rows: list[dict]) -> list[Verdict]:
    """Compare simphys's rows with the peers' and with what was wanted."""
    found = []
    for case, size in sorted({(row["problem"], row["size"]) for row in rows}):
        here = {row["package"]: row for row in rows if (row["problem"], row["size"]) == (case, size)}
        own = here.pop("simphys", None)
        if own is None:
            continue
        where = f"{case} {size}"
        found += _beside_differentiable(where, own, here)
        found += _gradient_of_a_march(where, own) if case in MARCHES else _beyond_forward(where, own)
        if case == "cube":
            found += _beside_compiled(where, own, here) + _first_result(where, own, here)
            found += [Verdict(f"{where}: peak GiB", 6.0, own["rss_mb"] / 1024)] if size == 50 else []
        if own.get("device", "cpu") != "cpu":
            found += _on_device(where, own)
    return found + _growth(rows) + _compilation(rows) + _iterations(rows)


def exponent(sizes, times) -> float:
    """Slope of log time against log unknowns, by least squares."""
    import numpy as np

    return float(np.polyfit(np.log(sizes), np.log(times), 1)[0])


def _gradient_of_a_march(where, own):
    ratio = lambda key: own[key] / own["t_forward"]
    return [
        Verdict(f"{where}: forward + gradient / forward", 1.5, ratio("t_grad")),
        Verdict(f"{where}: the same with checkpoints", 2.5, ratio("t_grad_checkpoints")),
    ]


def _beside_differentiable(where, own, peers):
    times = {name: row["t_grad"] for name, row in peers.items() if row.get("t_grad") and row.get("grad_check")}
    wanted = {"cube": 0.2, "cubeE": 0.2, "twist": 0.2, "heat": 1.0, "simp": 1 / 3}.get(where.split()[0])
    if not times or wanted is None:
        return []
    best = min(times, key=times.get)
    return [
        Verdict(f"{where}: forward + gradient / fastest differentiable peer", wanted, own["t_grad"] / times[best], best)
    ]


def _beside_compiled(where, own, peers):
    if "dolfinx" not in peers:
        return []
    other = peers["dolfinx"]
    cold = lambda row: row["t_setup"] + row["t_compile_first"]
    ready = lambda row: row["t_setup"] + row["t_forward"]
    return [
        Verdict(f"{where}: set-up + first call / DOLFINx", 1.5, cold(own) / cold(other), "compilation included"),
        Verdict(f"{where}: set-up + warm forward / DOLFINx", 1.5, ready(own) / ready(other), "without compilation"),
        Verdict(f"{where}: forward, coefficients changed / DOLFINx", 1.0, own["t_forward"] / other["t_forward"]),
    ]


def _beyond_forward(where, own):
    beyond = own["t_grad_same"] / own["t_forward_same"] - 1, own["t_grad"] / own["t_forward"] - 1
    if where.startswith("twist"):
        wanted = 0.3
    elif where.startswith("simp"):  # its own adjoint
        wanted = 0.1
    else:
        wanted = 0.1 if "direct" in own["solver"].lower() else 1.0
    note = f"{own['solver']}; nothing changed: {beyond[0]:.2g}"
    return [Verdict(f"{where}: gradient beyond forward / forward", wanted, beyond[1], note)]


def _first_result(where, own, peers):
    if where != "cube 20":
        return []
    found = [Verdict(f"{where}: seconds to the first result", 8.0, own["time_to_first"])]
    kinds = {name: PEERS[name][2] for name in peers if name in PEERS}
    times = {
        n: peers[n]["time_to_first"] for n, kind in kinds.items() if kind != "forward" and "time_to_first" in peers[n]
    }
    if times:
        best = min(times, key=times.get)
        found.append(
            Verdict(f"{where}: the same / quickest JAX or Torch peer", 1.0, own["time_to_first"] / times[best], best)
        )
    return found


def _on_device(where, own):
    wanted = {
        "box 43": {"t_forward": 0.25, "t_grad": 0.5, "t_compile_first": 20.0},
        "cube 80": {"t_forward": 0.5, "t_grad": 1.0},
    }
    return [Verdict(f"{where} on {own['device']}: {k}", v, own[k]) for k, v in wanted.get(where, {}).items()]


def _own(rows, case):
    return sorted((r for r in rows if r["package"] == "simphys" and r["problem"] == case), key=lambda r: r["dofs"])


def _growth(rows):
    found, (low, high) = [], MULTIGRID_RANGE
    for case in ("cube", "cubeE", "simp", "box"):
        mine = [
            r for r in _own(rows, case) if 0.9 * low <= r["dofs"] <= 1.1 * high and "direct" not in r["solver"].lower()
        ]
        if len(mine) >= 2:
            sizes = [r["dofs"] for r in mine]
            for key in ("t_forward", "t_grad"):
                slope = exponent(sizes, [r[key] for r in mine])
                found.append(Verdict(f"{case}: growth exponent of {key}", 1.1, slope, f"{sizes[0]:,} to {sizes[-1]:,}"))
    return found


def _compilation(rows):
    """Time of the first call beyond a warm one, and how it varies with the size of the mesh."""
    found = []
    for case in ("cube", "twist"):
        mine = _own(rows, case)
        times = [row["t_compile_first"] - row["t_forward"] for row in mine]
        if mine:
            found.append(Verdict(f"{case}: first call beyond a warm one, s", 10.0, max(times)))
        if len(mine) > 1:
            spread = max(times) / max(min(times), 1e-9)
            found.append(Verdict(f"{case}: the same, largest / smallest over sizes", 1.2, spread))
    return found


def _iterations(rows):
    mine = [r for r in _own(rows, "cube") if r["linear_iters"] and "direct" not in r["solver"].lower()]
    if len(mine) < 2:
        return []
    ratio = max(r["linear_iters"] for r in mine) / min(r["linear_iters"] for r in mine)
    return [
        Verdict(
            "cube: iterations, most / fewest over sizes", 1.5, ratio, f"N = {mine[0]['size']} to {mine[-1]['size']}"
        )
    ]


def _disagreements(rows):
    odd = []
    for own in (row for row in rows if row["package"] == "simphys" and "failed" not in row):
        for row in rows:
            if (row["problem"], row["size"]) == (own["problem"], own["size"]) and row is not own:
                for key in ("check", "grad_check"):
                    off = deviation(row, own, key)
                    if off is not None and not off <= AGREE:
                        odd.append(f"{row['package']} disagrees in {key} of {row['problem']} {row['size']}: {off:.1e}")
    return odd
