"""Balance laws from their sections: which parts, made from which keys."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx

from .. import fem, materials, physics
from ..materials import as_curve, as_storage
from . import _heat_section as thermal, _physics_section as sections
from ._blame import blame
from ._build_conditions import as_array, build_conditions
from ._build_material import build_capacity, build_curve, build_free_energy, build_material
from ._flow_section import Boussinesq, NavierStokes, Stokes, Viscosity
from ._load import Scene
from ._material_section import Curve
from ._phase_section import PhaseField
from ._thermo_section import ThermoSolid


class Part(NamedTuple):
    """A part of a balance law: the keys of its section that it depends on, and what makes it of (scene, section, space)."""

    keys: tuple[str, ...]
    make: Callable[..., Any]


@functools.singledispatch
def law_of(section, scene: Scene) -> tuple[Callable, dict[str, Part]]:
    """Return the balance law that a section describes, and its parts by the names of the law's arguments."""
    raise NotImplementedError(section)


@law_of.register
def _(section: sections.Solid, scene):
    parts = {"material": Part(("material",), _material), "thickness": _number("thickness")}
    if section.nonlocal_length is not None:
        return physics.GradientDamage, parts | {"length": _number("nonlocal_length")}
    if section.formulation == "mixed":
        return physics.MixedSolid, parts
    # A body that need not be held is one that is led in time.
    moves = section.density is not None and not scene.data.static
    return physics.Solid, parts | ({"density": _number("density")} if moves else {})


@law_of.register
def _(section: thermal.Heat, scene):
    parts = {"material": Part(("material",), _material), "thickness": _number("thickness")}
    stores = section.capacity is not None and not scene.data.static
    capacity = lambda scene, section, space: as_storage(build_capacity(section.capacity, scene.path_of))
    return physics.Heat, parts | ({"capacity": Part(("capacity",), capacity)} if stores else {})


@law_of.register
def _(section: Stokes, scene):
    return physics.Stokes, {"viscosity": _number("viscosity")}


@law_of.register(NavierStokes)
@law_of.register(Boussinesq)
def _(section, scene):
    def viscosity(scene, section, space):
        given = section.viscosity
        return build_curve("viscosity", given, scene.path_of) if isinstance(given, Viscosity) else as_array(given)

    numbers = {name: _number(name) for name in section.numbers_of_law if getattr(section, name) is not None}
    law = physics.Boussinesq if isinstance(section, Boussinesq) else physics.NavierStokes
    return law, {"viscosity": Part(("viscosity",), viscosity), **numbers}


@law_of.register
def _(section: ThermoSolid, scene):
    own = ("expansion", "capacity", "reference", "zero")

    def material(scene, section, space):
        numbers = {name: as_array(getattr(section, name)) for name in own}
        solid = build_material(section.material, scene.path_of)
        return materials.Thermoelastic(solid, **numbers, linearised=section.linearised)

    conduction = lambda scene, section, space: build_material(section.conduction, scene.path_of)
    parts = {"material": Part(("material", *own), material), "conduction": Part(("conduction",), conduction)}
    return physics.ThermoSolid, parts | {"thickness": _number("thickness")}


@law_of.register
def _(section: PhaseField, scene):
    def mobility(scene, section, space):
        given = section.mobility
        found = build_curve("mobility", given, scene.path_of) if isinstance(given, Curve) else as_array(given)
        return as_curve(found) if section.equation == "CahnHilliard" else found

    law = Part(("free_energy",), lambda scene, section, space: build_free_energy(section.free_energy))
    parts = {"law": law, "gradient_energy": _number("gradient_energy"), "mobility": Part(("mobility",), mobility)}
    return {"AllenCahn": physics.AllenCahn, "CahnHilliard": physics.CahnHilliard}[section.equation], parts


def _material(scene, section, space):
    return build_material(section.material, scene.path_of, space)


def _number(key):
    return Part((key,), lambda scene, section, space: as_array(getattr(section, key)))


def build_parts(scene: Scene, section, spaces: tuple[fem.FunctionSpace, ...], changed=None) -> dict:
    """Return a problem's parts by name, from its section, whose numbers may be traced.

    **Arguments:**

    - `spaces`: of the fields, the one that constraints and mechanical loads act on first.
    - `changed`: only the parts that depend on one of these keys; None for all.
    """
    concerned = lambda keys: changed is None or not changed.isdisjoint(keys)
    found = {}
    for name, part in law_of(section, scene)[1].items():
        if concerned(part.keys):
            with blame(scene.file, f"{scene.data.physics}.{part.keys[0]}"):
                found[name] = part.make(scene, section, spaces[0])
    if concerned(("constraints", "loads", "thickness")):
        found["constraints"], found["loads"] = build_conditions(scene, section, spaces)
    return found


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
    """What makes the balance law of a scene's section, and puts new parts into it."""

    scene: Scene
    space: fem.FunctionSpace | tuple[fem.FunctionSpace, ...]

    @property
    def spaces(self) -> tuple[fem.FunctionSpace, ...]:
        """Of all fields."""
        return self.space if isinstance(self.space, tuple) else (self.space,)

    def problem(self) -> physics.AbstractBalance:
        """Return the law as the scene states it."""
        section = self.scene.data.section
        parts = build_parts(self.scene, section, self.spaces)
        with blame(self.scene.file, self.scene.data.physics):
            return law_of(section, self.scene)[0](self.space, **parts)

    def remade(self, section, base, changed) -> physics.AbstractBalance:
        """Return the law with those parts new that depend on a key that changed; all others stay the very same."""
        parts = build_parts(self.scene, section, self.spaces, changed)
        if "constraints" in parts:
            # What the law added to the scene's constraints, a pressure that had to be fixed, stays.
            parts["constraints"] = parts["constraints"] + base.constraints[len(parts["constraints"]) :]
        # Equinox cannot replace an empty tuple, nor need it.
        kept = {name: part for name, part in parts.items() if not (isinstance(part, tuple) and not part)}
        return eqx.tree_at(lambda p: [getattr(p, name) for name in kept], base, list(kept.values())) if kept else base
