#!/usr/bin/env bash
# Basix's default quadrature of degree 3 on tetrahedra has a weight of −4/5 of the volume; so have degrees 7 and 8 negative ones.
#
# `make_quadrature(tetrahedron, 3)` returns the five-point Keast rule. It integrates cubics exactly, so stiffness matrices
# are right. But a mass or capacity matrix of quadratic elements made with it is indefinite, and implicit steps in time that
# are unconditionally stable on paper diverge: the heat equation on a box of 48 such elements grows to 1e3 in 40 steps. A rule
# of the same degree with six positive weights is there too, under its name (QuadratureType.xiao_gimbutas). No other degree up
# to 30, and no other cell, has a negative weight by default.
#
# Seen: Python 3.11, fenics-basix 0.11.0. Output: smallest weight / volume −0.8 (degree 3), −0.375 (7), −0.236 (8).
# Exits 0 while degrees 3, 7 and 8, and no others, have negative weights; else 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check fenics-basix==0.11.0
"$work/venv/bin/python" - <<'PY'
import sys
import basix

cell, named = basix.CellType.tetrahedron, basix.QuadratureType.xiao_gimbutas
negative = {}
for degree in range(31):
    weights = basix.make_quadrature(cell, degree)[1]
    if weights.min() < 0:
        negative[degree] = round(float(6 * weights.min()), 3)
print("smallest weight / volume:", negative)
positive = basix.make_quadrature(cell, 3, rule=named)[1]
print("degree 3 by the name of Xiao and Gimbutas:", len(positive), "points, smallest", float(6 * positive.min()))
sys.exit(0 if sorted(negative) == [3, 7, 8] and positive.min() > 0 else 1)
PY
