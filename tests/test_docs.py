"""Every Python block of the docs is run; a comment behind a print says what it must print."""

import pathlib
import re

import pytest
from _printed import agrees, run


DOCS = pathlib.Path(__file__).parent.parent / "docs"
PAGES = sorted(p for p in DOCS.glob("*.md") if "```python" in p.read_text())


LONG = {
    "accuracy",
    "distributed",
    "conservation_laws",
    "time",
    "getting_started",
    "shapes",
    "convex_layers",
    "your_own_equation",
}


@pytest.mark.breadth
@pytest.mark.parametrize(
    "page", [pytest.param(p, marks=[pytest.mark.slow] * (p.stem in LONG), id=p.stem) for p in PAGES]
)
def test_page(page):
    scope: dict = {}
    for number, block in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.S)):
        run(block, scope, f"{page.name}, block {number + 1}")


def test_there_are_pages():
    assert PAGES


@pytest.mark.parametrize(
    ("printed", "comment", "good"),
    [
        ("True", "True", True),
        ("True", "True: the adjoint system was solved", True),
        ("True True", "True", False),
        ("False", "True", False),
        ("True (3, 3)", "(3, 3)", False),
        ("0.254961", "0.255", True),
        ("0.2544", "0.255", False),
        ("-0.255", "0.255", False),
        ("(225, 3)", "(225, 3)", True),
        ("(226, 3)", "(225, 3)", False),
        ("3.24e-07 m", "3.2e-7 m", True),
        ("3.24e-07 m", "3.2e-6 m", False),
        ("a: 1.04, b: 2", "a: 1.0, b: 2: fitted", True),
        ("nan", "1.0", False),
        ("Cache(size=123, limit=8)", "Cache(size=…, limit=8)", True),
        ("Cache(size=123, limit=9)", "Cache(size=…, limit=8)", False),
    ],
)
def test_a_comment_is_what_is_printed(printed, comment, good):
    assert agrees(printed, comment) is good


def test_a_line_is_compared_with_its_own_comment():
    """Not with what another line of the block prints."""
    good = "x = 1\nprint(\n    x == 1,\n    x,\n)  # True 1\nfor k in range(2):\n    print('é', x)  # é 1\n"
    run(good, {}, "good")
    for wrong in ("print(True)\nprint(1 == 2)  # True\n", "if 1 == 2:\n    print(True)  # True\n"):
        with pytest.raises(AssertionError, match="# True\nprinted"):
            run(wrong, {}, "wrong")
