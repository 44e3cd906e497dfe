"""Other packages on the same problems, by the scripts of a peers folder; see README.md."""

import pathlib
import subprocess
import sys

from .processes import Limits, run_json


# Name: (script, module that must be there, kind: differentiable by JAX or Torch, or forward only)
PEERS = {
    "torch-fem": ("torch_fem.py", "torchfem", "torch"),
    "jax-fem": ("jax_fem_.py", "jax_fem", "jax"),
    "feax": ("feax_.py", "feax", "jax"),
    "tatva": ("tatva_.py", "tatva", "jax"),
    "autopdex": ("autopdex_.py", "autopdex", "jax"),
    "felupe": ("felupe_.py", "felupe", "forward"),
    "scikit-fem": ("skfem_.py", "skfem", "forward"),
    "ngsolve": ("ngsolve_.py", "ngsolve", "forward"),
    "dolfinx": ("dolfinx_.py", "dolfinx", "forward"),
}
# What the scripts call our cases, and which of them have it.
PROBLEMS = {"cube": "linear", "cubeE": "linearE", "twist": "hyper", "heat": "heat", "simp": "simp"}
LACKING = {
    "cube": ("jax-fem", "feax", "autopdex"),
    "cubeE": ("felupe", "scikit-fem", "ngsolve", "dolfinx"),
    "heat": ("torch-fem", "felupe"),
    "simp": tuple(name for name in PEERS if name not in ("torch-fem", "feax")),
}
# Cases that the peers folder has no scripts for have them here.
OURS = {"simp": pathlib.Path(__file__).resolve().with_name("simp_peers")}


def find(name: str, home: pathlib.Path, scripts: pathlib.Path) -> tuple[str | None, str]:
    """Return the interpreter that has a peer, or None, and why."""
    if name not in PEERS:
        return None, f"no such peer; there are {', '.join(PEERS)}"
    script, module, _ = PEERS[name]
    if not (scripts / script).is_file():
        return None, f"no script {scripts / script}"
    candidates = [home / name / "bin" / "python"]
    if name == "dolfinx":
        # Debian packages it for the system's own Python.
        candidates.append(pathlib.Path("/usr/bin/python3"))
    for python in candidates:
        if python.is_file():
            code = f"import sys, importlib.util as u; sys.exit(u.find_spec({module!r}) is None)"
            if subprocess.run([python, "-c", code], capture_output=True).returncode == 0:
                return str(python), "installed"
    return None, f"not installed ({', '.join(map(str, candidates))})"


def has(name: str, case: str) -> bool:
    """Whether a peer's script does a case."""
    return case in PROBLEMS and name not in LACKING.get(case, ())


def run_peer(
    name: str, python: str, scripts: pathlib.Path, case: str, size: int, limits: Limits, budget: float
) -> dict:
    """Run one peer on one case; return its row, in our names."""
    shim = pathlib.Path(__file__).with_name("peer_shim.py")
    script = str(OURS[case] / PEERS[name][0]) if case in OURS else PEERS[name][0]
    command = [python, str(shim), str(scripts.resolve()), script, PROBLEMS[case], str(size)]
    row = run_json(command, limits, {"PEER_BUDGET": f"{budget:g}"})
    row.pop("peer", None)
    if "cannot" in row:
        row["failed"] = row.pop("cannot")
    return row | {"package": name, "problem": case, "size": size}


def run_simphys(case: str, size: int, limits: Limits, budget: float) -> dict:
    """Run one of our cases in a process of its own; return its row."""
    here = pathlib.Path(__file__).resolve().parent
    command = [sys.executable, str(here), "worker", case, str(size), f"{budget:g}"]
    return run_json(command, limits) | {"package": "simphys", "problem": case, "size": size}
