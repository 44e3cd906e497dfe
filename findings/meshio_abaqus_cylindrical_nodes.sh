#!/usr/bin/env bash
# meshio 5.3.5 reads nodes that an Abaqus deck gives in cylindrical coordinates as Cartesian ones, without a word.
#
# `*NODE, SYSTEM=C` declares rows of (number, r, θ in degrees, z). A quarter of a ring between r = 1 and r = 2 comes out with
# its node at (r, θ) = (2, 90°) at (2, 90) instead of (0, 2): a cell 90 units high, of positive area, so that no check of the
# mesh objects. A solver computes on it and converges.
#
# Seen: Python 3.11, meshio 5.3.5, NumPy 2.x. Output: [[1.0, 0.0], [2.0, 0.0], [2.0, 90.0], [1.0, 90.0]]
# Exits 0 while the option is passed over; 1 when it is read or refused.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check meshio==5.3.5
cat > "$work/ring.inp" <<'DECK'
*NODE, SYSTEM=C
1, 1.0, 0.0, 0.0
2, 2.0, 0.0, 0.0
3, 2.0, 90.0, 0.0
4, 1.0, 90.0, 0.0
*ELEMENT, TYPE=CPS4, ELSET=ring
1, 1, 2, 3, 4
DECK
"$work/venv/bin/python" - "$work/ring.inp" <<'PY'
import sys
import meshio

points = meshio.read(sys.argv[1]).points[:, :2].tolist()
print(points)
sys.exit(0 if points[2] == [2.0, 90.0] else 1)
PY
