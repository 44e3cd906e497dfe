"""The gallery: every example runs, meets its number, and stands on the page of the docs as its file says."""

import importlib
import importlib.util
import json
import pathlib
import re
import sys

import matplotlib.pyplot as plt
import pytest


ROOT = pathlib.Path(__file__).parent.parent
FAST = {"beam_frequencies", "noisy_rod", "traffic", "dam_break"}
"""Those of some 3 s or less; the others are slow."""


def _gallery():
    """The package beside the tests, wherever simphys is installed."""
    spec = importlib.util.spec_from_file_location(
        "gallery", ROOT / "gallery" / "__init__.py", submodule_search_locations=[str(ROOT / "gallery")]
    )
    module = sys.modules["gallery"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GALLERY = _gallery()
PLAY, PAGES, LITERATE = (importlib.import_module(f"gallery.{name}") for name in ("_play", "_pages", "_literate"))
NAMES = PAGES.names()
NEEDS = {"torch_training": "torch"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in FAST else [pytest.mark.slow]) for n in NAMES])
def test_example(name):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    found = PLAY.play(name)
    assert found.good, f"{found.computed:.8g} for {found.reference:.8g}, allowed {found.allowed:g}"
    assert found.reference != 0 and found.allowed <= 0.1
    assert not plt.get_fignums() and found.picture[:4] == b"\x89PNG"
    kept = PAGES.numbers()[name]
    digits = 1e-5  # the page has six
    assert found.computed == pytest.approx(kept[0], rel=2 * found.allowed + digits), "the page says something else"


def test_a_number_that_is_off_is_seen():
    outcome = PLAY.Outcome(1.02, 1.0, 0.01, [], b"")
    assert (
        not outcome.good and outcome._replace(computed=0.991).good and not outcome._replace(computed=float("nan")).good
    )


def test_every_file_is_an_example_of_one_family():
    files = {path.stem for path in (ROOT / "gallery").glob("*.py") if not path.stem.startswith("_")}
    assert files == set(NAMES) and len(NAMES) == len(set(NAMES)) and set(GALLERY.NOTEBOOKS) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_short_and_says_what_it_is(name):
    about, cells = LITERATE.told(name), LITERATE.cells_of(name)
    assert cells[0].text and cells[-2].text and not cells[-1].text
    assert about.title and about.problem and about.equation.startswith("    ") and len(about.problem) < 260
    assert re.fullmatch(r"[A-Za-z0-9 ,'-]+", about.title), "an anchor is made of it"
    lines = [line for line in about.code.splitlines() if line.strip() and not line.startswith(("import", "from"))]
    assert len(lines) <= 42, f"{len(lines)} lines"


def test_the_page_is_made_of_the_files():
    """`python -m gallery` makes it."""
    assert (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8") == PAGES.page()
    assert set(PAGES.numbers()) == set(NAMES)
    pictures = {path.stem: path.stat().st_size for path in (ROOT / "docs" / "gallery").glob("*.png")}
    assert set(pictures) == set(NAMES) and sum(pictures.values()) < 2_500_000


@pytest.mark.parametrize("name", GALLERY.NOTEBOOKS)
def test_notebooks_are_those_of_the_files(name):
    """As nbformat 4.5 wants them; its own check where it is installed."""
    text = (ROOT / "gallery" / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
    book, cells = json.loads(text), LITERATE.cells_of(name)
    assert set(book) == {"cells", "metadata", "nbformat", "nbformat_minor"}
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert ["".join(cell["source"]) for cell in book["cells"]] == [cell.source for cell in cells]
    assert len({cell["id"] for cell in book["cells"]}) == len(cells)
    outputs = [out for cell in book["cells"] if cell["cell_type"] == "code" for out in cell["outputs"]]
    assert any("image/png" in out.get("data", {}) for out in outputs)
    for cell in book["cells"]:
        wanted = {"cell_type", "id", "metadata", "source"}
        assert set(cell) == (wanted if cell["cell_type"] == "markdown" else wanted | {"execution_count", "outputs"})
    if importlib.util.find_spec("nbformat"):
        importlib.import_module("nbformat").validate(book)
