"""The reference: every public name stands on a page, and says what it is."""

import importlib.util
import inspect
import json
import pathlib
import re
import subprocess
import sys

import pytest


ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(reference):
    return reference.pages()


def test_every_public_name_stands_on_a_page(reference, pages):
    """All that may be imported without an underscore, whoever exports it."""
    missing = []
    for room in reference.rooms()[1:]:
        module = reference.module_of(room)
        names = {name for name in [*dir(module), *getattr(module, "_HOMES", ())] if not name.startswith("_")}
        public = {
            n for n in names if not inspect.ismodule(getattr(module, n)) and n not in ("TYPE_CHECKING", "importlib")
        }
        assert len(public) > 0
        missing += [f"simphys.{room}.{n}" for n in sorted(public) if f"### `{n}` {{ #{n} }}" not in pages[f"{room}.md"]]
    import simphys

    missing += [f"simphys.{name}" for name in simphys._HOMES if f"`{name}`" not in pages["simphys.md"]]
    assert not missing


def test_every_public_name_says_what_it_is(reference):
    silent = [
        f"simphys.{room}.{name}"
        for room in reference.rooms()[1:]
        for name in reference.names_of(room)
        if callable(thing := getattr(reference.module_of(room), name)) and not (inspect.getdoc(thing) or "").strip()
    ]
    assert not silent


def test_every_key_and_command_stands_on_a_page(pages):
    from simphys.cli import app
    from simphys.scene import json_schema

    schema = json_schema()
    for table in (schema, *schema["$defs"].values()):
        for key in table["properties"]:
            assert f"| `{key}`" in pages["scene_keys.md"]
    for command in app.registered_commands:
        assert f"## `simphys {command.name or command.callback.__name__}`" in pages["command_line.md"]


def test_links_lead_somewhere(pages):
    for name, text in pages.items():
        for page, anchor in re.findall(r"\]\(([a-z_]+\.md)(?:#(\w+))?\)", text):
            assert page in pages, (name, page)
            assert not anchor or f"{{ #{anchor} }}" in pages[page], (name, page, anchor)


def test_what_a_class_inherits_is_named(pages):
    solid = pages["physics.md"].partition("{ #Solid }")[2].partition("\n### ")[0]
    own, _, inherited = solid.partition("\nInherited:\n")
    assert "- `.reactions(value, rate=None)`: Return the nodal forces" in inherited and "`.reactions" not in own
    assert "- `.constraints`" not in inherited


def test_arguments_are_no_links_to_functions_of_the_same_name(reference, pages):
    assert (
        reference.linked("`field` and `mesh`") == "`field` and `mesh`" and "](viz.md#field)" not in pages["physics.md"]
    )
    assert reference.linked("as `solve` does") == "as [`solve`](implicit.md#solve) does"


def test_equations_stand_by_themselves(reference):
    shown = reference.rendered("Solve it.\n\n    F(y) = 0,   y ∈ V\n\n- `x`: a.\n\nWhere `y = 0` it ends.")
    assert "Where `y = 0` it ends." in shown.split("\n\n")
    assert reference.rendered("It is\n\nF(y*(θ), θ) = 0").split("\n\n")[1] == "```text\nF(y*(θ), θ) = 0\n```"
    assert reference.linked("a `Solid(…)` here") == "a [`Solid(…)`](physics.md#Solid) here"
    assert reference.toml({"a": [1.0, True], "b.c": "x"}) == '{a = [1.0, true], "b.c" = "x"}'


def test_the_site_has_every_page_of_the_docs(pages):
    """Nothing is written that the site's table of contents leaves out."""
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    written = [path.name for path in (ROOT / "docs").glob("*.md")] + [f"reference/{name}" for name in pages]
    assert not [name for name in written if name not in settings]


@pytest.mark.slow
def test_the_site_is_built_and_asks_nothing_of_a_network(tmp_path):
    pytest.importorskip("material")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(tmp_path / "site")]
    subprocess.run(command, check=True, cwd=ROOT, timeout=300)
    html = [path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("*.html")]
    assert len(html) > 40
    assert not any(
        re.search(r'<(script|link|img)[^>]+(src|href)="https?://[^"]+\.(js|css|png|woff2?)"', page) for page in html
    )
    assert "simphys.physics.Solid" in (tmp_path / "site" / "llms.txt").read_text(encoding="utf-8")
    index = json.loads((tmp_path / "site" / "search" / "search_index.json").read_text(encoding="utf-8"))
    assert any("NeoHooke" in entry["title"] for entry in index["docs"])
