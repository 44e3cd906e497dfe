"""Sections with some of their numbers replaced: by a load factor's share, or by traced parameters."""

from typing import Any

import jax
import pydantic

from ._error import SceneError, listing, nearest
from ._section import Section, describe


MAGNITUDES = ("value", "jump", "angle", "translation")


def scaled(section, factor, names=None):
    """Return a section with the magnitudes of (named) constraints and loads, or its named parameters, times a factor."""
    parts = {}
    for group in _groups(section):
        entries = getattr(section, group)
        chosen = {
            name: _scaled_entry(entry, factor) for name, entry in entries.items() if names is None or name in names
        }
        parts[group] = {**entries, **chosen}
    return section.model_copy(update=parts)


def check_scale(section, names):
    """Raise `SceneError` if a name to be scaled belongs to nothing that has a magnitude."""
    entries = {name: entry for group in _groups(section) for name, entry in getattr(section, group).items()}
    able = [name for name, entry in entries.items() if not isinstance(entry, pydantic.BaseModel) or _magnitudes(entry)]
    if names is None:
        raise SceneError(f"name the parameters that rise step by step. There are: {listing(able)}.")
    for name in names:
        if name not in able:
            raise SceneError(
                f"nothing called {name!r} that could rise.{nearest(name, able)} There are: {listing(able)}."
            )


def _groups(section):
    return [group for group in ("constraints", "loads", "parameters", "sides") if group in type(section).model_fields]


def _magnitudes(entry):
    return [key for key in MAGNITUDES if key in type(entry).model_fields]


def _scaled_entry(entry, factor):
    if not isinstance(entry, pydantic.BaseModel):
        return jax.tree.map(lambda v: factor * v, entry)
    changes = {}
    for key in _magnitudes(entry):
        value = getattr(entry, key)
        if value is not None:
            changes[key] = jax.tree.map(lambda v: factor * v, value)
    return entry.model_copy(update=changes)


def get_entry(data, path: str):
    """Return the number, or list of numbers, at a key path; raise `SceneError` if there is none."""
    node = find_entry(data, path)
    parts = node if isinstance(node, list) else [node]
    if not parts or any(isinstance(part, bool) or not isinstance(part, int | float) for part in parts):
        raise SceneError(f"{path!r} must be a number or a list of numbers to be a parameter, it is {describe(node)}.")
    return node


def find_entry(data, path: str):
    """Return what stands at a key path; raise `SceneError` if nothing does."""
    node: Any = data
    for key in path.split("."):
        allowed = _keys(node)
        if key not in allowed:
            hint = nearest(key, allowed)
            raise SceneError(
                f"no entry {path!r} in this scene: there is no {key!r}.{hint} There are: {listing(allowed)}."
            )
        node = allowed[key]
    return node


def below(data, values: dict):
    """Return the section of what a scene computes with new values, by key path, for numbers in it."""
    paths = {tuple(path.split("."))[1:]: value for path, value in values.items()}
    return replaced(data.section, paths) if paths else data.section


def replaced(node, values: dict):
    """Return a section with new values at key paths given as tuples."""
    if () in values:
        return values[()]
    heads = {}
    for (head, *rest), value in values.items():
        heads.setdefault(head, {})[tuple(rest)] = value
    children = _keys(node)
    new = {head: replaced(children[head], below) for head, below in heads.items()}
    if isinstance(node, pydantic.BaseModel):
        return node.model_copy(update=new)
    if isinstance(node, list):
        return [new.get(str(i), child) for i, child in enumerate(node)]
    return {**node, **new}


def _keys(node) -> dict:
    if isinstance(node, pydantic.BaseModel):
        named = {key: getattr(node, key) for key in type(node).model_fields}
        return {**named, **(node.__pydantic_extra__ or {})}
    if isinstance(node, dict):
        return node
    if isinstance(node, list):
        return {str(i): child for i, child in enumerate(node)}
    return {}


def numbers(node, prefix: str = "", leave: str = "") -> dict[str, float]:
    """Return all numbers below a section that are not 0, by key path; not those below keys to be left out."""
    found = {}
    for key, child in _keys(node).items():
        if key == leave or (isinstance(node, Section) and key in node.fixed):
            continue
        path = f"{prefix}.{key}" if prefix else key
        if isinstance(child, float | int) and not isinstance(child, bool):
            found.update({path: float(child)} if child else {})
        else:
            found.update(numbers(child, path, leave))
    return found


def paths_to(node, name: str, prefix: str) -> list[str]:
    """Return the key paths below a section that end in a name."""
    found = []
    for key, child in _keys(node).items():
        found += [f"{prefix}.{key}"] if key == name else paths_to(child, name, f"{prefix}.{key}")
    return found
