"""Lines that tell of calls that take long: where somebody looks, not elsewhere, and gone in the end."""

import io
import subprocess
import sys
import threading
import time

import jax
import jax.numpy as jnp
import pytest

import simphys as sp
from simphys import _progress
from simphys._progress import compiles, somebody_looks, telling, told


@pytest.fixture
def terminal(monkeypatch):
    """A terminal that somebody looks at, and no patience."""
    stream = io.StringIO()
    monkeypatch.setattr(_progress, "stream", lambda: stream)
    monkeypatch.setattr(_progress, "somebody_looks", lambda: True)
    monkeypatch.setattr(_progress, "AFTER", 0.1)
    monkeypatch.setattr(_progress, "EVERY", 0.02)
    return stream


def test_a_long_call_shows_one_line_that_is_gone_in_the_end(terminal):
    with telling("fit") as say:
        say("iteration 3")
        time.sleep(0.4)
    shown = terminal.getvalue().split("\r")
    assert any("fit, 0 s: iteration 3" in line for line in shown) and "\n" not in terminal.getvalue()
    assert shown[-1] == "" and not shown[-2].strip()


def test_a_short_call_shows_nothing(terminal):
    with telling("fit") as say:
        say("iteration 3")
    assert terminal.getvalue() == ""


def test_of_calls_within_calls_the_outermost_tells(terminal):
    with telling("outer"), telling("inner"):
        time.sleep(0.3)
    assert "outer" in terminal.getvalue() and "inner" not in terminal.getvalue()
    with telling("outer", False), telling("inner"):
        time.sleep(0.3)
    assert "inner" not in terminal.getvalue()


def test_what_is_asked_for(terminal, monkeypatch):
    monkeypatch.setattr(_progress, "somebody_looks", lambda: False)
    lines = []
    with telling("fit", lines.append) as say:
        say("one")
    with telling("fit") as say:
        say("two")
        time.sleep(0.3)
    assert lines == ["one"] and terminal.getvalue() == ""
    with telling("fit", True):
        time.sleep(0.05)
    assert "fit" in terminal.getvalue()
    with pytest.raises(ValueError, match="`progress` must be True, False, None or a function"), telling("fit", 3):
        pass


def test_a_function_is_given_what_tells():
    @told("work")
    def work(number, *, progress=None):
        progress(f"number {number}")
        return number

    lines = []
    assert work(3) == 3 and work(4, progress=lines.append) == 4 and lines == ["number 4"]


def test_nobody_looks_in_tests_and_where_there_is_no_terminal():
    assert not somebody_looks()
    code = "from simphys._progress import somebody_looks; print(somebody_looks())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PATH": ""}, check=True)
    assert found.stdout.split() == ["False"]


def test_compilation_is_seen_from_another_thread():
    seen, over = [], threading.Event()
    me = threading.get_ident()

    def watch():
        while not over.wait(0.005):
            seen.append(compiles(me))

    watcher = threading.Thread(target=watch)
    watcher.start()
    jax.jit(lambda x: sum(jnp.sin(x + k) for k in range(300)))(1.0)
    compiled = len(seen)
    time.sleep(0.1)
    over.set()
    watcher.join()
    assert any(seen[:compiled]) and not any(seen[compiled + 2 :])


def test_a_solve_tells_and_takes_the_argument(terminal, monkeypatch):
    problem = sp.RootProblem(lambda y, args: y - 2.0, guess=jnp.zeros(()))
    assert float(sp.solve(problem, progress=False).value) == 2.0
    monkeypatch.setattr(_progress, "AFTER", 0.0)
    sp.solve(problem)
    assert "solve, 0 s: " in terminal.getvalue()
    with pytest.raises(ValueError, match="`progress` must be"):
        sp.solve(problem, progress="yes")
