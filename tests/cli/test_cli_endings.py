"""Whatever happens, an ending: a line on stderr, an exit code, a finished result.json; and nothing outside of folders."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import equinox as eqx
import pytest
from _run_cli import ROD, SQUARE, TABLE, invoke, report, write
from test_cli_process import ROOT, finished

import simphys.cli._result_file as result_file
import simphys.cli._run as run_module
from simphys._files import FolderInUse, replacing, sole_writer
from simphys.cli._ending import ending_of
from simphys.cli._result_file import ResultFile
from simphys.scene import _limits as limits


LEARNED = SQUARE.replace('law = "NeoHooke"', 'law = "NeuralHyperelastic"').replace(
    "lam = 2.0", 'kappa = 2.0\nweights = "w.npz"'
)


def bad(command, scene, *options):
    """What a command says of bad input; it has finished its result."""
    out = scene.parent / "out"
    result = invoke(command, scene, "--out", out, *options)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output and "error:" in result.output
    assert report(out)["status"] in ("bad_input", "file_error")
    return " ".join(result.output.split())


@pytest.mark.parametrize(
    "text, words",
    [
        (SQUARE + "\nx = " + "[" * 3000 + "]" * 3000, "nested too deeply"),
        (SQUARE + "\ny.z = " + "[" * 40 + "]" * 40, "nested more than 30 deep"),
        (SQUARE.replace("mu = 1.0", "mu = 1" + "0" * 5000), "not valid TOML"),
        (SQUARE.replace("mu = 1.0", "mu = 1" + "0" * 400), "solid.material.mu: a whole number has 64 bits at most"),
        (SQUARE.replace("mu = 1.0", "mu = [1, 2]"), "solid.material: NeoHooke cannot be evaluated with `mu`"),
        (SQUARE.replace("mu = 1.0", "mu = [[1.0]]"), "solid.material: NeoHooke cannot be evaluated with `mu`"),
        (SQUARE.replace("mu = 1.0", 'mu = "1"'), "solid.material: `mu`: a number expected, got '1' (a string)"),
        (LEARNED.replace('"w.npz"', "{ width = 1000000 }"), "`width` up to 4096 expected"),
        (SQUARE.replace("observe.tip", 'observe."../tip"'), "observe.../tip: '../tip' (a string) is no name"),
        (SQUARE.replace("observe.tip", 'observe.".."'), "is no name"),
    ],
)  # fmt: skip
def test_scenes_that_cannot_be_meant(tmp_path, text, words):
    assert words in bad("run", write(tmp_path / "s", text))


@pytest.mark.parametrize(
    "override, words",
    [
        ("mesh.cells.²=3", "--set: 'mesh.cells.²': a number from 0 to 1 expected"),
        ("mesh.cells." + "9" * 5000 + "=3", "a number from 0 to 1 expected"),
        ("mesh.cells=[100000, 100000]", "a built-in mesh has 10000000 cells at most, got 10000000000"),
        ("space.quadrature_degree=31", "a positive whole number up to 30 expected, got 31"),
        ("steps.count=1000001", "a positive whole number up to 1000000 expected"),
        ("mesh={kind='file', file='../secret.msh'}", "lies outside of the scene's folder"),
        ("mesh={kind='file', file='/etc/hostname'}", "lies outside of the scene's folder"),
    ],
)
def test_overrides_that_cannot_be_meant(tmp_path, override, words):
    (tmp_path / "secret.msh").write_text("the secret")
    said = bad("run", write(tmp_path / "s", SQUARE), "--set", override)
    assert words in said and "the secret" not in said


def test_limits_are_looked_up_when_they_are_needed(tmp_path, monkeypatch):
    for what, override in (("cells", "mesh.cells=[3, 3]"), ("count", "steps.count=4"), ("nesting", "title='x'")):
        with monkeypatch.context() as lowered:
            lowered.setitem(limits.LIMITS, what, 2)
            assert "2" in bad("run", write(tmp_path / "s", SQUARE), "--set", override)
    with pytest.raises(ValueError, match=r"would be 12 numbers; 10 at most"), monkeypatch.context() as lowered:
        lowered.setitem(limits.LIMITS, "numbers", 10)
        limits.check_numbers("this", 3, 4)


@pytest.mark.parametrize(
    "override, words",
    [
        ("heat.capacity=0.0", "heat.capacity: a positive number expected, got 0.0"),
        ("heat.capacity='a'", "heat.capacity: a positive number expected, got 'a'"),
        ("heat.capacity={curve='x'}", "heat.capacity.curve: 'Constant'"),
        ("heat.loads.air.h=-1.0", "heat.loads.air.h: 0 or a positive number expected"),
        ("heat.material.k=[1.0, 2.0]", "IsotropicConduction cannot be evaluated with `k`"),
        ("heat.material.k={curve='Table', temperatures=['a'], values=[1.0]}", "heat.material"),
    ],
)
def test_one_error_for_one_fault(tmp_path, override, words):
    said = bad("run", write(tmp_path / "rod", ROD, TABLE), "--set", override)
    assert words in said and "errors" not in said


@pytest.mark.parametrize(
    "content, words",
    [
        (('x,T\n"' + "1" * 200_000 + '",2\n').encode(), "rod.csv:2: no line of a table"),
        (TABLE.encode("utf-16"), "save it as CSV in UTF-8"),
        (TABLE.encode("utf-16-le"), "save it as CSV in UTF-8"),
        (("x,T\n" + "a" * 5000 + ",2\n").encode(), "a finite number expected, got 'aaaaa"),
    ],
)
def test_tables_that_are_none(tmp_path, content, words):
    scene = write(tmp_path / "rod", ROD)
    (scene / "rod.csv").write_bytes(content)
    said = bad("fit", scene)
    assert words in said and len(said) < 1000


def test_folders_where_files_should_be(tmp_path):
    scene = write(tmp_path / "rod", ROD)
    (scene / "rod.csv").mkdir()
    assert "is a folder, not a table" in bad("fit", scene)
    scene = write(tmp_path / "learned", LEARNED)
    (scene / "w.npz").mkdir()
    assert "Is a directory" in bad("run", scene)
    (tmp_path / "x" / "scene.toml").mkdir(parents=True)
    for path in (tmp_path / "x", tmp_path / "x" / "scene.toml"):
        result = invoke("run", path, "--out", tmp_path / "out")
        assert result.exit_code == 2 and "this is a folder" in result.output


def test_files_outside_are_read_if_that_is_allowed(tmp_path):
    scene = write(tmp_path / "rod", ROD.replace('"rod.csv"', '"../rod.csv"'))
    (tmp_path / "rod.csv").write_text("x,T\nsecret,1\n")
    (scene / "link.csv").symlink_to(tmp_path / "rod.csv")
    for override in ((), ("--set", "fit.data.temperature.file='link.csv'")):
        said = bad("fit", scene, *override)
        assert "--allow-outside" in said and "secret" not in said
        assert "a finite number expected" in bad("fit", scene, "--allow-outside", *override)


def test_a_stretched_noise_is_no_overflow(tmp_path):
    scene = write(tmp_path / "rod", ROD, TABLE + "0.7,warm\n")
    assert "got 'warm'" in bad("fit", scene, "--set", "fit.data.temperature.noise=1e300")


@pytest.mark.parametrize("out", ["file/x", "/proc/nothing/x", "a" * 300])
def test_where_nothing_can_be_written_nothing_is_computed(tmp_path, monkeypatch, out):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(run_module, "run_scene", None)
    result = invoke("run", write(tmp_path / "s", SQUARE), "--out", tmp_path / out)
    assert result.exit_code == 2 and "--out: nothing can be written there" in " ".join(result.output.split())


def test_a_folder_has_one_writer_at_a_time(tmp_path):
    scene = write(tmp_path / "s", SQUARE)
    with sole_writer(tmp_path / "out", "a long run"):
        with pytest.raises(FolderInUse, match="a long run"), sole_writer(tmp_path / "out", "another"):
            pass
        result = invoke("run", scene, "--out", tmp_path / "out")
        said = " ".join(result.output.split())
        assert result.exit_code == 2 and f"process {os.getpid()} on" in said and "a long run" in said
        assert not (tmp_path / "out" / "result.json").exists()
    assert not list((tmp_path / "out").iterdir())
    with sole_writer(tmp_path / "out", "the next"):
        pass


def test_a_dead_owner_owns_nothing(tmp_path):
    code = f"""if True:
        import os, pathlib
        from simphys._files import sole_writer
        with sole_writer(pathlib.Path({str(tmp_path)!r}), "a run that dies"):
            os.kill(os.getpid(), 9)"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, timeout=60).returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == [".simphys.lock"]
    with sole_writer(tmp_path, "the next"):
        pass


def test_temporary_names_are_never_the_same(tmp_path):
    with replacing(tmp_path / "a.txt") as first, replacing(tmp_path / "a.txt") as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a.txt").read_text() == "first" and len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_leaves_a_finished_result(tmp_path, monkeypatch):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "fields_00000.vtu")

    def compute(session, resume):
        session.result.content["steps"] = list(range(1000))
        monkeypatch.setattr(result_file, "replacing", lambda path: (_ for _ in ()).throw(full))
        raise full

    monkeypatch.setattr(run_module, "run_scene", compute)
    result = invoke("run", write(tmp_path / "s", SQUARE), "--out", tmp_path / "out")
    assert result.exit_code == 2 and "No space left on device: fields_00000.vtu" in result.output
    assert report(tmp_path / "out")["status"] == "file_error"


@pytest.mark.slow
def test_a_limit_on_files_ends_in_words(tmp_path):
    linear = SQUARE.replace("NeoHooke", "LinearElastic").replace("mu = 1.0\nlam = 2.0", "E = 1.0\nnu = 0.3")
    scene, out = write(tmp_path / "s", linear), tmp_path / "out"
    code = f"""if True:
        import resource, sys
        from simphys.cli import main
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
        sys.argv = ["simphys", "run", {str(scene)!r}, "--out", {str(out)!r}, "--quiet"]
        main()"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SIMPHYS_CACHE": ""}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2 and "File too large" in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert report(out)["status"] == "file_error"


def test_a_fault_of_our_own_is_told_from_bad_input(tmp_path, monkeypatch):
    def wrong(session, resume):
        raise TypeError("a fault")

    monkeypatch.setattr(run_module, "run_scene", wrong)
    scene = write(tmp_path / "s", SQUARE)
    result = invoke("run", scene, "--out", tmp_path / "out")
    assert result.exit_code == 70 and "Traceback" not in result.output
    assert "internal error" in result.output and "--debug" in result.output
    assert report(tmp_path / "out")["status"] == "internal_error"
    result = invoke("run", scene, "--out", tmp_path / "out", "--debug")
    assert result.exit_code == 70 and "Traceback" in result.output and "a fault" in result.output


def test_what_exceptions_mean():
    for error, status, code in (
        (MemoryError("Unable to allocate 8 TiB"), "out_of_memory", 2),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "file_error", 2),
        (KeyboardInterrupt(), "interrupted", 130),
        (ValueError("from a library"), "internal_error", 70),
        (RecursionError(), "internal_error", 70),
    ):
        found = ending_of(error)
        assert (found.status, found.code) == (status, code) and found.message
    try:
        limits.check_numbers("x", 10**6, 10**6)
    except ValueError as error:
        assert ending_of(error).code == 2
    made = "Above is the stack outside of JIT. Below is the stack inside of JIT:\n\nequinox.EquinoxRuntimeError: "
    assert ending_of(eqx.EquinoxRuntimeError(f"{made}It diverges.\n---")).message == "It diverges."
    assert ending_of(eqx.EquinoxRuntimeError("It diverges.")).message == "It diverges."


def test_a_result_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(result_file, "HEARTBEAT", 0.01)
    result = ResultFile(tmp_path / "result.json", "run", "scene.toml", (), time.perf_counter())
    with result.closing():
        first = (tmp_path / "result.json").stat().st_ino
        for _ in range(500):
            if (tmp_path / "result.json").stat().st_ino != first:
                break
            time.sleep(0.01)
        found = report(tmp_path)
        assert found["status"] == "running" and found["pid"] == os.getpid() and found["heartbeat"] >= found["started"]
        assert (tmp_path / "result.json").stat().st_ino != first
        result.finish("successful")
    assert report(tmp_path)["status"] == "successful"
    with (
        pytest.raises(AssertionError, match="how it ended"),
        ResultFile(tmp_path / "result.json", "run", "scene.toml", (), time.perf_counter()).closing(),
    ):
        pass
    assert report(tmp_path)["status"] == "internal_error"


def test_a_terminated_run_says_so(tmp_path):
    result = ResultFile(tmp_path / "result.json", "run", "scene.toml", (), time.perf_counter())
    code = f"""if True:
        import os, pathlib, signal, time
        from rich.console import Console
        from simphys.cli._result_file import ResultFile
        from simphys.cli._session import _Interruption
        result = ResultFile(pathlib.Path({str(result.path)!r}), "run", "scene.toml", (), 0.0)
        with result.closing(), _Interruption(result, Console(stderr=True)):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, timeout=60).returncode == 128 + signal.SIGTERM
    assert json.loads(result.path.read_text())["message"] == "Stopped by SIGTERM."


def test_the_environment_is_left_as_it_is(tmp_path):
    before = dict(os.environ)
    bad("run", write(tmp_path / "s", SQUARE), "--device", "cpu", "--set", "observe.tip.at=[5.0, 5.0]")
    assert dict(os.environ) == before


@pytest.mark.slow
def test_nobody_reads_the_output(tmp_path):
    scene, out = write(tmp_path / "s", SQUARE), tmp_path / "out"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "simphys", "run", str(scene), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    process.stdout.close()
    said = process.stderr.read()
    assert process.wait(timeout=300) == 2 and "Traceback" not in said, said
    assert report(out)["status"] == "file_error"


def test_a_terminal_without_signs(tmp_path):
    code, _, errors = finished("list", ROOT / "scenes", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert code == 0, errors


LINEAR = SQUARE.replace("NeoHooke", "LinearElastic").replace("mu = 1.0\nlam = 2.0", "E = 1e308\nnu = 0.3")


@pytest.mark.slow
def test_a_linear_problem_that_fails_has_no_values(tmp_path):
    result = invoke("run", write(tmp_path / "s", LINEAR), "--out", tmp_path / "out", "--set", "steps.count=1")
    said = " ".join(result.output.split())
    assert result.exit_code == 3 and "no equilibrium was found" in said and "last equilibrium" not in said
    found = report(tmp_path / "out")
    assert found["observables"] == {} and "fields" not in found and found["steps"][0]["reached"] == 0
    assert found["certificate"]["load_factor"] == 0 and not found["certificate"]["converged"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["result.json"]


def test_scripts_of_gmsh_are_not_run_for_a_scene(tmp_path):
    scene = write(tmp_path / "s", SQUARE)
    (scene / "x.geo").write_text('Printf("x") > "evil";\n')
    assert "a .geo is a program" in bad("run", scene, "--set", "mesh={kind='file', file='x.geo'}")
    assert not list(tmp_path.rglob("evil"))


def test_closed_outputs_are_no_fault():
    program = "from simphys.cli import main; import sys; sys.argv = ['simphys', 'list']; main()"
    command = ["sh", "-c", 'exec "$0" -c "$1" >&- 2>&-', sys.executable, program]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, cwd=ROOT, env=environment, timeout=120).returncode == 0


def test_what_a_killed_run_was_writing_is_swept_by_the_next(tmp_path):
    left = [tmp_path / ".fields_00004.a152e0e7f651.tmp.vtu", tmp_path / ".result.0123456789ab.tmp.json"]
    kept = [tmp_path / ".notes.tmp.txt", tmp_path / "a.0123456789ab.tmp.vtu"]
    for path in (*left, *kept):
        path.write_text("half")
    with sole_writer(tmp_path, "a test"):
        assert not any(path.exists() for path in left) and all(path.exists() for path in kept)
