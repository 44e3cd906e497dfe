"""The README's Python is run as it stands there, and its commands are those CI runs."""

import pathlib
import re

import pytest


ROOT = pathlib.Path(__file__).parent.parent
TEXT = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.S)
COMMANDS = re.findall(r"```sh\n(.*?)\n```", TEXT, re.S)


def test_snippet_is_short():
    lines = [line for line in SNIPPETS[0].splitlines() if line.strip()]
    assert len(lines) <= 25


def test_ci_runs_the_commands():
    script = (ROOT / ".ci" / "run").read_text()
    test = COMMANDS[1].replace("pytest ", "pytest -q ").replace("pip install ", "pip install -q ")
    assert test in script
    assert COMMANDS[0].replace("pip install ", "pip install -q ") in script


@pytest.mark.slow
def test_readme_path(monkeypatch, capsys):
    """The first snippet finds the constants; the second one differentiates with what the first left behind."""
    monkeypatch.chdir(ROOT)
    scope: dict = {}
    exec(SNIPPETS[0], scope)
    result = scope["result"]
    assert result.successful
    assert 0.8 < result.uncertainty.reduced_chi2 < 1.2
    assert result.gradient_agreement < 1e-8
    assert "c10" in capsys.readouterr().out
    scope["sensors"], scope["measured"] = scope["seen"].setting(0), scope["seen"].measured[0]
    exec(SNIPPETS[1].replace("sp.check_gradient(misfit, solid)", ""), scope)
    assert scope["certificate"].failures == 0
    assert scope["certificate"].residual < 1e-8
    assert scope["gradient"].material.c10 != 0
