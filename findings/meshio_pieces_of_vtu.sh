#!/usr/bin/env bash
# meshio: of a VTU file with several pieces it keeps all points, but only the cells and the cell data of the last piece.
#
# A piece is what each process of a parallel program writes; VTK's format allows any number of them in one file. Nothing is
# raised and nothing is said: the mesh that comes back has points that belong to no cell, and a part of the body is missing.
#
# Seen: Python 3.11, meshio 5.3.5, numpy 2.4. Output: 7 points, 2 of 3 cells, k = [2.0, 3.0] of [1.0, 2.0, 3.0]
# Exits 0 while the first piece's cells are left out; else 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check meshio==5.3.5 2>/dev/null
cd "$work"
cat > two.vtu <<'VTU'
<?xml version="1.0"?>
<VTKFile type="UnstructuredGrid" version="0.1" byte_order="LittleEndian">
  <UnstructuredGrid>
    <Piece NumberOfPoints="3" NumberOfCells="1">
      <Points><DataArray type="Float64" NumberOfComponents="3" format="ascii">0 0 0  1 0 0  0 1 0</DataArray></Points>
      <Cells>
        <DataArray type="Int32" Name="connectivity" format="ascii">0 1 2</DataArray>
        <DataArray type="Int32" Name="offsets" format="ascii">3</DataArray>
        <DataArray type="UInt8" Name="types" format="ascii">5</DataArray>
      </Cells>
      <CellData><DataArray type="Float64" Name="k" format="ascii">1.0</DataArray></CellData>
    </Piece>
    <Piece NumberOfPoints="4" NumberOfCells="2">
      <Points><DataArray type="Float64" NumberOfComponents="3" format="ascii">5 0 0  6 0 0  5 1 0  6 1 0</DataArray></Points>
      <Cells>
        <DataArray type="Int32" Name="connectivity" format="ascii">0 1 2  1 3 2</DataArray>
        <DataArray type="Int32" Name="offsets" format="ascii">3 6</DataArray>
        <DataArray type="UInt8" Name="types" format="ascii">5 5</DataArray>
      </Cells>
      <CellData><DataArray type="Float64" Name="k" format="ascii">2.0 3.0</DataArray></CellData>
    </Piece>
  </UnstructuredGrid>
</VTKFile>
VTU
"$work/venv/bin/python" - <<'PY'
import sys
import meshio

mesh = meshio.read("two.vtu")
cells, k = sum(len(block.data) for block in mesh.cells), [float(x) for block in mesh.cell_data["k"] for x in block]
print(f"{len(mesh.points)} points, {cells} of 3 cells, k = {k} of [1.0, 2.0, 3.0]")
sys.exit(0 if (len(mesh.points), cells, k) == (7, 2, [2.0, 3.0]) else 1)
PY
