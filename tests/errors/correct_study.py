"""What correcting a fit costs beside a fit of one degree more: `python tests/errors/correct_study.py [load steps]`.

`scenes/perforated_sheet`, both fits with nothing compiled, one after the other in one process.
"""

import pathlib
import sys
import time

import equinox as eqx
import jax
import numpy as np

from simphys import inverse, scene as scenes


SCENE = pathlib.Path(__file__).parents[2] / "scenes/perforated_sheet"
RICHER = ["space.degree=3", "space.quadrature_degree=4"]


def fitted(overrides, steps, how):
    """Fit the first load steps; the fit, and the seconds that it took on the clock and of the processor."""
    jax.clear_caches()
    clock, processor = time.perf_counter(), time.process_time()
    calibration = scenes.build_calibration(scenes.load(SCENE, overrides).build())
    whole = calibration.experiment
    experiment = eqx.tree_at(
        lambda e: (e.values, e.observations),
        whole,
        (tuple(v[:steps] for v in whole.values), tuple(_cut(o, steps) for o in whole.observations)),
    )
    found = inverse.fit(experiment, calibration.parameters, discretisation=how)
    return found, time.perf_counter() - clock, time.process_time() - processor


def _cut(observation, steps):
    """An observation of the first steps."""
    parts = {name: getattr(observation, name)[:steps] for name in ("measured", "noise")}
    if getattr(observation, "moving", False):
        parts["sensors"] = jax.tree.map(lambda a: a[:steps], observation.sensors)
    return eqx.tree_at(lambda o: tuple(getattr(o, n) for n in parts), observation, tuple(parts.values()))


def main():
    """Print both."""
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_enable_compilation_cache", False)
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    corrected, *spent = fitted([], steps, "correct")
    told = ", ".join(f"{n} {v:.5g}" for n, v in zip(corrected.names, corrected.mesh.corrected, strict=True))
    print(f"corrected, {steps} load steps: {told}; {spent[0]:.0f} s, {spent[1]:.0f} s of CPU,", flush=True)
    print(f"of which {corrected.mesh.iterations} corrections {corrected.mesh.seconds:.0f} s on the clock", flush=True)
    richer, *long = fitted(RICHER, steps, "ignore")
    told = ", ".join(f"{n} {v:.5g}" for n, v in zip(richer.names, richer.values, strict=True))
    print(f"degree 3: {told}; {long[0]:.0f} s, {long[1]:.0f} s of CPU", flush=True)
    apart = (corrected.mesh.corrected - richer.values) / richer.uncertainty.std
    print(f"apart by {np.round(apart, 3)} standard deviations; ratio {spent[1] / long[1]:.2f} of CPU")


if __name__ == "__main__":
    main()
