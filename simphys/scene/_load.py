"""Reading scene files; nothing in them is executed here."""

import dataclasses
import pathlib
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

import pydantic

from ._error import SceneError, listing, nearest
from ._find import find_scene, scene_name
from ._limits import check_sizes
from ._schema import SceneData
from ._section import describe


MOST_BYTES = 10_000_000
"""Largest size of a scene file; tables and meshes stand in files of their own."""
_QUOTE = "'"


@dataclasses.dataclass(frozen=True)
class Scene:
    """A scene as plain, validated data.

    **Attributes:**

    - `file`: the scene file; files that it names lie beside it.
    - `data`: what it says.
    - `allow_outside`: whether it may name files that lie outside of its folder; `allow_code`: and functions of installed
      modules, which are then called.
    """

    file: pathlib.Path
    data: SceneData
    allow_outside: bool = False
    allow_code: bool = False

    @property
    def name(self) -> str:
        """Name of the scene's folder, or of its file if that is not `scene.toml`."""
        return scene_name(self.file)

    @property
    def within(self) -> pathlib.Path | None:
        """The folder that all files must lie in, links followed; None if they may lie anywhere."""
        return None if self.allow_outside else self.file.parent.resolve()

    def path_of(self, name: str) -> pathlib.Path:
        """Path of a file that the scene names; `SceneError` if it lies outside of the scene's folder."""
        path = self.file.parent / name
        try:
            if self.within is None or path.resolve().is_relative_to(self.within):
                return path
        except (OSError, RuntimeError, ValueError):
            raise SceneError(f"{name!r} is no path of a file.") from None
        raise SceneError(f"{name!r} lies outside of the scene's folder: --allow-outside lets it be read.")

    def build(self):
        """Make the objects that the scene describes; see `simphys.scene.build`."""
        from ._build import build

        return build(self)


def load(
    path,
    overrides: Iterable[str] | Mapping[str, Any] = (),
    *,
    allow_outside: bool = False,
    allow_code: bool = False,
) -> Scene:
    """Read a scene and check it.

    **Arguments:**

    - `path`: a folder with a `scene.toml` in it, or a `.toml` file; or, where there is neither, the name of a scene that
      comes with the package, such as `"cook"`.
    - `overrides`: entries to replace or add, as a mapping from key paths to values, or as strings such as
      `"solid.material.c10=0.2"` with a TOML value behind the equals sign.
    - `allow_outside`: let the scene name files that lie outside of its folder.
    - `allow_code`: let it name a function of an installed module, which is imported and called.

    **Returns:** a `Scene`.

    **Raises:** `SceneError`, naming file and key, what was found and what is allowed.
    """
    file = find_scene(path)
    data = _read(file)
    pairs = overrides.items() if isinstance(overrides, Mapping) else map(split_override, overrides)
    for key, value in pairs:
        override(data, key, value)
    check_sizes(data, file)
    try:
        return Scene(file, SceneData.model_validate(data), allow_outside, allow_code)
    except pydantic.ValidationError as error:
        raise explain(error, data, file) from None


def _read(file) -> dict:
    """The file as plain data; messages hold no part of it, for it may be no scene."""
    size = file.stat().st_size
    if size > MOST_BYTES:
        raise SceneError(f"a scene of {MOST_BYTES} bytes at most expected, got {size}.", file=file)
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise SceneError(f"this is not valid TOML: byte {error.start} is not UTF-8.", file=file) from None
    except RecursionError:
        raise SceneError("this is not valid TOML: lists or tables are nested too deeply.", file=file) from None
    except ValueError as error:
        # Python's own refusal of whole numbers with thousands of digits is no `TOMLDecodeError`.
        raise SceneError(f"this is not valid TOML: {str(error).split(';')[0]}", file=file) from None


def split_override(text: str) -> tuple[str, Any]:
    """Split `key=value`; a value that is not TOML is taken as a string if it is a bare word."""
    key, equals, value = text.partition("=")
    key, value = key.strip(), value.strip()
    if not equals or not key or not value:
        raise SceneError(f"an override reads key=value, such as solid.material.c10=0.2, got {text!r}.", key="--set")
    try:
        parsed = tomllib.loads(f"value = {value}")
        if list(parsed) == ["value"]:
            return key, parsed["value"]
    except (ValueError, RecursionError):
        pass
    if value.replace("_", "").replace("-", "").replace(".", "").replace("/", "").isalnum():
        return key, value
    shown = value if len(value) <= 60 else f"{value[:57]}..."
    raise SceneError(f"the value of {key!r} is not a TOML value: {shown!r}.", key="--set")


def override(data: dict, path: str, value: Any):
    """Set the entry at a dotted path, in place; missing tables on the way are made."""
    *way, last = path.split(".")
    node: Any = data
    for i, key in enumerate(way):
        where = ".".join(way[: i + 1])
        node = node[_index(node, key, where)] if isinstance(node, list) else node.setdefault(key, {})
        if not isinstance(node, dict | list):
            raise SceneError(f"{where!r} is {describe(node)}, not a table or list.", key="--set")
    node[_index(node, last, path) if isinstance(node, list) else last] = value


def _index(node, key, where):
    number = int(key) if key.isascii() and key.isdigit() and len(key) < 10 else len(node)
    if number >= len(node):
        raise SceneError(f"{where!r}: a number from 0 to {len(node) - 1} expected, got {key!r}.", key="--set")
    return number


def explain(error: pydantic.ValidationError, data: dict, file) -> SceneError:
    """Put pydantic's findings into one error, each with its key in the file."""
    found = [(_key(item, data), _sentence(item)) for item in error.errors()]
    if len(found) == 1:
        return SceneError(found[0][1], file=file, key=found[0][0] or None)
    lines = "".join(f"\n  {key}: {text}" if key else f"\n  {text}" for key, text in found)
    return SceneError(f"{len(found)} errors{lines}", file=file, key=None)


def _key(item, data) -> str:
    """Path in the file; pydantic's location also holds the tags of unions, which are no keys."""
    node, keys, location = data, [], item["loc"]
    for i, part in enumerate(location):
        if isinstance(node, list) and isinstance(part, int) and part < len(node):
            node = node[part]
        elif isinstance(node, dict) and part in node:
            node = node[part]
        elif item["type"] != "missing" or i < len(location) - 1:
            continue
        keys.append(str(part))
    return ".".join(keys)


def _sentence(item) -> str:
    """Say what pydantic found in words; what its own words are good for stays."""
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    if kind in ("unknown_key", "wrong_type"):
        return item["msg"]
    if kind == "value_error":
        return str(context["error"])
    if kind == "missing":
        return "this key is required."
    if kind == "union_tag_not_found":
        return f"{context['discriminator'].strip(_QUOTE)} is required."
    if kind == "union_tag_invalid":
        tags = [tag.strip("' ") for tag in context["expected_tags"].split(",")]
        name, tag = context["discriminator"].strip(_QUOTE), context["tag"]
        return f"{name} = {tag!r} is not known.{nearest(tag, tags)} Allowed: {listing(tags)}."
    if kind == "literal_error":
        return f"{context['expected']} expected, got {describe(value)}.{_nearest_literal(value, context['expected'])}"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return f"a table expected, got {describe(value)}."
    words = {"list_type": "a list", "string_type": "a string", "bool_type": "true or false"}
    if kind in words:
        return f"{words[kind]} expected, got {describe(value)}."
    return f"{item['msg'].replace('Input should', 'it should')}, got {describe(value)}."


def _nearest_literal(value, expected):
    allowed = [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(",")]
    return nearest(value, allowed) if isinstance(value, str) else ""
