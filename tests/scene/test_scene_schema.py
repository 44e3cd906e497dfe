"""The JSON Schema of scene files: every key with its meaning, its unit and an example that may be taken as it stands."""

import pydantic
import pytest

from simphys.scene import SceneData, json_schema
from simphys.scene._key_words import example_of, read_words
from simphys.scene._section import Section


SCHEMA = json_schema()
TABLES = {"SceneData": SCHEMA, **SCHEMA["$defs"]}
PROPERTIES = {f"{name}.{key}": entry for name, table in TABLES.items() for key, entry in table["properties"].items()}


def _kinds(section=Section):
    for kind in section.__subclasses__():
        yield kind
        yield from _kinds(kind)


def _numeric(entry):
    """Whether a number may stand there, be it in a list."""
    kinds = [entry, *entry.get("anyOf", ()), *entry.get("oneOf", ())]
    lists = [kind["items"] for kind in kinds if kind.get("type") == "array" and "items" in kind]
    return any(kind.get("type") in ("number", "integer") for kind in kinds) or any(map(_numeric, lists))


def test_every_key_has_a_meaning_a_unit_and_an_example():
    assert len(PROPERTIES) > 400
    lacking = [
        (name, word) for name, entry in PROPERTIES.items() for word in ("description", "unit") if not entry.get(word)
    ]
    lacking += [(name, "examples") for name, entry in PROPERTIES.items() if "examples" not in entry]
    assert not lacking


def test_numbers_have_units():
    """ "none" is for what is no number; numbers without a dimension have the unit 1."""
    assert not [name for name, entry in PROPERTIES.items() if entry["unit"] == "none" and _numeric(entry)]


def test_descriptions_are_sentences():
    assert not [name for name, entry in PROPERTIES.items() if not entry["description"].rstrip().endswith((".", "..."))]


@pytest.mark.parametrize("kind", [*_kinds(), SceneData], ids=lambda kind: f"{kind.__module__[16:]}-{kind.__name__}")
def test_examples_are_taken(kind):
    for key, field in kind.model_fields.items():
        wanted = pydantic.TypeAdapter(
            field.rebuild_annotation(),
            config=None if _is_section(field.annotation) else pydantic.ConfigDict(strict=True),
        )
        wanted.validate_python(example_of(kind, key))


def _is_section(kind):
    return isinstance(kind, type) and issubclass(kind, pydantic.BaseModel)


def test_the_schema_has_an_address():
    """Without a scheme for the network: nothing is fetched."""
    assert SCHEMA["$id"].startswith("urn:simphys:scene:")


def test_what_stands_behind_a_key():
    words = read_words("Mass per\n    volume. [mass/length³] e.g. 7.85e-9")
    assert words == ("Mass per volume.", "mass/length³", 7.85e-9)
    assert read_words("Whether it turns.") == ("Whether it turns.", "none", None)
    assert read_words("Groups. e.g. ['a', 'b']") == ("Groups.", "none", ["a", "b"])
