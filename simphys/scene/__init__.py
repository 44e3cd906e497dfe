"""Scene files: bodies, laws, loads and measurements as plain data, and the objects they describe.

Reading and checking a scene needs no JAX; what builds objects from it is imported when first used.
"""

import importlib
from typing import TYPE_CHECKING

from ._blame import blame as blame
from ._error import SceneError as SceneError
from ._find import (
    copy_scene as copy_scene,
    find_scene as find_scene,
    find_scenes as find_scenes,
    scene_name as scene_name,
    shipped_folder as shipped_folder,
    shipped_scenes as shipped_scenes,
)
from ._load import Scene as Scene, load as load
from ._schema import SceneData as SceneData, json_schema as json_schema
from ._section import is_key as is_key


if TYPE_CHECKING:
    from ._adapt import AdaptRound as AdaptRound, adapted as adapted, line_of as line_of
    from ._body_model import AbstractBody as AbstractBody, Step as Step
    from ._build import build as build
    from ._calibration import Calibration as Calibration, build_calibration as build_calibration
    from ._derivatives import (
        LARGEST_DEFECT as LARGEST_DEFECT,
        Derivative as Derivative,
        check_derivatives as check_derivatives,
        symmetry_defect as symmetry_defect,
    )
    from ._design_model import DesignTask as DesignTask, build_design as build_design, reanalyse as reanalyse
    from ._grid_model import GridModel as GridModel
    from ._homogeneous_model import HomogeneousModel as HomogeneousModel, stress_of as stress_of
    from ._interface import (
        AbstractModel as AbstractModel,
        AbstractWay as AbstractWay,
        MeshErrors as MeshErrors,
        Told as Told,
    )
    from ._kinetics_model import KineticsModel as KineticsModel
    from ._load_path import step_line as step_line
    from ._mesh_error import mesh_errors as mesh_errors
    from ._model import FieldModel as FieldModel
    from ._numbers import Numbers as Numbers, free_parameters as free_parameters, is_network as is_network
    from ._observe import Observer as Observer, build_observers as build_observers, observe as observe
    from ._quantities import (
        available as available,
        quantities_of as quantities_of,
        quantity as quantity,
        quantity_of as quantity_of,
    )
    from ._recovered import nodal_quantities as nodal_quantities
    from ._series_model import SeriesModel as SeriesModel
    from ._statistics import statistic as statistic
    from ._time_model import Frame as Frame, March as March

_NAMES = {
    "_adapt": "AdaptRound adapted line_of",
    "_build": "build",
    "_calibration": "Calibration build_calibration",
    "_mesh_error": "mesh_errors",
    "_derivatives": "LARGEST_DEFECT Derivative check_derivatives symmetry_defect",
    "_numbers": "free_parameters is_network Numbers",
    "_design_model": "DesignTask build_design reanalyse",
    "_kinetics_model": "KineticsModel",
    "_model": "FieldModel",
    "_body_model": "AbstractBody Step",
    "_grid_model": "GridModel",
    "_homogeneous_model": "HomogeneousModel stress_of",
    "_observe": "Observer build_observers observe",
    "_quantities": "available quantities_of quantity quantity_of",
    "_recovered": "nodal_quantities",
    "_statistics": "statistic",
    "_interface": "AbstractModel AbstractWay MeshErrors Told",
    "_load_path": "step_line",
    "_time_model": "Frame March",
    "_series_model": "SeriesModel",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value
