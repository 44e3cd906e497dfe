#!/usr/bin/env bash
# meshio 5.3.5 knows no scopes in Abaqus decks: a set of the assembly replaces the part's set of the same name.
#
# Abaqus/CAE calls the first set of every part and of the assembly `Set-1`, so most decks have both. The part's is
# `P-1.Set-1` to Abaqus, and loads may refer to either. meshio returns one `Set-1`, the one that came last, and the part's
# nodes are in no set any more; nothing says so.
#
# Seen: Python 3.11, meshio 5.3.5. Output: {'Set-1': [2, 3]}; the part's set, nodes [0, 1], is gone.
# Exits 0 while that is so; 1 when both sets are there.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check meshio==5.3.5
cat > "$work/deck.inp" <<'DECK'
*PART, NAME=P
*NODE
1, 0.0, 0.0, 0.0
2, 1.0, 0.0, 0.0
3, 1.0, 1.0, 0.0
4, 0.0, 1.0, 0.0
*ELEMENT, TYPE=CPS4, ELSET=one
1, 1, 2, 3, 4
*NSET, NSET=Set-1
1, 2
*END PART
*ASSEMBLY, NAME=A
*INSTANCE, NAME=P-1, PART=P
*END INSTANCE
*NSET, NSET=Set-1, INSTANCE=P-1
3, 4
*END ASSEMBLY
DECK
"$work/venv/bin/python" - "$work/deck.inp" <<'PY'
import sys
import meshio

sets = {name: nodes.tolist() for name, nodes in meshio.read(sys.argv[1]).point_sets.items()}
print(sets)
sys.exit(0 if sets == {"Set-1": [2, 3]} else 1)
PY
