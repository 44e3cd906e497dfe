#!/usr/bin/env bash
# Basix's Lagrange functions on a pyramid have derivatives of 0 at the apex, without a word.
#
# A pyramid's functions are rational: their gradients have no one value at the apex, but depend on the direction that it is
# reached from. `tabulate(1, …)` there gives such slopes as 0, 0, 1 of the position itself, so that det J of any pyramid is 0 at that node, and
# a check of cells at their nodes, or a field's gradient read there, is wrong. A hair below the apex the derivatives add up
# to those of a linear function, as they should; values are right everywhere.
#
# Seen: Python 3.11, fenics-basix 0.11.0. Output: "… at the apex: -0.0 -0.0 1.0 just below: 1.0 1.0 1.0".
# Exits 0 while the slopes at the apex are not (1, 1, 1) and those just below are, else 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check fenics-basix==0.11.0
"$work/venv/bin/python" - <<'PY'
import sys

import basix
import numpy as np

element = basix.create_element(
    basix.ElementFamily.P, basix.CellType.pyramid, 1, basix.LagrangeVariant.equispaced
)


def slopes(point):
    """∂x/∂X, ∂y/∂Y, ∂z/∂Z of the position itself, which is a linear function."""
    table = element.tabulate(1, np.array([point]))[1:, 0, :, 0]
    return np.array([table[k] @ element.points[:, k] for k in range(3)])


apex, below = slopes([0.0, 0.0, 1.0]), slopes([0.0, 0.0, 1.0 - 1e-6])
print("slopes of x, y, z at the apex:", *apex.round(6), "just below:", *below.round(6))
sys.exit(0 if np.allclose(below, 1, atol=1e-6) and not np.allclose(apex, 1, atol=1e-6) else 1)
PY
