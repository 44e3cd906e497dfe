"""What a type checker and an editor know of the constructors."""

import importlib
import inspect
import pathlib

import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys._typing import Value


ROOT = pathlib.Path(sp.__file__).parent


def test_type_checkers_are_told_that_there_are_types():
    assert (ROOT / "py.typed").is_file()


@pytest.mark.parametrize("room", ["physics", "materials"])
def test_every_parameter_of_a_public_name_has_a_type(room):
    module, bare = importlib.import_module(f"simphys.{room}"), []
    for name in sorted(set(vars(module))):
        thing = getattr(module, name)
        if name.startswith("_") or not callable(thing) or not thing.__module__.startswith(f"simphys.{room}"):
            continue
        made = vars(thing).get("__init__") if inspect.isclass(thing) else thing
        # Those that dataclasses write take their types from the fields, which have some.
        if not inspect.isfunction(made) or made.__code__.co_filename.startswith("<"):
            continue
        for each in inspect.signature(made).parameters.values():
            if each.annotation is inspect.Parameter.empty and each.name != "self":
                bare.append(f"{name}({each.name})")
    assert not bare


def test_what_a_parameter_may_be():
    """A checker finds `LinearElastic(E="2e5")`."""
    for value in (1, 2e5, np.float64(0.3), jnp.ones(3), np.ones(2), [1.0, 2.0], sp.fem.CellField(jnp.ones(2))):
        assert isinstance(value, Value)
    assert not isinstance("2e5", Value)
    assert inspect.signature(sp.materials.LinearElastic).parameters["E"].annotation == Value
