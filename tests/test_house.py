"""The house: imports point down, modules are private, classes are abstract or final."""

import ast
import pathlib
import re
import subprocess
import sys

import pytest


ROOT = pathlib.Path(__file__).parent.parent
PACKAGE = ROOT / "simphys"
FLOORS = {
    "_typing": 0, "_result": 0, "_check": 0, "_arrays": 0, "_trees": 0, "_small": 0.6, "_files": 0,
    "_keyed": 0, "_progress": 0, "_hidden": 0, "_rules": 0.5, "_lapack": 0.5, "_told": 0.2, "_frozen": 0.5,
    "_touching": 0.5, "_notebook": 0,
    "linalg": 1, "_ranges": 1,
    "implicit": 2, "assembly": 2,
    "fem": 3, "grids": 3, "materials": 3, "layers": 3,
    "io": 4, "contact": 4,
    "physics": 5,
    "distributed": 5.5,
    "stepping": 6, "errors": 6.5,
    "inverse": 7, "design": 7, "viz": 7,
    "scene": 8, "report": 8, "tesseract": 8,
    "cli": 9,
    "__main__": 10,
}  # fmt: skip


def _room(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(path):
    """Rooms that a module of the package imports, wherever in the module that stands."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            full = (*base, *(node.module or "").split(".")) if node.module else base
            names = [(*full, alias.name) for alias in node.names] if len(full) == 1 else [full]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "simphys":
            names = [tuple(node.module.split("."))]
        elif isinstance(node, ast.Import):
            names = [tuple(a.name.split(".")) for a in node.names if a.name.split(".")[0] == "simphys"]
        else:
            continue
        yield from (name[1] for name in names if len(name) > 1)


MODULES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


def test_imports_point_down():
    wrong = []
    for path in MODULES:
        room = _room(path)
        assert room in FLOORS, f"{room} stands on no floor of the house"
        above = [x for x in _imports(path) if x != room and FLOORS.get(x, 0) >= FLOORS[room]]
        wrong += [f"{path.relative_to(ROOT)} (floor {FLOORS[room]}) imports {x} (floor {FLOORS[x]})" for x in above]
    assert not wrong


def test_no_room_reaches_into_another():
    """What a room needs of another stands in that room's `__init__`."""
    wrong = []
    for path in MODULES:
        package = path.relative_to(ROOT).with_suffix("").parts[:-1]
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level and node.module:
                full = (*package[: len(package) - node.level + 1], *node.module.split("."))
                if len(full) > 2 and full[1] != _room(path) and (PACKAGE / full[1]).is_dir():
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} imports {'.'.join(full)}")
    assert not wrong


INVERSE = ["parameters", "data", "experiments", "fits", "answers"]
"""The rooms within `inverse`, from the ground up."""


@pytest.mark.parametrize("number, room", list(enumerate(INVERSE)))
def test_rooms_within_inverse_import_down(number, room):
    for path in (PACKAGE / "inverse" / room).glob("*.py"):
        found = re.findall(r"from \.\.(\w+)\.?(\w*) import", path.read_text())
        assert all(below in INVERSE[:number] and not private for below, private in found), path.name


# Modules with LAPACK's factorisations of their own: of one matrix, outside `vmap`.
ALONE = {"_lapack.py", "design/_periodic_cell.py", "fem/_ties.py", "implicit/_bordered.py", "inverse/fits/_train.py",
         "inverse/parameters/_fields.py", "layers/_branch.py", "materials/_moduli.py"}  # fmt: skip


def test_batches_of_factorisations_are_worked_off_one_by_one():
    """Two batches in one program may wait for each other for ever (see `_lapack`)."""
    call = re.compile(
        r"jnp\.linalg\.(inv|solve|cholesky|qr|lstsq|slogdet)\b|jax\.scipy\.linalg|jax\.lax\.linalg|\bjsl\."
    )
    found = {str(p.relative_to(PACKAGE)) for p in MODULES if call.search(p.read_text())}
    assert found == ALONE


def test_modules_are_private():
    public = [p.relative_to(ROOT) for p in MODULES if not p.stem.startswith("_") and p.parent != PACKAGE]
    assert not public


def test_test_modules_have_names_of_their_own():
    """All of tests/ is on one path: of two modules of one name, one hides the other."""
    files = [p for p in (ROOT / "tests").rglob("*.py") if p.name not in ("conftest.py", "__init__.py")]
    names = [p.name for p in files if "data" not in p.parts]
    assert sorted(names) == sorted(set(names))


def test_public_names_are_exported_once():
    for init in PACKAGE.glob("*/__init__.py"):
        names = [
            alias.asname or alias.name
            for node in ast.parse(init.read_text()).body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        ]
        assert len(names) == len(set(names)), f"{init} exports a name twice"


def test_nothing_is_unpickled_or_executed():
    forbidden = re.compile(r"\bpickle\b|\beval\(|\bexec\(|allow_pickle=True|yaml\.load\(")
    found = [str(p.relative_to(ROOT)) for p in PACKAGE.rglob("*.py") if forbidden.search(p.read_text())]
    assert not found


def test_importing_a_room_does_not_open_a_window():
    """Solving needs no pictures: neither matplotlib nor the command line is imported with the physics."""
    code = "import sys, simphys.physics, simphys.inverse; print('matplotlib' in sys.modules, 'typer' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert out.stdout.split() == ["False", "False"]


def test_every_zip_says_whether_lengths_agree():
    """Things that are paired by position must be as many: what is left over would be dropped without a word."""
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "zip"
        if not any(keyword.arg == "strict" for keyword in node.keywords)
    ]
    assert not silent
