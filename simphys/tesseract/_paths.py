"""Places in nested inputs, as Tesseracts name them: `a.b`, `a.[0]`, `a.{key}`."""

from typing import Any

from ._core import differentiable


def differentiable_paths(schema, given: Any = None) -> Any:
    """Return the paths of differentiable arrays with their declared types; with `given`, a list of those that are there."""
    found = differentiable(schema)
    if given is None:
        return {".".join(path): kind for path, kind in found.items() if all(isinstance(key, str) for key in path)}
    return [".".join(keys) for path in found for keys in _expanded(path, given)]


def at(tree: Any, path: str, *default: Any) -> Any:
    """Return what stands at a path; `default` if nothing does."""
    for key in _keys(path):
        if default and (tree is None or (isinstance(tree, dict) and key not in tree)):
            return default[0]
        tree = tree[key]
    return tree


def put(tree: Any, path: str, value: Any) -> Any:
    """Return the tree with another value at a path; what lies aside is shared."""
    return _put(tree, _keys(path), value)


def _put(tree, keys, value):
    if not keys:
        return value
    changed = dict(tree) if isinstance(tree, dict) else list(tree)
    changed[keys[0]] = _put(tree[keys[0]], keys[1:], value)
    return changed if isinstance(tree, dict | list) else type(tree)(changed)


def _keys(path):
    parts = [part for part in path.split(".") if part]
    return [int(p[1:-1]) if p[0] == "[" else p[1:-1] if p[0] == "{" else p for p in parts]


def _expanded(path, given):
    """The paths that a pattern stands for in given inputs; none through what is None."""
    if given is None:
        return
    if not path:
        yield ()
        return
    key, rest = path[0], path[1:]
    if isinstance(key, str):
        named = [(key, given[key])]
    elif isinstance(given, dict):
        named = [(f"{{{k}}}", value) for k, value in given.items()]
    else:
        named = [(f"[{k}]", value) for k, value in enumerate(given)]
    for name, value in named:
        yield from ((name, *more) for more in _expanded(rest, value))
