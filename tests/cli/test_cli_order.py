"""What the command line tells first: numbers before pictures, and that it compiles."""

import contextlib
import io
import threading
import time
import types

from rich.console import Console

from simphys.cli import _doing
from simphys.cli._follow import finish, follow
from simphys.scene import Told


class Seen:
    """A session that keeps what is printed."""

    def __init__(self, out):
        self.stream, self.out, self.shown, self.said = io.StringIO(), out, False, []
        self.console = Console(file=self.stream, width=100)
        self.result = types.SimpleNamespace(content={}, write=lambda: None, finish=lambda *_: None)

    def may_stop_here(self):
        pass

    def spent(self, name, seconds):
        pass

    def say(self, text):
        self.said.append(text)

    @contextlib.contextmanager
    def timing(self, name):
        yield


def test_numbers_are_printed_before_pictures_are_drawn_and_once(tmp_path):
    session, there = Seen(tmp_path), []
    draw = lambda path: there.append("tip" in session.stream.getvalue())

    def telling(_):
        yield Told(content={"observables": {"tip": {"value": 23.96, "reference": 23.97}}})
        yield Told(final=True)
        yield Told(pictures={"a.png": draw}, stage="output")
        yield Told(final=True, status="successful")

    follow(session, types.SimpleNamespace(space=None), telling, "solving ...")
    assert there == [True]
    finish(session, "successful", "")
    assert session.stream.getvalue().count("23.96") == 1


def test_a_long_compilation_is_said(monkeypatch):
    shown, busy, over = [], [True], threading.Event()
    monkeypatch.setattr(_doing, "compiles", lambda thread: busy[0])
    monkeypatch.setattr(_doing, "EVERY", 0.01)
    monkeypatch.setattr(_doing, "AFTER", 0.05)
    doing = _doing.Doing(types.SimpleNamespace(update=shown.append), "solving ...")
    watcher = threading.Thread(target=doing.watch, args=(over, 0))
    watcher.start()
    time.sleep(0.5)
    busy[0] = False
    time.sleep(0.2)
    over.set()
    watcher.join()
    assert "compiling" in shown[0] and shown[0].startswith("solving ...") and shown[-1] == "solving ..."
