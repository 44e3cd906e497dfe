"""Data in, objects out."""

from ._blame import blame
from ._body_model import AbstractBody
from ._error import SceneError
from ._grid_model import GridModel
from ._homogeneous_model import HomogeneousModel
from ._interface import AbstractModel
from ._kinetics_model import KineticsModel
from ._load import Scene
from ._model import FieldModel
from ._quantities import quantity_of
from ._series_model import SeriesModel


KINDS = {"homogeneous": HomogeneousModel, "kinetics": KineticsModel, "oscillator": SeriesModel}
"""Models of scenes without a body."""


def build(scene: Scene) -> AbstractModel:
    """Make the objects that a scene describes, and check all that it names.

    **Returns:** a `FieldModel` for what has a mesh, a `GridModel` for what has a grid, a `HomogeneousModel` for
    `[homogeneous]`, a `KineticsModel` for `[kinetics]`, a `SeriesModel` for `[oscillator]`.

    **Raises:** `SceneError`, naming file and key.
    """
    on = FieldModel if scene.data.grid is None else GridModel
    model = KINDS.get(scene.data.physics, on).build(scene)
    if not isinstance(model, AbstractBody):
        if scene.data.observe:
            raise SceneError("a scene without a mesh has nothing to observe.", file=scene.file, key="observe")
        return model
    _ = model.observers
    pictures = scene.data.pictures
    with blame(scene.file, "pictures.fields"):
        for name in pictures.fields or ():
            quantity_of(model.base, name)
    if pictures.animation:
        with blame(scene.file, "pictures.animation"):
            quantity_of(model.base, pictures.animation)
    return model
