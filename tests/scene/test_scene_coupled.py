"""Scenes of phase fields, thermo-mechanics and damage with a length."""

import numpy as np
import pytest
from _tiny import SOFTENING, made, write_scene

import simphys as sp
from simphys.scene import SceneError, build_observers, load
from simphys.stepping import AverageVectorField, BackwardEuler, ConvexSplitting, Equilibrium, march


MIXTURE = """
title = "A mixture"

[mesh]
kind = "line"
cells = 16

[phase_field]
equation = "CahnHilliard"
gradient_energy = 0.01
mobility = { curve = "Polynomial", coefficients = [1.0, 0.0, -0.5] }

[phase_field.free_energy]
law = "DoubleWell"
height = 2.0

[phase_field.constraints.ends]
type = "periodic"
source = "left"
target = "right"

[mesh.groups.half]
type = "box"
of = "points"
high = [0.5]

[time]
end = 0.2
steps = 4
initial = { value = -0.1, groups = { half = 0.2 }, noise = 0.01, seed = 3 }

[observe.energy]
type = "energy"

[observe.content]
type = "content"

[observe.middle]
type = "point"
of = "chemical_potential"
at = [0.5]
"""

PLATE = """
title = "A plate between walls"

[mesh]
kind = "rectangle"
cells = [2, 2]

[space]
degree = 2

[thermo_solid]
expansion = 0.01
capacity = 0.2
reference = 1.0
linearised = true

[thermo_solid.material]
law = "LinearElastic"
plane = "strain"
E = 100.0
nu = 0.25

[thermo_solid.conduction]
law = "IsotropicConduction"
k = 0.3

[thermo_solid.constraints.left]
type = "displacement"
where = "left"
components = ["x"]

[thermo_solid.constraints.hot]
type = "temperature"
where = "right"
value = 4.0

[thermo_solid.constraints.right]
type = "displacement"
where = "right"
components = ["x"]

[thermo_solid.constraints.bottom]
type = "displacement"
where = "bottom"
components = ["y"]

[thermo_solid.loads.air]
type = "convection"
where = "top"
h = 1e-9
ambient = 1.0

[time]
times = [0.0, 1e4, 2e4]

[observe.warm]
type = "point"
of = "temperature"
at = [0.0, 1.0]

[observe.rise]
type = "point"
at = [0.0, 1.0]
component = "y"

[observe.stress]
type = "max"
of = "von_mises"
"""

BAR = (
    """
title = "A bar that breaks"

[mesh]
kind = "rectangle"
cells = [10, 1]
lengths = [50.0, 1.0]

"""
    + SOFTENING
    + """[time]
end = 1.0
steps = 4

[observe.force]
type = "resultant"
where = "right"
component = "x"

[observe.damage]
type = "max"
of = "damage"

[observe.stress]
type = "max"
of = "principal_stress"
"""
)


def marched(folder, text, *overrides):
    """Frames of a scene, and the histories of all that it observes."""
    model, way = made(folder, text, *overrides)
    observers = build_observers(model)
    frames = list(way.frames(model.problem(), lambda t, u, problem: {o.name: o.read(problem, u) for o in observers}))
    return way, frames, {o.name: np.concatenate([f.observed[o.name] for f in frames]) for o in observers}


@pytest.mark.slow
def test_a_mixture_is_that_of_its_objects(tmp_path):
    way, frames, seen = marched(tmp_path, MIXTURE)
    assert way.stepper == ConvexSplitting()
    space = sp.fem.FunctionSpace(sp.fem.line(16))
    ties = [sp.fem.Periodic("left", "right", field=f) for f in (0, 1)]
    curve = sp.materials.Polynomial([1.0, 0.0, -0.5])
    law = sp.materials.DoubleWell(height=2.0)
    mixture = sp.physics.CahnHilliard(space, law, ties, gradient_energy=0.01, mobility=curve)
    x = np.asarray(space.nodes())[:, 0]
    start = np.where(x <= 0.5, 0.2, -0.1) + 0.01 * np.random.default_rng(3).standard_normal(17)
    direct = march(ConvexSplitting(), mixture, (start, 0.0), np.linspace(0, 0.2, 5))
    np.testing.assert_allclose([f.u[0] for f in frames], direct.values[0], atol=1e-10)
    np.testing.assert_allclose(seen["middle"], direct.values[1][:, 8], atol=1e-9)
    energy = [float(mixture.energy((c, mu))) for c, mu in zip(*direct.values)]
    np.testing.assert_allclose(seen["energy"], energy, rtol=1e-9)
    assert np.all(np.diff(seen["energy"]) < 0)
    np.testing.assert_allclose(seen["content"], float(mixture.content(tuple(v[0] for v in direct.values))), rtol=1e-10)


@pytest.mark.slow
def test_an_order_parameter_has_its_own_steppers(tmp_path):
    text = MIXTURE.replace("CahnHilliard", "AllenCahn").replace(
        '{ curve = "Polynomial", coefficients = [1.0, 0.0, -0.5] }', "1.0"
    )
    text = text.replace('type = "point"\nof = "chemical_potential"', 'type = "point"')
    way, _, seen = marched(tmp_path, text, "time.stepper='AverageVectorField'")
    assert way.stepper == AverageVectorField() and np.all(np.diff(seen["energy"]) < 0)
    assert abs(np.ptp(seen["content"])) > 1e-3


@pytest.mark.slow
def test_a_plate_between_walls(tmp_path):
    """All at 4: σ_xx = σ_zz = −E α ΔT/(1 − ν), σ_yy = 0; ε_yy = (1 + ν)/(1 − ν) α ΔT. It begins at its reference."""
    way, frames, seen = marched(tmp_path, PLATE)
    assert way.stepper == BackwardEuler()
    assert float(frames[0].u[1].min()) == pytest.approx(1.0, abs=0.2)
    np.testing.assert_allclose(seen["warm"][-1], 4.0, rtol=1e-5)
    np.testing.assert_allclose(seen["stress"][-1], 100.0 * 0.03 / 0.75, rtol=1e-5)
    np.testing.assert_allclose(seen["rise"][-1], 1.25 / 0.75 * 0.03, rtol=1e-5)


@pytest.mark.slow
def test_stress_in_space_of_all_plane_bodies():
    """One state of strain, small: finite and small laws agree to first order; plane stress has none out of plane."""
    from simphys.materials import LinearElastic, PlaneStrain, PlaneStress, StVenantKirchhoff, Thermoelastic

    H, constants = 1e-6 * np.array([[1.0, 0.5], [0.2, -0.7]]), dict(E=100.0, nu=0.3)
    options = dict(expansion=1e-6, capacity=1.0, reference=1.0)
    for plane in (PlaneStrain, PlaneStress):
        small, finite = (
            np.asarray(Thermoelastic(plane(law(**constants)), **options).stress_in_space(H, 2.0))
            for law in (LinearElastic, StVenantKirchhoff)
        )
        np.testing.assert_allclose(small, finite, atol=1e-8)
        assert (abs(small[2, 2]) < 1e-12) == (plane is PlaneStress)
        material = Thermoelastic(plane(LinearElastic(**constants)), **options)
        np.testing.assert_allclose(small[:2, :2], material.stress(H, 2.0), atol=1e-14)


SHRINKS = (
    "solid.constraints.right.value=0.0",
    "solid.material.eigenstrain={strain=[-4e-4, 0.0, 0.0]}",
    "signals={pull={of=['eigenstrain'], type='table', times=[0.0, 1.0], values=[0.0, 1.0]}}",
)


@pytest.mark.slow
def test_a_bar_in_uniform_tension(tmp_path):
    """ē = u/L everywhere, σ = (1 − ω(u/L)) E u/L: of a bar that is held and would shrink by u."""
    way, frames, seen = marched(tmp_path, BAR, *SHRINKS)
    assert way.stepper == Equilibrium()
    strain = np.linspace(0.0, 0.02, 5) / 50.0
    grown = np.maximum(strain, 1e-4)
    left = 1e-4 / grown * (0.01 + 0.99 * np.exp(-200 * (grown - 1e-4)))
    np.testing.assert_allclose(seen["force"], 20e3 * strain * left, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(seen["stress"], 20e3 * strain * left, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(seen["damage"], 1 - left, atol=1e-7)
    where, smooth = sp.scene.quantity(frames[-1].problem, frames[-1].u, "smoothed_strain")
    assert where == "node"
    np.testing.assert_allclose(smooth, strain[-1], rtol=1e-6)


WRONG = {
    "equation": (MIXTURE, "phase_field.equation='Cahn'", ["phase_field.equation", "'AllenCahn' or 'CahnHilliard'"]),
    "free energy": (
        MIXTURE,
        "phase_field.free_energy.law='DoubleWel'",
        ["phase_field.free_energy.law", "'DoubleWell'"],
    ),
    "its argument": (
        MIXTURE,
        "phase_field.free_energy.heigth=1.0",
        ["phase_field.free_energy", "unknown key 'heigth'. Did you mean 'height'?"],
    ),
    "phases": (MIXTURE, "phase_field.free_energy.phases=[1.0, 0.0]", ["phase_field.free_energy", "increasing"]),
    "curve": (MIXTURE, "phase_field.equation='AllenCahn'", ["phase_field", 'belongs to equation = "CahnHilliard"']),
    "gradient energy": (MIXTURE, "phase_field.gradient_energy=-1.0", ["phase_field.gradient_energy", "positive"]),
    "constraint": (
        MIXTURE,
        "phase_field.constraints.ends.target='rigth'",
        ["phase_field.constraints.ends", "'rigth'"],
    ),
    "initial group": (MIXTURE, "time.initial.groups={hal=0.1}", ["time.initial", "'hal'"]),
    "equilibrium": (
        MIXTURE,
        "time.initial={equilibrium=true}",
        ["`time.initial.equilibrium` belongs to [solid]"],
    ),
    "potential": (MIXTURE, "observe.energy.part='potential'", ["observe.energy", "leave out `part`"]),
    "content": (BAR, "observe.x={type='content'}", ["observe.x", "that of a scalar field"]),
    "quantity": (
        BAR,
        "observe.force={type='point', at=[0.0, 0.0], of='damage'}",
        ["observe.force", "no values at nodes"],
    ),
    "picture": (BAR, "pictures.fields=['temperature']", ["pictures.fields", "no quantity 'temperature' here"]),
    "animation": (BAR, "pictures.animation='phase'", ["pictures.animation", "no quantity 'phase' here"]),
    "law of length": (BAR, "solid.material.law='J2Plasticity'", ["solid", "`nonlocal_length` belongs to law"]),
    "inertia": (BAR, "solid.density=1.0", ["solid", "`nonlocal_length` excludes"]),
    "plane": (PLATE, "thermo_solid.material.plane='axisymmetric'", ["thermo_solid.material", "must be an elastic law"]),
    "absolute zero": (PLATE, "thermo_solid.zero=20.0", ["thermo_solid.material", "absolute zero"]),
    "conduction": (PLATE, "thermo_solid.conduction.k=-1.0", ["thermo_solid.conduction", "`k`"]),
    "load's group": (PLATE, "thermo_solid.loads.air.where='tops'", ["thermo_solid.loads.air", "'tops'"]),
    "splitting": (PLATE, "time.stepper='ConvexSplitting'", ["time.stepper", "`AllenCahn` and `CahnHilliard`"]),
}


@pytest.mark.parametrize("text, override, words", WRONG.values(), ids=WRONG.keys())
def test_what_is_refused(tmp_path, text, override, words):
    with pytest.raises(SceneError) as caught:
        model, way = made(tmp_path, text, override)
        way.start(model.problem())
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("text, word", [(MIXTURE, "[phase_field] needs [time]"), (BAR, "needs [time]: damage grows")])
def test_time_is_needed(tmp_path, text, word):
    without = text.split("[signals")[0].split("[time]")[0]
    with pytest.raises(SceneError) as caught:
        load(write_scene(tmp_path, without))
    assert word in str(caught.value)
