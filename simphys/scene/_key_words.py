"""What the keys of scene files mean: read from where they are declared, for the JSON Schema.

Behind a key stands `\"\"\"What it is. [its unit] e.g. an example in TOML\"\"\"`; what many tables share stands here.
"""

import ast
import functools as ft
import inspect
import re
import sys
import tomllib
import types
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import pydantic
from pydantic_core import PydanticUndefined


COMMON = {
    "type": "Kind of this entry, which its other keys depend on.",
    "kind": "Kind of this table, which its other keys depend on.",
    "where": "Name of a group of the mesh; left out, where it may be, the whole body. e.g. 'right'",
    "component": "Which component; left out, where it may be, the length of a vector. e.g. 'x'",
    "groups": "Groups besides those that the mesh has, by names of your own. e.g. {foot = {type = 'plane', "
    "point = [0.0, 0.0], normal = [0.0, 1.0]}}",
    "constraints": "What holds the body, by names of your own.",
    "loads": "What acts on the body, by names of your own.",
    "degree": "Degree of the geometry of the cells. [1]",
    "step": "Column of the load step, 1 for the first; left out, all belong to the last. e.g. 'step'",
    "time": "Column of the time. e.g. 'time'",
    "file": "Table (CSV) beside the scene, with a line of names of columns. e.g. 'measured.csv'",
    "outside": "What is done with positions outside the mesh: refused, left out with their data, or moved to the nearest.",
    "width": "Units of each hidden layer. [1] e.g. 16",
    "depth": "Number of hidden layers. [1] e.g. 1",
    "seed": "Of the random numbers that it begins with. [1]",
}
_FORM = re.compile(r"(?P<text>.*?)(?:\s*\[(?P<unit>[^\[\]]+)\])?(?:\s+e\.g\.\s+(?P<example>.+))?", re.S)


class Words(NamedTuple):
    """What is said of a key: a sentence, its unit ("1" for pure numbers, "none" for what is no number), an example."""

    text: str
    unit: str = "none"
    example: Any = None


def read_words(text: str) -> Words:
    """Return what stands behind a key."""
    match = _FORM.fullmatch(" ".join(text.split()))
    assert match is not None
    example = match["example"]
    value = None if example is None else tomllib.loads(f"value = {example}")["value"]
    return Words(match["text"].strip(), match["unit"] or "none", value)


def words_of(section: type[pydantic.BaseModel], key: str) -> Words | None:
    """Return what is said of a key where it is declared, or of all keys of its name; None if nothing is."""
    for base in section.__mro__:
        if key in vars(base).get("__annotations__", {}):
            text = _declared(base.__module__).get((base.__name__, key))
            if text is not None:
                return read_words(text)
    return read_words(COMMON[key]) if key in COMMON else None


def describe_keys(section: type[pydantic.BaseModel], properties: dict):
    """Add to the properties of a table's JSON Schema what is said of them."""
    for key, entry in properties.items():
        words = words_of(section, key)
        if words is not None:
            entry["description"], entry["unit"] = words.text, words.unit
        found = example_of(section, key)
        if found is not None:
            entry["examples"] = [found]


def example_of(section: type[pydantic.BaseModel], key: str) -> Any:
    """Return a value that a key may have: the one that is written down, its default, or one made of its parts."""
    words, field = words_of(section, key), section.model_fields[key]
    if words is not None and words.example is not None:
        return words.example
    default = field.get_default(call_default_factory=True)
    if default not in (None, PydanticUndefined, "", [], {}) and not isinstance(default, pydantic.BaseModel):
        return default
    return _example(field.annotation)


def _example(kind) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
        return _table(kind)
    if origin is Literal:
        return arguments[0]
    if origin is Annotated:
        return _example(arguments[0])
    if origin in (Union, types.UnionType):
        return next((found for found in map(_example, arguments) if found is not None), None)
    if origin is dict:
        entry = _example(arguments[1])
        return None if entry is None else {"a_name": entry}
    if origin is list:
        entry = _example(arguments[0])
        return None if entry is None else [entry]
    return None


def _table(section) -> dict | None:
    """The keys that must be there, or else the first of those that have an example."""
    keys = [key for key, field in section.model_fields.items() if field.is_required()]
    keys = keys or [key for key in section.model_fields if example_of(section, key) is not None][:1]
    return {key: example_of(section, key) for key in keys} or None


@ft.cache
def _declared(module: str) -> dict[tuple[str, str], str]:
    """{(class, key): text behind it} of a module, from its source."""
    found = {}
    for node in ast.parse(inspect.getsource(sys.modules[module])).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for entry, behind in zip(node.body, node.body[1:], strict=False):
            said = behind.value if isinstance(behind, ast.Expr) else None
            if isinstance(entry, ast.AnnAssign) and isinstance(said, ast.Constant) and isinstance(said.value, str):
                found[node.name, ast.unparse(entry.target)] = said.value
    return found
