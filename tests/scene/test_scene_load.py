import functools
import pathlib
import re
import tomllib

import _tiny
import pydantic
import pytest
from _tiny import TINY, write_scene

import simphys as sp
from simphys.scene import SceneError, find_scenes, json_schema, load
from simphys.scene._design_section import Design
from simphys.scene._equation_section import Balance
from simphys.scene._fit_section import Fit
from simphys.scene._kinetics_section import Kinetics
from simphys.scene._phase_section import PhaseField
from simphys.scene._physics_section import Solid
from simphys.scene._thermo_section import ThermoSolid
from simphys.scene._time_section import Signal, Statistic, Time


SCENES = pathlib.Path(__file__).parents[2] / "scenes"


refused = functools.partial(_tiny.refused, build=False)


def files_of(data):
    """Names of the files that a scene needs."""
    measured = [] if data.fit is None else [entry.file for entry in data.fit.data.values()]
    return [*measured, *([data.mesh.file] if data.mesh is not None and data.mesh.kind == "file" else [])]


@pytest.mark.parametrize("file", find_scenes(SCENES), ids=lambda f: f.parent.name)
def test_shipped_scenes_are_valid(file):
    scene = load(file.parent)
    assert scene.name == file.parent.name
    assert scene.data.title and scene.data.description
    assert all(scene.path_of(name).is_file() for name in files_of(scene.data))


def test_there_are_these_scenes():
    assert [f.parent.name for f in find_scenes(SCENES)] == [
        "aluminium_rod", "beam_forces", "block_on_a_slope", "bracket", "cantilever_3d", "cavity_on_grid",
        "conductivity_square", "converging_channel", "cook", "cook_incompressible", "elastography",
        "end_notched_flexure",
        "flow_round_cylinder", "glued_beam", "heat_sink",
        "heat_sink_design", "heated_plate", "inverter", "layered_wall", "learned_block", "learned_rubber",
        "learned_sheet", "mbb", "mbb_network", "nafems_t3", "nafems_t4", "natural_convection", "necking_bar",
        "notched_bar", "pad_on_pin", "perforated_sheet", "pipe_bend", "quench", "ringing_beam", "robertson",
        "sheet_inclusion", "shock_tube", "shrinking_grain", "silverbox", "spinodal_decomposition", "treloar",
        "turek_hron_csm1", "turek_hron_csm2", "turek_hron_csm3", "twisted_block",
    ]  # fmt: skip


def test_laws_of_the_schema_are_those_of_the_materials():
    from simphys.scene._material_section import CONDUCTION_LAWS, SOLID_LAWS

    assert {*SOLID_LAWS, *CONDUCTION_LAWS} == set(sp.materials.LAWS)


def test_a_name_of_a_single_file(tmp_path):
    assert load(write_scene(tmp_path, name="square.toml")).name == "square"


def test_unknown_key_names_the_nearest(tmp_path):
    text = refused(tmp_path, TINY.replace("lengths", "lenghts"))
    assert "scene.toml: mesh: unknown key 'lenghts'. Did you mean 'lengths'?" in text
    assert "'cells'" in text


@pytest.mark.parametrize(
    "override, words",
    [
        (
            "mesh.cells=4",
            ["mesh.cells", "a list of positive whole numbers expected", "got 4 (a whole number)"],
        ),
        ("mesh.cells=[2, 0]", ["mesh.cells", "positive"]),
        ("mesh.kind='ring'", ["mesh", "kind = 'ring' is not known", "'line'"]),
        ("solid.material.law='LinearElastik'", ["solid.material.law", "Did you mean 'LinearElastic'?"]),
        ("solid.material.E=nan", ["solid.material", "`E`", "finite numbers expected, got nan"]),
        ("solid.material.E=true", ["solid.material", "finite numbers expected, got True (a boolean)"]),
        ("solid.thickness=-1.0", ["solid.thickness", "a positive number expected, got -1.0"]),
        ("solid.loads.pull.value='much'", ["solid.loads.pull.value", "got 'much' (a string)"]),
        ("solid.loads.pull.type='tractoin'", ["solid.loads.pull", "Did you mean 'traction'?"]),
        ("solid.loads.more.type='pressure'", ["solid.loads.more.where: this key is required"]),
        (
            "solid.constraints.held.components=['w']",
            ["solid.constraints.held.components", "'x', 'y' or 'z' expected"],
        ),
        ("solid=3", ["solid: a table expected, got 3"]),
        (
            "heat.material.law='IsotropicConduction'",
            ["one of [solid], [stokes], [navier_stokes], [boussinesq], [heat]", "got [solid] and [heat]"],
        ),
        ("steps.factors=[0.5, 0.2]", ["steps", "must be positive and increasing"]),
        ("pictures.view='above'", ["pictures.view", "'iso'"]),
        ("solver.rtol='small'", ["solver.rtol", "a number between 0 and 1 expected, got 'small'"]),
    ],
)
def test_wrong_entries(tmp_path, override, words):
    text = refused(tmp_path, overrides=[override])
    assert "scene.toml" in text
    for word in words:
        assert word in text, text
    assert "Input should" not in text and "pydantic" not in text


def test_all_errors_are_told_at_once(tmp_path):
    text = refused(tmp_path, overrides=["mesh.cells=4", "solid.thickness=0"])
    assert "2 errors" in text and "mesh.cells" in text and "solid.thickness" in text


def test_neither_nor_both(tmp_path):
    assert "got none of them" in refused(tmp_path, 'title = "x"\n[mesh]\nkind = "line"\ncells = 2\n')


def test_broken_toml_names_the_line(tmp_path):
    text = refused(tmp_path, "title = \n")
    assert "not valid TOML" in text and "line 1" in text


def test_missing_scenes(tmp_path):
    write_scene(tmp_path / "bracket")
    with pytest.raises(SceneError, match=r"no such scene\. Did you mean '.*bracket'\?"):
        load(tmp_path / "braket")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SceneError, match=r"a folder without scene\.toml"):
        load(tmp_path / "empty")


def test_overrides(tmp_path):
    file = write_scene(tmp_path)
    scene = load(file, ["solid.material.E=5", "mesh.cells.1=7", "steps.count=3", "mesh.cell_type=triangle"])
    assert scene.data.solid.material.E == 5
    assert scene.data.mesh.cells == [2, 7]
    assert scene.data.steps.count == 3
    assert scene.data.mesh.cell_type == "triangle"
    assert load(file, {"solid.material.E": 6.0}).data.solid.material.E == 6.0


@pytest.mark.parametrize(
    "override, words",
    [
        ("solid.material.E", "reads key=value"),
        ("mesh.cells.5=1", "a number from 0 to 1 expected, got '5'"),
        ("title.x=1", "is 'A small square' (a string), not a table or list"),
        ("mesh.cells=[1", "is not a TOML value"),
        ("mesh.cells=__import__('os')", "is not a TOML value"),
    ],
)
def test_bad_overrides(tmp_path, override, words):
    assert words in refused(tmp_path, overrides=[override])


def test_schema_describes_the_format():
    schema = json_schema()
    assert set(tomllib.loads(TINY)) <= set(schema["properties"])
    assert "title" in schema["required"]
    assert schema["additionalProperties"] is False


def test_the_example_of_the_documentation(tmp_path):
    page = (SCENES.parent / "docs" / "scenes.md").read_text(encoding="utf-8")
    parts = re.findall(r"```toml\n(.*?)```", page, re.S)
    whole, time, thermo, phase, strained, damage, vessel, fit_in_time, boxed, own, fit, fields, design = parts
    scene = load(write_scene(tmp_path, whole))
    assert set(scene.data.observe) == {"tip"}
    scene.build()
    marched = tomllib.loads(time)
    assert Time.model_validate(marched["time"]).steps == 120
    pydantic.TypeAdapter(Signal).validate_python(marched["signals"]["swing"])
    Statistic.model_validate(marched["statistics"]["highest"])
    ThermoSolid.model_validate(tomllib.loads(thermo)["thermo_solid"])
    PhaseField.model_validate(tomllib.loads(phase)["phase_field"])
    material = tomllib.loads(whole)["solid"]["material"] | tomllib.loads(strained)["solid"]["material"]
    Solid.model_validate(tomllib.loads(whole)["solid"] | dict(material=material))
    Solid.model_validate(tomllib.loads(damage)["solid"])
    Kinetics.model_validate(tomllib.loads(vessel)["kinetics"])
    load(write_scene(tmp_path, f'title = "A box"\n{boxed}', "box.toml")).build()
    Fit.model_validate(tomllib.loads(fit_in_time)["fit"])
    Balance.model_validate(tomllib.loads(own)["balance"])
    steps = tomllib.loads(fit)["fit"]
    Fit.model_validate(steps)
    Fit.model_validate(steps | tomllib.loads(fields)["fit"])
    Design.model_validate(tomllib.loads(design)["design"])
