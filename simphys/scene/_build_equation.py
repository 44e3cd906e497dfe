"""A user's own equation: the module imported, the function called, and what its parameters change in the law."""

import contextlib
import dataclasses
import importlib
import importlib.machinery
import inspect
import os
import pathlib
import sys
from collections.abc import Callable, Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.extend.core import Literal

from .. import fem, physics
from .._hidden import hides_values
from .._typing import PyTree
from ._build_conditions import as_array
from ._error import SceneError, listing, nearest
from ._load import Scene


@dataclasses.dataclass(frozen=True, eq=False)
class Equation:
    """A function of an installed module on the mesh of a scene."""

    scene: Scene
    mesh: fem.Mesh
    function: Callable
    programs: dict = dataclasses.field(default_factory=dict)

    @classmethod
    def build(cls, scene: Scene, mesh: fem.Mesh) -> "Equation":
        """Import the function; `SceneError` unless that is allowed, and it takes what the scene gives it."""
        section = scene.data.balance
        if not scene.allow_code:
            raise SceneError(
                f"{section.equation!r} is code, and nothing in a scene is executed unless --allow-code is given.",
                key="balance.equation",
            )
        folder = scene.file.parent.resolve()
        with _installed_alone(folder):
            function = _imported(section.equation, folder)
        _check_arguments(section, function)
        return cls(scene, mesh, function)

    def problem(self, parameters: dict[str, PyTree]) -> physics.AbstractBalance:
        """Call the function; what it raises is said of the scene."""
        section = self.scene.data.balance
        try:
            with _installed_alone(self.scene.file.parent.resolve()):
                found = self.function(self.mesh, **parameters, **section.options)
        except SceneError:
            raise
        except Exception as error:
            what = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            raise SceneError(f"{section.equation} raised: {what}") from error
        if not isinstance(found, physics.AbstractBalance):
            raise SceneError(f"{section.equation} returns a {type(found).__name__}; a balance law is expected.")
        return found

    def remade(self, section, base, changed) -> physics.AbstractBalance:
        """Return the law with other parameters: the arrays that depend on them take the place of those of `base`."""
        parameters = arrays_of(section.parameters)
        key = jax.tree.structure(parameters), _shapes(jax.tree.leaves(parameters))
        if key not in self.programs:
            self.programs[key] = self._traced(parameters)
        program, places, shapes = self.programs[key]
        dynamic, static = eqx.partition(base, eqx.is_array)
        leaves, structure = jax.tree.flatten(dynamic)
        if _shapes(leaves) != shapes:
            # A field in the place of a number makes a law of another structure.
            return self.problem(parameters)
        found = jax.core.eval_jaxpr(program.jaxpr, program.consts, *jax.tree.leaves(parameters))
        kept = [found[i] if i in places else leaf for i, leaf in enumerate(leaves)]
        return eqx.combine(jax.tree.unflatten(structure, kept), static)

    def _traced(self, parameters):
        """The function as a program: which of the law's arrays depend on a parameter, and the shapes of all."""
        hidden = []

        def arrays(values):
            found = self.problem(values)
            hidden.append(hides_values(_residual, found))
            return jax.tree.leaves(eqx.filter(found, eqx.is_array))

        program, given = jax.make_jaxpr(arrays, return_shape=True)(parameters)
        if any(hidden):
            raise SceneError(
                "a parameter is held within a function, where its derivative is lost: give it to the term, as in "
                "`fem.Weak(function, parameters)`."
            )
        places, used = _dependent(program.jaxpr)
        moving = iter(used)
        idle = [n for n, part in parameters.items() if not any([next(moving) for _ in jax.tree.leaves(part)])]
        if idle:
            raise SceneError(f"nothing in the law depends on {listing(idle)}.")
        return program, places, _shapes(given)


def arrays_of(parameters: dict[str, PyTree]) -> dict[str, PyTree]:
    """Return numbers and lists of them, some of which may be traced, as arrays; fields as they are."""
    return {name: as_array(value) for name, value in parameters.items()}


def _residual(problem):
    return problem.evaluate(problem.unknowns(None), None).residual


def _shapes(leaves):
    return tuple((jnp.shape(leaf), jnp.result_type(leaf)) for leaf in leaves)


def _dependent(jaxpr) -> tuple[set[int], list[bool]]:
    """Which outputs of a program depend on an input, and which inputs an output depends on."""
    of = {variable: {i} for i, variable in enumerate(jaxpr.invars)}
    seen = lambda atoms: set().union(*(of.get(a, set()) for a in atoms if not isinstance(a, Literal)))
    for equation in jaxpr.eqns:
        found = seen(equation.invars)
        of.update({variable: found for variable in equation.outvars})
    outputs = [seen([atom]) for atom in jaxpr.outvars]
    used = set().union(*outputs)
    return {i for i, found in enumerate(outputs) if found}, [i in used for i in range(len(jaxpr.invars))]


def _check_arguments(section, function):
    try:
        takes = dict(list(inspect.signature(function).parameters.items())[1:])
    except (TypeError, ValueError):
        raise SceneError(f"{section.equation!r} is no function.") from None
    if any(p.kind is p.VAR_KEYWORD for p in takes.values()):
        return
    given = (*section.parameters, *section.options)
    for name in given:
        if name not in takes:
            raise SceneError(f"no argument {name!r}.{nearest(name, takes)} {section.equation} takes {listing(takes)}.")
    missing = [name for name, p in takes.items() if p.default is p.empty and name not in given]
    if missing:
        raise SceneError(f"{section.equation} needs {listing(missing)}; it takes {listing(takes)}.")


def _imported(equation: str, folder: pathlib.Path) -> Callable:
    """The function of an installed module."""
    name, _, attribute = equation.partition(":")
    try:
        module = importlib.import_module(name)
        for part in _parents(name):
            _check_home(part, getattr(sys.modules[part], "__spec__", None), folder)
    except ImportError as error:
        raise SceneError(
            f"no installed module {name!r} (the current folder and the scene's are not searched): {error}"
        ) from error
    except Exception as error:
        raise SceneError(f"{name!r} cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(getattr(module, attribute, None)):
        known = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
        raise SceneError(f"{name!r} has no function {attribute!r}.{nearest(attribute, known)}")
    return getattr(module, attribute)


def _parents(name):
    parts = name.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _check_home(name, spec, folder):
    """Raise `ImportError` for a module whose file lies in the scene's folder."""
    places = [] if spec is None else [spec.origin or "", *(spec.submodule_search_locations or ())]
    # A scene beside the environment that runs it does not own what is installed there.
    installed = [p for p in map(pathlib.Path, (sys.prefix, sys.base_prefix)) if p.is_relative_to(folder)]
    for place in (pathlib.Path(p).resolve() for p in places if pathlib.Path(p).is_absolute()):
        if place.is_relative_to(folder) and not any(place.is_relative_to(p) for p in installed):
            raise ImportError(f"{name!r} lies in the scene's folder, and nothing there is imported", name=name)


class _NotBeside:
    """Finds nothing, but refuses modules that lie in the scene's folder."""

    def __init__(self, folder):
        self.folder = folder

    def find_spec(self, name, path=None, target=None):
        _check_home(name, importlib.machinery.PathFinder.find_spec(name, path, target), self.folder)
        return None


@contextlib.contextmanager
def _installed_alone(folder: pathlib.Path) -> Iterator[None]:
    """Let imports see what is installed alone: neither the current folder nor that of the scene."""
    before, guard = list(sys.path), _NotBeside(folder)
    # Python puts the current folder, or that of a script, first.
    here = {"", os.getcwd()}
    sys.path[:] = [entry for i, entry in enumerate(before) if not (i == 0 and entry in here)]
    sys.meta_path.insert(0, guard)
    try:
        yield
    finally:
        sys.meta_path.remove(guard)
        sys.path[:] = before
