#!/usr/bin/env bash
# meshio cannot make a block of 13-node pyramids, though its own readers and writers know them.
#
# `meshio.CellBlock("pyramid13", …)` ends in a KeyError: the type is missing from the table of dimensions that each block looks into,
# while the types of VTK and of gmsh have it. So a valid VTU, gmsh or Abaqus file with quadratic pyramids cannot be read, nor
# one written. Way round: add the entry to `meshio._mesh.topological_dimension` first.
#
# Seen: Python 3.11, meshio 5.3.5. Output: "known to VTK: True; block: KeyError 'pyramid13'".
# Exits 0 while the block fails so, else 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check meshio==5.3.5 numpy
"$work/venv/bin/python" - <<'PY'
import sys

import meshio
import numpy as np
from meshio._vtk_common import vtk_to_meshio_type

known = "pyramid13" in vtk_to_meshio_type.values()
try:
    meshio.CellBlock("pyramid13", np.arange(13)[None])
    said = "made"
except KeyError as error:
    said = f"KeyError {error}"
print(f"known to VTK: {known}; block: {said}")
sys.exit(0 if known and said == "KeyError 'pyramid13'" else 1)
PY
