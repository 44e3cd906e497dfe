"""Data in, objects out."""

from ._homogeneous_model import HomogeneousModel
from ._load import Scene
from ._model import FieldModel
from ._observe import build_observers
from ._series_model import SeriesModel


def build(scene: Scene) -> FieldModel | HomogeneousModel | SeriesModel:
    """Make the objects that a scene describes, and check all that it names.

    **Returns:** a `FieldModel` for `[solid]` and `[heat]`, a `HomogeneousModel` for `[homogeneous]`, a
    `SeriesModel` for `[oscillator]`.

    **Raises:** `SceneError`, naming file and key.
    """
    if scene.data.physics == "oscillator":
        return SeriesModel.build(scene)
    model = HomogeneousModel.build(scene) if scene.data.physics == "homogeneous" else FieldModel.build(scene)
    build_observers(model)
    return model
