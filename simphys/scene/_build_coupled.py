"""The parts of phase fields and of thermo-mechanics."""

import jax.numpy as jnp

from .. import fem, materials, physics
from ..materials._curve import as_curve
from ._blame import blame
from ._build_material import build_curve, build_free_energy, build_material
from ._load import Scene
from ._phase_section import PhaseField
from ._physics_section import Curve
from ._thermo_section import THERMAL, ThermoSolid


PHASES = {"AllenCahn": physics.AllenCahn, "CahnHilliard": physics.CahnHilliard}


def phase_parts(scene: Scene, section: PhaseField) -> dict:
    """Return free energy, gradient energy and mobility by the names of the problem's arguments."""
    with blame(scene.file, "phase_field.free_energy"):
        law = build_free_energy(section.free_energy)
    with blame(scene.file, "phase_field.mobility"):
        given = section.mobility
        mobility = build_curve("mobility", given, scene.path_of) if isinstance(given, Curve) else _number(given)
    mobility = as_curve(mobility) if section.equation == "CahnHilliard" else mobility
    return dict(law=law, gradient_energy=_number(section.gradient_energy), mobility=mobility)


def thermo_parts(scene: Scene, section: ThermoSolid) -> dict:
    """Return material, conduction and thickness by the names of the problem's arguments."""
    with blame(scene.file, "thermo_solid.material"):
        solid = build_material(section.material, scene.path_of)
        numbers = {name: _number(getattr(section, name)) for name in ("expansion", "capacity", "reference", "zero")}
        material = materials.Thermoelastic(solid, **numbers, linearised=section.linearised)
    with blame(scene.file, "thermo_solid.conduction"):
        conduction = build_material(section.conduction, scene.path_of)
    return dict(material=material, conduction=conduction, thickness=_number(section.thickness))


def field_of(scene: Scene, entry) -> int:
    """Return the number of the field that a constraint or load acts on."""
    return int(scene.data.thermo_solid is not None and isinstance(entry, THERMAL))


def tied_too(scene: Scene, constraints) -> tuple:
    """Return further constraints: what is periodic is so in both fields of a Cahn–Hilliard problem."""
    phases = scene.data.phase_field
    if phases is None or phases.equation != "CahnHilliard":
        return ()
    periodic = (c for c in constraints if isinstance(c, fem.Periodic))
    return tuple(fem.Periodic(c.source, c.target, field=1) for c in periodic)


def _number(value):
    return jnp.asarray(value, dtype=float)
