"""Data in, objects out."""

from ._blame import blame
from ._homogeneous_model import HomogeneousModel
from ._kinetics_model import KineticsModel
from ._load import Scene
from ._model import FieldModel
from ._observe import build_observers
from ._quantities import quantity_of
from ._series_model import SeriesModel


def build(scene: Scene) -> FieldModel | HomogeneousModel | KineticsModel | SeriesModel:
    """Make the objects that a scene describes, and check all that it names.

    **Returns:** a `FieldModel` for what has a mesh, a `HomogeneousModel` for `[homogeneous]`, a
    `KineticsModel` for `[kinetics]`, a `SeriesModel` for `[oscillator]`.

    **Raises:** `SceneError`, naming file and key.
    """
    if scene.data.physics == "oscillator":
        return SeriesModel.build(scene)
    kinds = {"homogeneous": HomogeneousModel, "kinetics": KineticsModel}
    model = kinds.get(scene.data.physics, FieldModel).build(scene)
    build_observers(model)
    if isinstance(model, FieldModel):
        _check_pictures(model)
    return model


def _check_pictures(model):
    pictures = model.scene.data.pictures
    with blame(model.scene.file, "pictures.fields"):
        for name in pictures.fields or ():
            quantity_of(model.base, name)
    if pictures.animation:
        with blame(model.scene.file, "pictures.animation"):
            quantity_of(model.base, pictures.animation)
