"""Data in, objects out."""

from ._homogeneous_model import HomogeneousModel
from ._kinetics_model import KineticsModel
from ._load import Scene
from ._model import FieldModel
from ._observe import build_observers


def build(scene: Scene) -> FieldModel | HomogeneousModel | KineticsModel:
    """Make the objects that a scene describes, and check all that it names.

    **Returns:** a `FieldModel` for `[solid]`, `[stokes]` and `[heat]`, a `HomogeneousModel` for `[homogeneous]`, a
    `KineticsModel` for `[kinetics]`.

    **Raises:** `SceneError`, naming file and key.
    """
    kinds = {"homogeneous": HomogeneousModel, "kinetics": KineticsModel}
    model = kinds.get(scene.data.physics, FieldModel).build(scene)
    build_observers(model)
    return model
