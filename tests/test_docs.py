"""Every Python block of the docs is run; a comment behind a print says what it must print."""

import pathlib
import re

import pytest


DOCS = pathlib.Path(__file__).parent.parent / "docs"
PAGES = sorted(p for p in DOCS.glob("*.md") if "```python" in p.read_text())


LONG = {"time", "getting_started", "shapes", "convex_layers"}


@pytest.mark.parametrize(
    "page", [pytest.param(p, marks=[pytest.mark.slow] * (p.stem in LONG), id=p.stem) for p in PAGES]
)
def test_page(page, capsys):
    scope: dict = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.S):
        exec(compile(block, str(page), "exec"), scope)
        printed = capsys.readouterr().out
        for line in block.splitlines():
            wanted = re.search(r"print\(.*\)\s+# (True|False|\(.*\))", line)
            if wanted:
                assert wanted.group(1) in printed, f"{line}\nprinted {printed}"


def test_there_are_pages():
    assert PAGES
