"""Homogeneous tests of a law: the scenes without a mesh."""

import dataclasses
import functools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from .. import inverse, io, materials
from .._typing import Array
from . import _viz as viz
from ._blame import blame
from ._build_material import build_material
from ._error import SceneError
from ._fit_pictures import draw_search
from ._fit_section import NominalStress
from ._interface import AbstractModel, AbstractWay, Told
from ._load import Scene
from ._measurements import noise_of
from ._numbers import numbers_of
from ._pictures import panels_of, with_unit
from ._replace import below


TESTS = {
    "uniaxial": materials.Uniaxial,
    "equibiaxial": materials.Equibiaxial,
    "pure_shear": materials.PureShear,
}


def stresses_of(law: materials.AbstractFiniteStrain, tests) -> list[Array]:
    """Return the nominal stresses of a law in several tests, (kind, stretches) each, by one solve."""
    made = [(TESTS[kind](), jnp.asarray(stretch, dtype=float)) for kind, stretch in tests]
    ends = np.cumsum([stretch.size for _, stretch in made])[:-1]
    return jnp.split(materials.nominal_stresses(law, made), ends)


def stress_of(law: materials.AbstractFiniteStrain, test: str, stretch) -> Array:
    """Return the nominal stress of a law in the test of this kind, for an array of stretches."""
    return materials.nominal_stress(law, TESTS[test](), jnp.asarray(stretch, dtype=float))


class Curve(NamedTuple):
    """A measured homogeneous test: name, kind of test, stretches, stresses and their noise."""

    name: str
    test: str
    stretch: np.ndarray
    stress: np.ndarray
    noise: np.ndarray | None


@dataclasses.dataclass(frozen=True, eq=False)
class HomogeneousModel(AbstractModel, AbstractWay):
    """A law of an incompressible body and homogeneous tests of it: a scene's `[homogeneous]`; `base` is the law."""

    scene: Scene
    base: materials.AbstractFiniteStrain
    space = None

    @classmethod
    def build(cls, scene: Scene) -> "HomogeneousModel":
        """Make the law; every error names its entry in the file."""
        with blame(scene.file, scene.data.head):
            material = build_material(scene.data.homogeneous.material, scene.path_of)
            if not isinstance(material, materials.AbstractFiniteStrain) or material.dimension != 3:
                raise SceneError("a finite-strain law without `plane` expected.")
        for name, test in scene.data.homogeneous.tests.items():
            with blame(scene.file, f"homogeneous.tests.{name}.stretch"):
                if not 0 < test.stretch[0] < test.stretch[1]:
                    raise SceneError(f"two increasing positive stretches expected, got {test.stretch}.")
        return cls(scene, material)

    @property
    def way(self) -> "HomogeneousModel":
        """Through its tests."""
        return self

    def made(self, values, base, factor=None) -> materials.AbstractFiniteStrain:
        """Return a law with new values for numbers of the scene."""
        if not values:
            return base
        with blame(self.scene.file, self.head):
            return build_material(below(self.scene.data, values).material, self.scene.path_of)

    def law(self, values: dict[str, Array] | None = None) -> materials.AbstractFiniteStrain:
        """Return the law with new values (possibly traced) for numbers of the scene, by key path."""
        return self.made(values or {}, self.base)

    def curves(self, values=None) -> dict[str, tuple[np.ndarray, Array]]:
        """Return stretch and nominal stress of each test under `[homogeneous.tests]`."""
        found, law = {}, self.law(values)
        for name, test in self.scene.data.homogeneous.tests.items():
            stretch = np.linspace(*test.stretch, test.count)
            found[name] = (stretch, stress_of(law, test.test, stretch))
        return found

    def run(self, checkpoint, errors):
        """Compute the curves; tell them."""
        curves = {name: (stretch, np.asarray(stress)) for name, (stretch, stress) in self.curves().items()}
        seen = {n: {"stretch": x.tolist(), "nominal_stress": s.tolist()} for n, (x, s) in curves.items()}
        bad = [name for name, (_, stress) in curves.items() if not np.all(np.isfinite(stress))]
        certificate = {"forward_residual": None if bad else 0.0, "converged": not bad}
        panels = [viz.Panel((), viz.Curve(*curve), *self._axes, name) for name, curve in curves.items()]
        pictures = panels_of(self.scene.data, "tests.png", panels)
        lines = [
            f"{name}: stretch {x[0]:g} to {x[-1]:g}, nominal stress {s[0]:.4g} to {s[-1]:.4g}"
            for name, (x, s) in curves.items()
        ]
        yield Told("\n".join(lines), dict(observables=seen, certificate=certificate), pictures=pictures)
        message = f"no equilibrium at some stretches of {', '.join(bad)}: there the stress is left out." if bad else ""
        yield Told(status="nonfinite" if bad else "successful", message=message)

    @functools.cached_property
    def measured(self) -> tuple[Curve, ...]:
        """The tests of `[fit.data]`."""
        found = []
        for name, entry in self.scene.data.fit.data.items():
            with blame(self.scene.file, f"fit.data.{name}"):
                if not isinstance(entry, NominalStress):
                    raise SceneError(f'type = {entry.type!r} needs a body; in [homogeneous] it is "nominal_stress".')
                table = io.read_table(self.scene.path_of(entry.file))
                stretch, stress = table[entry.stretch], table[entry.stress]
                if np.any(stretch <= 0):
                    raise SceneError(f"{entry.file}: stretches must be positive, got {stretch.min():g}.")
                found.append(Curve(name, entry.test, stretch, stress, noise_of(entry, stress)))
        return tuple(found)

    def experiment(self, values):
        """Return the measured tests as an experiment."""
        tests = tuple((TESTS[c.test](), jnp.asarray(c.stretch)) for c in self.measured)
        noises = [c.noise for c in self.measured]
        if any(n is None for n in noises) and not all(n is None for n in noises):
            raise SceneError("state the noise of all data or of none.", file=self.scene.file, key="fit.data")
        noise = None if noises[0] is None else np.concatenate(noises)
        stress = np.concatenate([c.stress for c in self.measured])

        def stresses(law):
            return materials.nominal_stresses(law, tests)

        return inverse.Model(numbers_of(self, values), stresses, stress, noise, name="stress")

    def square(self, numbers, step):
        """Return Σ P² over the tests of the scene, or over moderate uniaxial stretches if it has none."""
        tests = self.scene.data.homogeneous.tests.values()
        chosen = [(t.test, np.linspace(*t.stretch, 12)) for t in tests] or [("uniaxial", np.linspace(1.1, 2, 8))]
        squares = lambda law: sum(jnp.sum(stress_of(law, test, stretch) ** 2) for test, stretch in chosen)
        return lambda numbers: squares(numbers.made())

    def fitted(self, calibration, found, progress):
        """Tell the curves of the law found, and of its rivals."""
        from ._rivals_told import rivals_told

        grids = [(c.test, np.linspace(min(1.0, c.stretch.min()), c.stretch.max(), 100)) for c in self.measured]
        panels = []
        computed = stresses_of(found.problem, grids)
        for curve, (_, stretch), stress in zip(self.measured, grids, computed, strict=True):
            points = viz.Points(curve.stretch, curve.stress, curve.noise)
            panels.append(viz.Panel(points, viz.Curve(stretch, np.asarray(stress)), *self._axes, curve.name))
        data = self.scene.data
        yield Told(pictures=draw_search(data, found) | panels_of(data, "tests.png", panels), stage="output")
        if data.fit.rivals:
            yield from rivals_told(calibration, found, progress)

    @property
    def _axes(self):
        return "stretch", with_unit("nominal stress", self.scene.data.units.stress)
