#!/usr/bin/env bash
# Basix's BDM (and second-kind Nédélec) elements on quadrilaterals span the wrong space: a sign of one term is turned.
#
# On the square BDM_k is P_k² + curl(x^{k+1} y) + curl(x y^{k+1}) (Arnold, Awanou 2014), with curl(x² y) = (x², −2xy), so that
# its divergence is of degree k − 1. Basix's holds (x², +2xy) instead: divergence 4x. Continuity of the normal component and
# unisolvence hold all the same, so that nothing looks wrong, but a mixed method with piecewise constants converges with order
# 1 in place of 2 (an L2 error of the flux of 1.24 → 0.66, with the right space 0.31 → 0.08, from 3 × 3 to 6 × 6 cells, and
# 0.10 → 0.02 by interpolation). N2curl has (2xy, −x²) for the gradient (2xy, x²): not all gradients of the serendipity space
# are in it. Hexahedra are right, as are simplices.
#
# Seen: Python 3.11, fenics-basix 0.11.0. Output: rank of div BDM_1 and curl N2curl_1: 3 and 3 (1 and 1 are right).
# Exits 0 while the ranks are 3, else 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check fenics-basix==0.11.0
"$work/venv/bin/python" - <<'PY'
import sys
import basix
import numpy as np

points = np.random.default_rng(0).random((50, 2))
made = lambda family: basix.create_element(
    family, basix.CellType.quadrilateral, 1, basix.LagrangeVariant.legendre, basix.DPCVariant.legendre
).tabulate(1, points)
bdm, nedelec = made(basix.ElementFamily.BDM), made(basix.ElementFamily.N2E)
ranks = [
    int(np.linalg.matrix_rank(bdm[1, :, :, 0] + bdm[2, :, :, 1])),
    int(np.linalg.matrix_rank(nedelec[1, :, :, 1] - nedelec[2, :, :, 0])),
]
print("rank of div BDM_1 and curl N2curl_1:", ranks)
field = np.stack([points[:, 0] ** 2, 2 * points[:, 0] * points[:, 1]], axis=1).ravel()
table = bdm[0].transpose(0, 2, 1).reshape(100, -1)
print("(x², 2xy) is in BDM_1:", bool(np.linalg.norm(table @ np.linalg.lstsq(table, field, rcond=None)[0] - field) < 1e-12))
sys.exit(0 if ranks == [3, 3] else 1)
PY
