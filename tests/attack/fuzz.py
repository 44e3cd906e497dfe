"""Scenes, meshes, tables, weights and checkpoints, changed at random: each ends in exit code 0 with values that are right
or unchanged, 2 or 3; without a traceback, a file outside of `--out`, or a result that says "running".

    python tests/attack/fuzz.py --inputs 2000 --seed 1

The same numbers give the same inputs; `--only N` runs the N-th again, and shows what it says.
"""

import argparse
import collections
import contextlib
import json
import math
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time
import warnings


# Thousands of small problems: their time is that of compiling, which need not optimise.
os.environ.setdefault("XLA_FLAGS", "--xla_llvm_disable_expensive_passes=true --xla_backend_optimization_level=0")

from typer.testing import CliRunner


sys.path.insert(0, str(pathlib.Path(__file__).parents[2]))
sys.path.insert(0, str(pathlib.Path(__file__).parent))
from _inputs import (
    BAR,
    FIT,
    FORMATS,
    LEARNED,
    MARCH,
    RISE,
    RISING,
    SCENES,
    TABLE,
    mesh_file,
    mutated_arrays,
    mutated_scene,
    mutated_text,
)  # fmt: skip

from simphys.cli import app


KINDS = ("scene",) * 5 + ("mesh",) * 7 + ("table",) * 2 + ("weights",) * 3 + ("checkpoint",) * 3
TOO_LONG = 120
"""Seconds of processor time after which an input counts as one that does not end."""


class _TooLong(BaseException):
    """An input that does not end."""


class Attack:
    """A folder with valid inputs, and what they give."""

    def __init__(self, folder: pathlib.Path, seed: int, kinds=KINDS):
        self.folder, self.seed, self.kinds = folder, seed, kinds
        self.valid, self.scene, self.out = folder / "valid", folder / "scene", folder / "out"
        for path in (self.valid, folder / "cwd"):
            path.mkdir()
        for name, (suffix, options) in FORMATS.items():
            mesh_file(self.valid / f"{name}.{suffix}", options)
        self._write_weights()
        self.reset()
        (self.scene / "scene.toml").write_text(MARCH)
        code, said = self.run("run")
        assert code == 0, said
        shutil.copy(self.out / "march.npz", self.valid / "march.npz")
        self.marched = self.result()["observables"]

    def _write_weights(self):
        from simphys import io, materials

        io.save_weights(self.valid / "w.npz", materials.Perceptron(1, width=2, depth=1, seed=0))

    def reset(self):
        """Begin with empty folders."""
        for path in (self.scene, self.out):
            shutil.rmtree(path, ignore_errors=True)
        self.scene.mkdir()

    def run(self, command: str, *options: str):
        """Return exit code and output of a command."""
        result = CliRunner().invoke(app, [command, str(self.scene), "--out", str(self.out), "--quiet", *options])
        ended = result.exception is None or isinstance(result.exception, SystemExit)
        return (result.exit_code if ended else repr(result.exception)), result.output

    def result(self) -> dict:
        """What the command has left in its folder."""
        return json.loads((self.out / "result.json").read_text(encoding="utf-8"))

    def prepare(self, number: int) -> tuple[str, str, tuple[str, ...]]:
        """Write the inputs of a number; return their kind, the command and its options."""
        rng = random.Random(f"{self.seed} {number}")
        kind, self.judged = rng.choice(self.kinds), None
        self.reset()
        scene = self.scene / "scene.toml"
        if kind == "scene":
            name = rng.choice(sorted(SCENES))
            scene.write_bytes(mutated_scene(SCENES[name], rng))
            return f"scene: {name}", "run", ()
        if kind == "mesh":
            name = rng.choice(sorted(FORMATS))
            file = self.valid / f"{name}.{FORMATS[name][0]}"
            (self.scene / f"mesh{file.suffix}").write_bytes(mutated_text(file.read_bytes(), rng))
            body = '[mesh]\nkind = "file"\nfile = "mesh' + file.suffix + '"\n'
            scene.write_text(BAR.replace('[mesh]\nkind = "rectangle"\ncells = [2, 1]\nlengths = [2.0, 1.0]\n', body))
            self.judged = self._between
            return f"mesh: {name}", "run", ()
        if kind == "table":
            fitted = rng.random() < 0.2
            scene.write_text(FIT if fitted else RISING)
            (self.scene / "rod.csv").write_bytes(mutated_text(TABLE.encode() if fitted else RISE.encode(), rng))
            return kind, "fit" if fitted else "run", ()
        if kind == "weights":
            scene.write_text(LEARNED)
            shutil.copy(self.valid / "w.npz", self.scene)
            (self.scene / "w.npz").write_bytes(mutated_arrays(self.scene / "w.npz", rng))
            self.judged = self._between
            return kind, "run", ()
        scene.write_text(MARCH)
        self.out.mkdir()
        shutil.copy(self.valid / "march.npz", self.out)
        (self.out / "march.npz").write_bytes(mutated_arrays(self.out / "march.npz", rng))
        self.judged = lambda found: found["observables"] == self.marched
        return kind, "run", ("--resume",)

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
        if found["status"] != "successful" or not found["certificate"].get("converged", True):
            yield f"exit code 0 of {found['status']!r}"
        values = [entry.get("value", 0.0) for entry in found.get("observables", {}).values()]
        flat = [v for value in values for v in (value if isinstance(value, list) else [value])]
        if not all(isinstance(v, int | float) and math.isfinite(v) for v in flat):
            yield f"values that are none: {flat}"
        elif self.judged is not None and not self.judged(found):
            yield f"wrong values: {found['observables']}"

    def _outside(self):
        """Everything that is there but the folder for results, with its size and time."""
        return {
            path: (path.stat().st_size, path.stat().st_mtime_ns)
            for path in self.folder.rglob("*")
            if path.is_file() and self.out not in path.parents
        }


def attack(
    inputs: int, seed: int, minutes: float = math.inf, only: int | None = None, kinds=KINDS
) -> tuple[dict, list[str]]:
    """Return how many inputs of each kind ended how, and what is wrong; both are printed."""
    counts, wrong, start, here = collections.defaultdict(collections.Counter), [], time.time(), os.getcwd()
    begin = time.process_time()
    signal.signal(signal.SIGPROF, _stop)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), contextlib.ExitStack() as held:
        # What a changed table makes NumPy say is no error of the command line.
        warnings.simplefilter("ignore")
        one = Attack(pathlib.Path(folder), seed, kinds)
        held.callback(os.chdir, here)
        os.chdir(one.folder / "cwd")
        for number in range(inputs) if only is None else (only,):
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
    print(f"seed {seed}: {total} inputs, {len(wrong)} wrong, {time.process_time() - begin:.0f} s of processor time")
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
    parser.add_argument("--kinds", nargs="+", choices=sorted(set(KINDS)), default=KINDS)
    given = parser.parse_args()
    sys.exit(1 if attack(**vars(given))[1] else 0)
