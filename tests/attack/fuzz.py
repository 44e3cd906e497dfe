"""Scenes, meshes, tables, weights and checkpoints, changed at random: each ends in exit code 0 with values that are right
or unchanged, 2 or 3; without a traceback, a file outside of `--out`, or a result that says "running".

    python tests/attack/fuzz.py --inputs 2000 --seed 1

The same numbers give the same inputs; `--only N` runs the N-th again, and shows what it says.
"""

import argparse
import collections
import contextlib
import io
import json
import math
import os
import pathlib
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import warnings


# Thousands of small problems: their time is that of compiling, which need not optimise.
os.environ.setdefault("XLA_FLAGS", "--xla_llvm_disable_expensive_passes=true --xla_backend_optimization_level=0")

import typer


sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from _changes import mutated_arrays, mutated_scene, mutated_text, override
from _meshes import write_meshes
from _scenes import BAR, LARGE, LEARNED, SCENES, TABLES

from simphys.cli import app


KINDS = ("scene",) * 7 + ("mesh",) * 8 + ("table",) * 3 + ("weights",) * 2 + ("checkpoint",) * 3 + ("option",)
MARCHES = ("march", "design")
"""Scenes whose runs can be resumed."""
TOO_LONG = 120
"""Seconds of processor time after which an input counts as one that does not end."""
SHAPE = '[mesh]\nkind = "rectangle"\ncells = [2, 1]\nlengths = [2.0, 1.0]\n'
CHECKED = 0.08
COMMAND = typer.main.get_command(app)


class _TooLong(BaseException):
    """An input that does not end."""


class Attack:
    """A folder with valid inputs, and what they give.

    **Arguments:**

    - `folder`: an empty one.
    - `seed`: of all that is random; `kinds`: of inputs; `scenes`: names of those that are changed.
    """

    def __init__(self, folder: pathlib.Path, seed: int, kinds=KINDS, scenes=tuple(SCENES)):
        self.folder, self.seed, self.kinds, self.scenes = folder, seed, kinds, scenes
        self.valid, self.scene, self.out = folder / "valid", folder / "scene", folder / "out"
        for path in (self.valid, folder / "cwd", folder / "meshes"):
            path.mkdir()
        self.meshes = write_meshes(folder / "meshes")
        self._check_valid()
        self.reached = {name: self._run_valid(name) for name in MARCHES if name in scenes}

    def _check_valid(self):
        """What is changed is valid before: an attack whose inputs are all refused shows nothing."""
        from simphys import materials
        from simphys.io import read_mesh, save_weights

        for name in self.meshes:
            read_mesh(self.folder / "meshes" / name)
        save_weights(self.valid / "w.npz", materials.Perceptron(1, width=2, depth=1, seed=0))
        self.reset()
        (self.scene / "scene.toml").write_text(LEARNED)
        shutil.copy(self.valid / "w.npz", self.scene)
        code, said = self.run("run")
        assert code == 0 and self._between(self.result()), said

    def _run_valid(self, name):
        """Run what can be resumed, and resume it; keep its checkpoint, and return what it found."""
        self.reset()
        case = self._write_case(name)
        for options in (("--no-error",), ("--resume", "--no-error")):
            code, said = self.run(case.command, *options)
            assert code == 0, said
        shutil.copy(self.out / f"{name}.npz", self.valid)
        return self.result()["observables" if name == "march" else "objective"]

    def _write_case(self, name):
        case = SCENES[name]
        (self.scene / "scene.toml").write_text(case.text)
        if case.table is not None:
            (self.scene / "rod.csv").write_text(case.table)
        return case

    def reset(self):
        """Begin with empty folders."""
        for path in (self.scene, self.out):
            shutil.rmtree(path, ignore_errors=True)
        self.scene.mkdir()

    def run(self, command: str, *options: str):
        """Return exit code and output of a command."""
        arguments = [command, str(self.scene), "--out", str(self.out), "--quiet", *options]
        # Typer's own runner would make all commands anew each time.
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                COMMAND.main(arguments, prog_name="simphys")
            except SystemExit as error:
                return error.code or 0, said.getvalue()
            except Exception as error:
                return repr(error), said.getvalue()
        raise AssertionError("a command ends by its exit code")

    def result(self) -> dict:
        """What the command has left in its folder."""
        return json.loads((self.out / "result.json").read_text(encoding="utf-8"))

    def prepare(self, number: int) -> tuple[str, str, tuple[str, ...]]:
        """Write the inputs of a number; return their kind, the command and its options."""
        rng = random.Random(f"{self.seed} {number}")
        kind, self.judged = rng.choice(self.kinds), None
        self.reset()
        return getattr(self, f"_prepare_{kind}")(rng)

    def _prepare_scene(self, rng):
        name = rng.choice([name for name in self.scenes for _ in range(1 if name in LARGE else 4)])
        case = self._write_case(name)
        (self.scene / "scene.toml").write_bytes(mutated_scene(case.text, rng))
        # Derivatives are compiled for it: a small share.
        command = "check" if rng.random() < CHECKED else case.command
        return f"{'check' if command == 'check' else 'scene'}: {name}", command, ()

    def _prepare_option(self, rng):
        name = rng.choice(self.scenes)
        case = self._write_case(name)
        return "option", case.command, ("--set", override(case.text, rng))

    def _prepare_mesh(self, rng):
        name = rng.choice(self.meshes)
        # Some name others, which lie beside them.
        of = sorted(path for path in (self.folder / "meshes").iterdir() if path.name.startswith(name.split(".")[0]))
        of = [path for path in of if path.name == name or path.suffix in (".h5", ".bin")]
        for path in of:
            shutil.copy(path, self.scene)
        changed = self.scene / rng.choice(of).name
        changed.write_bytes(mutated_text(changed.read_bytes(), rng))
        groups = 'groups_from = ["tag"]\n' if name[:3] in ("vtu", "xdm") and rng.random() < 0.3 else ""
        text = BAR.replace(SHAPE, f'[mesh]\nkind = "file"\nfile = "{name}"\n{groups}')
        (self.scene / "scene.toml").write_text(text)
        self.judged = self._between
        return f"mesh: {name}", "run", ()

    def _prepare_table(self, rng):
        name = rng.choice([name for name in self.scenes if name in TABLES])
        case = self._write_case(name)
        (self.scene / "rod.csv").write_bytes(mutated_text(case.table.encode(), rng))
        return f"table: {name}", case.command, ()

    def _prepare_weights(self, rng):
        (self.scene / "scene.toml").write_text(LEARNED)
        (self.scene / "w.npz").write_bytes(mutated_arrays(self.valid / "w.npz", rng))
        self.judged = self._between
        return "weights", "run", ()

    def _prepare_checkpoint(self, rng):
        name = rng.choice([name for name in self.scenes if name in MARCHES])
        case = self._write_case(name)
        self.out.mkdir()
        (self.out / f"{name}.npz").write_bytes(mutated_arrays(self.valid / f"{name}.npz", rng))
        key = "observables" if name == "march" else "objective"
        self.judged = lambda found: found[key] == self.reached[name]
        return f"checkpoint: {name}", case.command, ("--resume", "--no-error")

    @staticmethod
    def _between(found) -> bool:
        """Heat flows downhill: no temperature lies outside those of the ends."""
        return -1e-6 <= found["observables"]["middle"]["value"] <= 1 + 1e-6

    def attack(self, number: int) -> tuple[str, object, str, list[str]]:
        """Run an input; return its kind, exit code, output, and what is wrong with how it ended."""
        kind, command, options = self.prepare(number)
        before = self._outside()
        signal.setitimer(signal.ITIMER_PROF, TOO_LONG)
        try:
            code, said = self.run(command, *options)
        except _TooLong:
            code, said = "does not end", ""
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if command == "check" and code == 1:
            code = 3  # a check that has failed, and says so
        return kind, code, said, list(self._wrong(code, said, before))

    def _wrong(self, code, said, before):
        if code not in (0, 2, 3):
            yield f"exit code {code}"
        if "Traceback" in said:
            yield "traceback"
        if self._outside() != before:
            yield "files outside of --out"
        if code != 0 and "error:" not in said:
            yield "no word of what is wrong"
        try:
            found = self.result()
        except (OSError, ValueError) as error:
            yield f"result.json: {error!r}"
            return
        if found["status"] == "running":
            yield "a result that runs for ever"
        if code == 0:
            yield from self._unsound(found)

    def _unsound(self, found):
        if found["status"] != "successful" or not found.get("certificate", {}).get("converged", True):
            yield f"exit code 0 of {found['status']!r}"
        values = [entry.get("value", 0.0) for entry in found.get("observables", {}).values()]
        flat = [v for value in values for v in (value if isinstance(value, list) else [value])]
        if not all(isinstance(v, int | float) and math.isfinite(v) for v in flat):
            yield f"values that are none: {flat}"
        elif self.judged is not None and not self.judged(found):
            yield f"wrong values: {found.get('observables') or found.get('objective')}"

    def _outside(self):
        """Everything that is there but the folder for results, with its size and time."""
        return {
            path: (path.stat().st_size, path.stat().st_mtime_ns)
            for path in self.folder.rglob("*")
            if path.is_file() and self.out not in path.parents
        }


def attack(
    inputs: int, seed: int, *, minutes=math.inf, only: int | None = None, first=0, kinds=KINDS, scenes=tuple(SCENES)
) -> tuple[dict, list[str]]:
    """Return how many inputs of each kind ended how, and what is wrong; both are printed."""
    counts, wrong, start, here = collections.defaultdict(collections.Counter), [], time.time(), os.getcwd()
    begin = time.process_time()
    signal.signal(signal.SIGPROF, _stop)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), contextlib.ExitStack() as held:
        # What a changed table makes NumPy say is no error of the command line.
        warnings.simplefilter("ignore")
        one = Attack(pathlib.Path(folder), seed, kinds, scenes)
        held.callback(os.chdir, here)
        os.chdir(one.folder / "cwd")
        for number in range(first, first + inputs) if only is None else (only,):
            if time.time() - start > 60 * minutes:
                break
            kind, code, said, faults = one.attack(number)
            counts[kind][code] += 1
            if only is not None:
                print(kind, code, said)
            for fault in faults:
                wrong.append(f"seed {seed}, input {number} ({kind}): {fault}: {' '.join(said.split())[:300]}")
                print(wrong[-1], flush=True)
    total = sum(sum(codes.values()) for codes in counts.values())
    spent, memory = time.process_time() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"seed {seed}: {total} inputs, {len(wrong)} wrong, {spent:.0f} s of processor time, {memory:.0f} MiB at most")
    for kind in sorted(counts):
        print(f"  {kind}: " + ", ".join(f"{n} × exit {code}" for code, n in sorted(counts[kind].items(), key=str)))
    return counts, wrong


def _stop(number, frame):
    raise _TooLong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--only", type=int)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--kinds", nargs="+", choices=sorted(set(KINDS)), default=KINDS)
    parser.add_argument("--scenes", nargs="+", choices=list(SCENES), default=tuple(SCENES))
    given = parser.parse_args()
    sys.exit(1 if attack(**vars(given))[1] else 0)
