#!/usr/bin/env bash
# MKL's Pardiso (mtype 11, default settings, through PyPardiso) answers saddle-point matrices of flow with relative residuals
# of 1e-5 to above 1, and says that all went well: its pivots are static, the few that come out as rounding are perturbed
# (iparm[13] counts 1 to 3 of them), and two steps of refinement do not make up for that. SuperLU, which pivots as it goes,
# leaves 1e-13 of the same matrices: they are not near singular. Discontinuous pressures (Scott-Vogelius) are worst; of
# Taylor-Hood's matrices on the same cells two of three are answered to 1e-14.
#
# Seen: Python 3.11, x86-64 Linux, pypardiso 0.4.7, mkl 2026.2.0, scikit-fem 11.0.0, scipy 1.17.1, numpy 2.4.6. Output (n, pair,
# unknowns, residual by Pardiso and by SuperLU, perturbed pivots):
#     4 Scott-Vogelius 656 7.2e-02 7.3e-14 2
#     5 Scott-Vogelius 1030 2.0e+00 1.3e-13 2
#     6 Scott-Vogelius 1488 3.1e-02 1.1e-13 3
#     4 Taylor-Hood 425 1.2e-14 2.9e-14 0
#     5 Taylor-Hood 666 2.4e-14 5.4e-14 0
#     6 Taylor-Hood 961 6.6e-06 4.7e-14 1
# What helps: look at the residual of every answer, refine on while it falls, have partial pivoting at hand.
# Exits 0 while Pardiso's worst residual is above 1e-3 and all of SuperLU's are below 1e-10, else 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check "pypardiso==0.4.7" "mkl==2026.2.0" "scikit-fem==11.0.0" "scipy==1.17.1" "numpy==2.4.6"
cat >"$work/run.py" <<'PY'
import numpy as np
import scipy.sparse as sps
import scipy.sparse.linalg as spla
import skfem as fem
from pypardiso import PyPardisoSolver
from skfem.helpers import ddot, div, dot, grad, mul


@fem.BilinearForm
def viscous_and_carried(u, v, w):
    return ddot(grad(u) + np.swapaxes(grad(u), 0, 1), grad(v)) + dot(mul(grad(u), w["speed"]), v)


@fem.BilinearForm
def volume(u, q, _):
    return -div(u) * q


def split(mesh):
    """Each triangle cut into three at its centre."""
    centres, new = mesh.p[:, mesh.t].mean(axis=1), mesh.p.shape[1] + np.arange(mesh.t.shape[1])
    a, b, c = mesh.t
    return fem.MeshTri(
        np.hstack([mesh.p, centres]),
        np.hstack([np.stack([new, b, c]), np.stack([a, new, c]), np.stack([a, b, new])]),
    )


def matrix(n, discontinuous):
    """Oseen's equations in a square: three sides held, one free."""
    side = np.linspace(0, 1, n + 1)
    mesh = split(fem.MeshTri.init_tensor(side, side))
    v = fem.Basis(mesh, fem.ElementVector(fem.ElementTriP2()), intorder=4)
    p = v.with_element(fem.ElementDG(fem.ElementTriP1()) if discontinuous else fem.ElementTriP1())
    speed = v.project(lambda x: np.stack([np.sin(3 * x[0] + x[1]), np.cos(2 * x[1] - x[0])]))
    A, B = viscous_and_carried.assemble(v, speed=v.interpolate(speed)), volume.assemble(v, p)
    K = sps.bmat([[A, B.T], [B, None]], "csr")
    held = v.get_dofs(lambda x: (x[0] < 1e-9) | (x[1] < 1e-9) | (x[1] > 1 - 1e-9)).all()
    free = np.setdiff1d(np.arange(K.shape[0]), held)
    K = sps.csr_matrix(K[free][:, free])
    K.sort_indices()
    return K


worst = {}
for discontinuous, name in ((True, "Scott-Vogelius"), (False, "Taylor-Hood")):
    for n in (4, 5, 6):
        K = matrix(n, discontinuous)
        b = np.random.default_rng(0).standard_normal(K.shape[0])
        solver = PyPardisoSolver(mtype=11)
        left = lambda x: np.linalg.norm(K @ x - b) / np.linalg.norm(b)
        found = left(solver.solve(K, b)), left(spla.splu(sps.csc_matrix(K)).solve(b))
        print(n, name, K.shape[0], "%.1e %.1e" % found, solver.iparm[13])
        for which, size in zip(("Pardiso", "SuperLU"), found):
            worst[name, which] = max(worst.get((name, which), 0.0), size)
assert worst["Scott-Vogelius", "Pardiso"] > 1e-3, worst
assert max(worst[name, "SuperLU"] for name in ("Scott-Vogelius", "Taylor-Hood")) < 1e-10, worst
PY
"$work/venv/bin/python" "$work/run.py"
