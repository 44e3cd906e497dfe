"""Traced values that Python functions hold without saying so: no derivative rule sees them until they are made leaves.

In θ ↦ solve(RootProblem(partial(f, θ))), θ is no leaf of the problem: a rule for the derivative with respect to the
problem's leaves would leave it out. Where such values sit (closures, defaults, attributes of plain objects) is not
searched for; a traced program names everything that it takes and that was not given to it.
"""

import contextlib
import dataclasses
import enum
import functools
import numbers
import types
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jax.extend.core import get_opaque_trace_state
from jaxtyping import PyTree


LIBRARIES = frozenset(
    ["builtins", "equinox", "jax", "jaxlib", "jaxtyping", "lineax", "math", "numpy", "optimistix", "simphys"]
)
HARMLESS = (np.generic, np.dtype, numbers.Number, str, bytes, type, enum.Enum, slice, jax.ShapeDtypeStruct)

with jax.core.eval_context():
    _AT_REST = get_opaque_trace_state()


class Opened(eqx.Module):
    """A function as the program that it was traced to, with the values that it holds as leaves.

    What is no array among its arguments is part of the program.
    """

    program: Any
    held: list
    taken: tuple = eqx.field(static=True)
    structure: Any = eqx.field(static=True)
    rest: PyTree

    def __call__(self, *arguments):
        """Return what the function returns for other arrays of the same shapes and types."""
        given = _arrays(arguments)
        if _shapes(given) != self.taken:
            raise ValueError(f"This program was traced for {self.taken}, got {_shapes(given)}.")
        found = jax.core.eval_jaxpr(self.program, self.held, *given)
        return eqx.combine(jax.tree.unflatten(self.structure, found), self.rest)


def opened(function: Callable, *arguments) -> Opened:
    """Trace a function; `arguments` are an example of its own, of which only arrays (or their shapes) may change later."""
    closed, structure, rest = eqx.filter_make_jaxpr(function)(*arguments)
    return Opened(closed.jaxpr, closed.consts, _shapes(_arrays(arguments)), jax.tree.structure(structure), rest)


def hides_values(function: Callable, *arguments) -> bool:
    """Return whether a function, called with these arguments, takes traced values that are no leaves of them."""
    return bool(hidden_values(function, *arguments))


def hidden_values(function: Callable, *arguments) -> list:
    """Return the traced values that a function, called with these arguments, takes and that are no leaves of them."""
    held = opened(function, *arguments).held if can_hide((function, arguments)) else []
    return [value for value in held if is_traced(value)]


def transformed() -> bool:
    """Return whether this runs under a transformation."""
    return get_opaque_trace_state() != _AT_REST


@contextlib.contextmanager
def on_host(what: str):
    """Say that what runs on the host has no derivative, where a traced value turns up within; usable as a decorator."""
    try:
        yield
    except (jax.errors.TracerArrayConversionError, jax.errors.ConcretizationTypeError) as error:
        if not transformed():
            raise
        raise ValueError(
            f"{what} runs on the host and has no derivative: something that it depends on (a function, a parameter, data) "
            "is a traced value of the transformation around it."
        ) from error


def can_hide(tree: PyTree) -> bool:
    """Return whether traced values may be hidden in a pytree: under a transformation, in anything that is not data."""
    return transformed() and _may_hide(tree)


def refuse_hidden(program: Opened, of: str):
    """Raise `ValueError` where a program holds traced values, for which there is no derivative."""
    hidden = [str(jax.typeof(value)) for value in program.held if is_traced(value)]
    if hidden:
        raise ValueError(
            f"{of} depends on {len(hidden)} traced value(s) ({', '.join(hidden)}) that are hidden in a function: their "
            "derivative would be lost. Pass them as `args`, or make them fields of an `equinox.Module` or arguments of a "
            "`jax.tree_util.Partial`."
        )


def hashable(tree: PyTree) -> PyTree:
    """Return a pytree whose callables can be hashed, as compiled programs ask: by what they are, or else by identity."""
    return jax.tree.map(lambda leaf: _Identified(leaf) if callable(leaf) and not _has_hash(leaf) else leaf, tree)


def in_one_context(function: Callable) -> Callable:
    """Have a function run in the context in which JAX lowers primitives: what is traced in it is found again there."""

    @functools.wraps(function)
    def within(*arguments, **named):
        with jax.sharding.use_abstract_mesh(jax.sharding.get_abstract_mesh()):
            return function(*arguments, **named)

    return within


def compiled(function: Callable) -> Callable:
    """Return `equinox.filter_jit` of a function (or method) whose arguments may hold callables of users without a hash."""
    program = eqx.filter_jit(function)

    @in_one_context
    @functools.wraps(function)
    def called(*arguments, **named):
        arguments, named = hashable((arguments, named))
        return program(*arguments, **named)

    return called


class _Identified:
    """A callable object that has no hash, such as a dataclass: known by its identity, as a function is."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *arguments, **named):
        return self.function(*arguments, **named)

    def __eq__(self, other):
        return isinstance(other, _Identified) and self.function is other.function

    def __hash__(self):
        return id(self.function)


def _has_hash(leaf) -> bool:
    try:
        hash(leaf)
    except TypeError:
        return False
    return True


def is_traced(value) -> bool:
    """Return whether a value is one of a transformation of JAX."""
    return isinstance(value, jax.core.Tracer)


def _arrays(tree):
    return [leaf for leaf in jax.tree.leaves(tree) if eqx.is_array(leaf) or isinstance(leaf, jax.ShapeDtypeStruct)]


def _shapes(arrays):
    return tuple((a.shape, a.dtype) for a in arrays)


def _may_hide(node, shown: bool = True) -> bool:
    """Whether a part of a pytree might hold what is not seen from outside; `shown`: arrays in it are leaves."""
    if node is None or isinstance(node, HARMLESS):
        return False
    if eqx.is_array(node):
        return not shown and is_traced(node)
    if isinstance(node, eqx.Module):
        # Classes are as opaque as functions: methods have closures, and read what the class holds.
        if _home(type(node)) not in LIBRARIES:
            return True
        fields = [field for field in dataclasses.fields(node) if hasattr(node, field.name)]
        return any(_may_hide(getattr(node, f.name), shown and not f.metadata.get("static")) for f in fields)
    if isinstance(node, frozenset | set):
        return any(_may_hide(part, shown) for part in node)
    found = jax.tree_util.default_registry.flatten_one_level(node)
    if found is None:
        return _is_opaque(node)
    outside = callable(node) and _home(type(node)) not in LIBRARIES
    return outside or any(_may_hide(part, shown) for part in found[0]) or _may_hide(found[1], False)


def _is_opaque(part) -> bool:
    """Whether something that is no pytree might hold what is not seen from outside."""
    home = _home(part)
    # Callable objects of simphys itself wrap functions of users.
    wraps = home == "simphys" and callable(part) and not isinstance(part, types.FunctionType)
    if home not in LIBRARIES or wraps or isinstance(part, types.MethodType):
        return True
    # What libraries make of a function (compiled, with a derivative of its own) carries its name, not its closure.
    inner = getattr(part, "__wrapped__", None)
    if inner is not None and not isinstance(part, types.FunctionType):
        return isinstance(inner, eqx.Module) or _is_opaque(inner)
    return getattr(part, "__closure__", None) is not None


def _home(thing) -> str:
    return (getattr(thing, "__module__", None) or "").split(".")[0]
