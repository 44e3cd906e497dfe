#!/usr/bin/env bash
# meshio: XDMF with `data_format="Binary"` names its data files as seen from the directory of the process that wrote it.
#
# XDMF takes a relative name to be relative to the XML file. Written as "results/mesh.xdmf", the file says
# "results/mesh0.bin" while mesh0.bin lies beside it: whoever goes by the format looks for results/results/mesh0.bin. meshio
# reads it back only from the directory it was written from, and raises FileNotFoundError after a `cd` into the
# folder or once the folder has moved. (With data_format="HDF" the name is that of the file alone.)
#
# Seen: Python 3.11, meshio 5.3.5, h5py 3.16.0 (without which it writes no XDMF at all, Binary and XML included).
# Output: from the parent: 3 points; from the folder itself: FileNotFoundError
# Exits 0 while the data are found from the parent only; else 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check meshio==5.3.5 h5py==3.16.0 2>/dev/null
mkdir "$work/results"
cd "$work"
"$work/venv/bin/python" - <<'PY'
import os
import sys
import meshio

mesh = meshio.Mesh([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [("triangle", [[0, 1, 2]])])
mesh.write("results/mesh.xdmf", data_format="Binary")
assert os.path.exists("results/mesh0.bin")
points = len(meshio.read("results/mesh.xdmf").points)
print("from the parent:", points, "points")
os.chdir("results")
try:
    found = f"{len(meshio.read('mesh.xdmf').points)} points"
except FileNotFoundError as error:
    found = type(error).__name__
print("from the folder itself:", found)
sys.exit(0 if points == 3 and found == "FileNotFoundError" else 1)
PY
