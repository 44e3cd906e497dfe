"""What the command line says of itself, and the scenes that come with it."""

import inspect
import pathlib
import subprocess
import sys
import tomllib

import pytest
import typer
from _run_cli import SQUARE, invoke, write

import simphys
from simphys.cli import app
from simphys.cli._words import complete_scene
from simphys.scene import SceneError, _find, copy_scene, find_scene, load, shipped_folder, shipped_scenes


ROOT = pathlib.Path(__file__).parents[2]
COMMANDS = typer.main.get_command(app).commands


def _words(text):
    """Words as they stand on any terminal: without frames, and however lines break."""
    return " ".join(text.replace("│", " ").split())


def test_version():
    for arguments in (["--version"], ["--version", "run"]):
        result = invoke(*arguments)
        assert result.exit_code == 0 and result.stdout == f"simphys {simphys.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_all_that_is_written(command, monkeypatch):
    """Tables in brackets are words, and no markup that is taken away."""
    monkeypatch.setenv("COLUMNS", "200")
    shown = _words(invoke(command, "-h").stdout)
    assert shown == _words(invoke(command, "--help").stdout)
    from simphys.cli import _app as commands

    work = getattr(commands, command, None) or commands.list_
    for part in inspect.cleandoc(work.__doc__).split("\n\n"):
        assert _words(part) in shown
    for parameter in COMMANDS[command].params:
        plain = (parameter.help or "").replace("\\[", "[")
        assert _words(plain) in shown


def test_tables_in_brackets_are_not_taken_for_markup():
    assert "a scene's [fit] from" in _words(invoke("fit", "-h").stdout)
    listed = _words(invoke("-h").stdout)
    assert "a scene's [fit] from" in listed and "a scene's [design] asks" in listed


def test_scenes_are_found_by_their_bare_names_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "cook" in shipped_scenes() and load("cook").name == "cook"
    listed = invoke("list")
    assert listed.exit_code == 0 and any(line.split()[0] == "cook" for line in listed.stdout.splitlines())
    assert len(listed.stdout.splitlines()) == len(shipped_scenes())
    with pytest.raises(SceneError, match="One of the name 'cook' comes with simphys"):
        find_scene("scenes/cook")
    with pytest.raises(SceneError, match="Did you mean 'cook'"):
        find_scene("cok")


def test_the_wheel_carries_them(tmp_path, monkeypatch):
    """Where the package looks for scenes once it is installed is where the wheel puts them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    ((source, target),) = settings["force-include"].items()
    installed = _find._PACKAGE.parent / target  # there if the tests run on an installed simphys, as a bare machine does
    assert shipped_folder() == (installed if installed.is_dir() else ROOT / source)
    assert shipped_scenes().keys() == {file.parent.name for file in (ROOT / source).glob("*/scene.toml")}
    write(tmp_path / target / "cook", SQUARE)
    monkeypatch.setattr(_find, "_PACKAGE", tmp_path / "simphys")
    assert shipped_scenes() == {"cook": tmp_path / target / "cook" / "scene.toml"}


def test_a_folder_of_ones_own_goes_before_a_scene_that_comes_along(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "cook", SQUARE)
    assert load("cook").data.title == "A small square"
    write(tmp_path / "scenes" / "mine", SQUARE)
    lines = [line.split()[0] for line in invoke("list").stdout.splitlines()]
    assert lines[0] == str(pathlib.Path("scenes/mine")) and "cook" in lines


def test_a_copy_is_edited_and_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = invoke("new", "quench", "mypart")
    assert done.exit_code == 0 and "simphys run mypart" in done.stdout
    assert load("mypart").data == load("quench").data
    assert {path.name for path in (tmp_path / "mypart").iterdir()} >= {"scene.toml", "thermocouples.csv"}
    assert invoke("new", "cook").exit_code == 0 and (tmp_path / "cook" / "scene.toml").is_file()
    again = invoke("new", "cook", "mypart")
    assert again.exit_code == 2 and "something is there already" in again.stderr
    with pytest.raises(SceneError, match="lies inside"):
        copy_scene("mypart", "mypart/inner")
    (tmp_path / "one.toml").write_text(SQUARE)
    with pytest.raises(SceneError, match=r"a folder with a scene\.toml expected"):
        copy_scene("one.toml", "other")


def test_names_are_completed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "cookery", SQUARE)
    assert complete_scene("coo") == ["cookery", "cook", "cook_incompressible"]
    write(tmp_path / "parts" / "bolt", SQUARE)
    assert complete_scene("parts/b") == ["parts/bolt"]
    program = "from simphys.cli import main; main()"
    env = {"_SIMPHYS_COMPLETE": "complete_bash", "COMP_WORDS": "simphys run cook_", "COMP_CWORD": "2"}
    given = dict(PYTHONPATH=str(pathlib.Path(simphys.__file__).parents[1]), PATH="")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.argv = ['simphys']; {program}"],
        env=env | given,
        capture_output=True,
        text=True,
    )
    assert "cook_incompressible" in done.stdout
