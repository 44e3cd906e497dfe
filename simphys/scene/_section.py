"""The ground that all sections of a scene file stand on: strict types, and words for what is wrong with them."""

import re
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import pydantic
from pydantic_core import PydanticCustomError

from ._error import listing, nearest


Fields = Literal["scalar", "vector", "taylor_hood", "vector_and_scalar", "flow_and_scalar"]
"""Of a body: one field, a vector and its pressure, or a vector and a scalar of one degree less; or a flow with a
scalar."""


class Section(pydantic.BaseModel):
    """A table of a scene file; an unknown key in it is an error that names the nearest known one."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
    fixed: ClassVar[tuple[str, ...]] = ()
    """Numbers by which nothing is differentiated."""

    @pydantic.model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any):
        if isinstance(data, dict) and cls.model_config.get("extra") == "forbid":
            unknown = [key for key in data if key not in cls.model_fields]
            if unknown:
                raise PydanticCustomError("unknown_key", "{text}", {"text": _unknown(unknown, cls.model_fields)})
        return data

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema, handler):
        from ._key_words import describe_keys

        schema = handler(core_schema)
        describe_keys(cls, handler.resolve_ref_schema(schema).get("properties", {}))
        return schema


class Physics(Section):
    """What a scene computes; each kind states what it can do.

    **Attributes:**

    - `body`: what it is computed on; `fields`: of which kinds its unknowns on a mesh are; `own_spaces`: it says so itself.
    - `time`: whether it may be led through `[time]`, must be, or cannot; `needs`: what to say where it must.
    - `signals`, `equilibrium`, `design`: whether there may be these tables, and this beginning of a march.
    - `numbers`: the table of its own that holds its parameters; "" if it itself does.
    """

    body: ClassVar[Literal["mesh", "grid", "none"]] = "mesh"
    fields: ClassVar[Fields] = "scalar"
    own_spaces: ClassVar[bool] = False
    time: ClassVar[Literal["may", "must", "cannot"]] = "cannot"
    needs: ClassVar[str] = ""
    signals: ClassVar[bool] = True
    equilibrium: ClassVar[bool] = False
    design: ClassVar[bool] = False
    numbers: ClassVar[str] = ""


def _unknown(unknown, allowed):
    texts = [f"unknown key {key!r}.{nearest(key, allowed)}" for key in unknown]
    return " ".join([*texts, f"Allowed: {listing(allowed)}."])


def is_key(name: str) -> bool:
    """Whether a name is one that a path may be made of: letters, digits, blanks, `_`, `.` and `-`, 100 at most."""
    return re.fullmatch(r"[\w .-]{1,100}", name) is not None and name.strip(" .") != ""


def _checked_key(name):
    if not is_key(name):
        text = f"{describe(name)} is no name: up to 100 letters, digits, blanks, `_`, `.` and `-` expected."
        raise PydanticCustomError("wrong_type", "{text}", {"text": text})
    return name


def one_of(what: str) -> pydantic.WrapValidator:
    """Return a validator that describes a union by one phrase instead of one error for each of its members."""

    def validate(value, handler):
        try:
            return handler(value)
        except pydantic.ValidationError:
            raise PydanticCustomError(
                "wrong_type", "{what} expected, got {found}", {"what": what, "found": describe(value)}
            ) from None

    return pydantic.WrapValidator(validate)


def number_or(*tables: str) -> pydantic.Discriminator:
    """Return what tells a number from the tables that may stand in its place, so that messages are about what stands there.

    **Arguments:**

    - `tables`: tags of the kinds of tables; that of all but the last is a key that only this kind has.
    """

    def kind(value):
        if not isinstance(value, dict | pydantic.BaseModel):
            return "number"
        has = value.__contains__ if isinstance(value, dict) else lambda key: hasattr(value, key)
        return next((table for table in tables[:-1] if has(table)), tables[-1])

    return pydantic.Discriminator(kind)


def describe(value) -> str:
    """Return a value and its kind in TOML's words."""
    kinds = {bool: "a boolean", int: "a whole number", float: "a number", str: "a string", list: "a list"}
    kind = "a table" if isinstance(value, dict) else kinds.get(type(value), f"a {type(value).__name__}")
    shown = repr(value)
    return f"{shown if len(shown) <= 60 else shown[:57] + '...'} ({kind})"


Float = Annotated[float, one_of("a finite number")]
Positive = Annotated[float, pydantic.Field(gt=0), one_of("a positive number")]
Share = Annotated[float, pydantic.Field(gt=0, lt=1), one_of("a number between 0 and 1")]
NotNegative = Annotated[float, pydantic.Field(ge=0), one_of("0 or a positive number")]
Vector = Annotated[
    list[float], pydantic.Field(min_length=1, max_length=3), one_of("a list of up to three finite numbers")
]
Value = Annotated[
    float | Annotated[list[float], pydantic.Field(min_length=1, max_length=3)],
    one_of("a finite number or a list of up to three of them"),
]
Name = Annotated[str, pydantic.Field(min_length=1), one_of("a string")]
"""Of something that stands elsewhere: a group of a mesh file, a column, a file."""
Key = Annotated[Name, pydantic.AfterValidator(_checked_key)]
"""Name of an entry, which files and pictures are called by."""
T, U = TypeVar("T"), TypeVar("U")
OrCurve = Annotated[Annotated[T, pydantic.Tag("number")] | Annotated[U, pydantic.Tag("curve")], number_or("curve")]
"""A number, or a curve of one kind."""
Entries = Annotated[dict[Key, Annotated[T, pydantic.Field(discriminator="type")]], pydantic.Field(default_factory=dict)]
"""Entries of several types by names of the user's own; by default none."""
