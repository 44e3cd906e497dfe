"""Homogeneous tests of a law: the scenes without a mesh."""

import dataclasses
from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from .. import materials
from .._typing import Array
from ._blame import blame
from ._build_material import build_material
from ._error import SceneError
from ._load import Scene
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


@dataclasses.dataclass(frozen=True, eq=False)
class HomogeneousModel:
    """A law of an incompressible body and homogeneous tests of it: a scene's `[homogeneous]`; `base` is the law."""

    scene: Scene
    base: materials.AbstractFiniteStrain
    space: ClassVar[None] = None
    head: ClassVar[str] = "homogeneous.material"

    @classmethod
    def build(cls, scene: Scene) -> "HomogeneousModel":
        """Make the law; every error names its entry in the file."""
        with blame(scene.file, cls.head):
            material = build_material(scene.data.homogeneous.material, scene.path_of)
            if not isinstance(material, materials.AbstractFiniteStrain) or material.dimension != 3:
                raise SceneError("a finite-strain law without `plane` expected.")
        for name, test in scene.data.homogeneous.tests.items():
            if not 0 < test.stretch[0] < test.stretch[1]:
                key = f"homogeneous.tests.{name}.stretch"
                raise SceneError(
                    f"two increasing positive stretches expected, got {test.stretch}.",
                    file=scene.file,
                    key=key,
                )
        return cls(scene, material)

    def law(self, values: dict[str, Array] | None = None) -> materials.AbstractFiniteStrain:
        """Return the law with new values (possibly traced) for numbers of the scene, by key path."""
        return self.made(values or {}, self.base)

    def made(self, values, base, factor=None) -> materials.AbstractFiniteStrain:
        """Return a law with new values for numbers of the scene."""
        if not values:
            return base
        with blame(self.scene.file, self.head):
            return build_material(below(self.scene.data, values).material, self.scene.path_of)

    def stress(self, test: str, stretch, values=None) -> Array:
        """Return the nominal stress in the test of this kind, for an array of stretches."""
        return stress_of(self.law(values), test, stretch)

    def curves(self, values=None) -> dict[str, tuple[np.ndarray, Array]]:
        """Return stretch and nominal stress of each test under `[homogeneous.tests]`."""
        found = {}
        for name, test in self.scene.data.homogeneous.tests.items():
            stretch = np.linspace(*test.stretch, test.count)
            found[name] = (stretch, self.stress(test.test, stretch, values))
        return found
