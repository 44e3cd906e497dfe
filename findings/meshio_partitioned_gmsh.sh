#!/usr/bin/env bash
# meshio: a mesh that gmsh has partitioned and written in its own format 4.1 cannot be read where it has physical groups.
#
# With partitions the file lists the parts of each entity in $PartitionedEntities, which carry the physical groups; elements
# refer to those numbers. meshio skips that section, looks the numbers up among those of $Entities, and ends in a bare
# KeyError with a number. The same model, not partitioned, reads with its groups.
#
# Seen: Python 3.11, gmsh 4.15.2, meshio 5.3.5. Output: whole: groups body, left; partitioned: KeyError
# Exits 0 while the partitioned file raises KeyError and the whole one does not; else 1.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check gmsh==4.15.2 meshio==5.3.5 2>/dev/null
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import gmsh
import meshio

gmsh.initialize()
gmsh.option.setNumber("General.Terminal", 0)
gmsh.model.occ.addBox(0, 0, 0, 1, 1, 1)
gmsh.model.occ.synchronize()
gmsh.model.addPhysicalGroup(3, [1], name="body")
gmsh.model.addPhysicalGroup(2, [1], name="left")
gmsh.option.setNumber("Mesh.MeshSizeMax", 0.5)
gmsh.model.mesh.generate(3)
gmsh.write("whole.msh")
gmsh.model.mesh.partition(2)
gmsh.write("partitioned.msh")
gmsh.finalize()
found = {}
for name in ("whole", "partitioned"):
    try:
        found[name] = "groups " + ", ".join(sorted(meshio.read(f"{name}.msh").field_data))
    except KeyError as error:
        found[name] = type(error).__name__
    print(f"{name}: {found[name]}")
sys.exit(0 if found == {"whole": "groups body, left", "partitioned": "KeyError"} else 1)
PY
