#!/usr/bin/env bash
# meshio 5.3.5 keeps Abaqus's order of three-node lines, in which the middle node is the second: its own `line3` has it third.
#
# Abaqus numbers T3D3, B32 and DC1D3 from one end to the other; meshio documents VTK's order (end, end, middle) for `line3`
# and permutes nothing when it reads a deck. Written on to VTU, the element runs from 0 to 1 with its middle node at 2: its
# map folds back over itself, and its length is wrong.
#
# Seen: Python 3.11, meshio 5.3.5. Output: line3 [[0, 1, 2]] with x = [0.0, 1.0, 2.0]; right would be [[0, 2, 1]].
# Exits 0 while that is so; 1 when nodes are permuted.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check meshio==5.3.5
cat > "$work/rod.inp" <<'DECK'
*NODE
1, 0.0, 0.0, 0.0
2, 1.0, 0.0, 0.0
3, 2.0, 0.0, 0.0
*ELEMENT, TYPE=T3D3, ELSET=rod
1, 1, 2, 3
DECK
"$work/venv/bin/python" - "$work/rod.inp" <<'PY'
import sys
import meshio

mesh = meshio.read(sys.argv[1])
cells = mesh.cells[0]
print(cells.type, cells.data.tolist(), "with x =", mesh.points[:, 0].tolist())
sys.exit(0 if cells.type == "line3" and cells.data.tolist() == [[0, 1, 2]] else 1)
PY
