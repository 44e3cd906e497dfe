"""Root problems whose functions hold traced values, written as problems that have them as leaves."""

import dataclasses

import equinox as eqx
import jax

from .._hidden import Opened, hides_values, opened
from .._typing import PyTree
from ..linalg import ColouredJacobian
from ._problem import AbstractRootProblem, RootProblem


def with_hidden_values(problem: AbstractRootProblem, guess, args, start) -> tuple:
    """Return the problem with the traced values that its functions hold as leaves, and its arguments and start to match.

    In θ ↦ solve(RootProblem(lambda y, _: y² − θ)), θ is no leaf of the problem, and ∂y/∂θ would come out as 0.
    """
    y = eqx.filter_eval_shape(problem.unknowns, guess)
    used = lambda p, y, guess, args: (p.evaluate(y, args), p.jacobian(y, args), p.value(y), p.unknowns(guess))
    if not hides_values(used, problem, y, guess, args):
        return problem, args, start
    if isinstance(problem, RootProblem) and start is None:
        return _with_functions_opened(problem, y, args), eqx.filter(args, eqx.is_array), start
    begin = eqx.filter(problem if start is None else start, eqx.is_array)
    problem = _with_methods_opened(problem, y, guess, args)
    if start is not None:
        # Of the programs a path needs those of its end alone.
        start = dataclasses.replace(jax.tree.map(lambda _: None, problem), problem=begin)
    return problem, eqx.filter(args, eqx.is_array), start


def _with_functions_opened(problem, y, args):
    where = lambda p: (p.function, p.energy_function, p.jacobian_function)
    known = lambda f: f is None or isinstance(f, ColouredJacobian)
    functions = tuple(f if known(f) else opened(f, y, args) for f in where(problem))
    return eqx.tree_at(where, problem, functions, is_leaf=lambda leaf: leaf is None)


def _with_methods_opened(problem, y, guess, args):
    at = (y, args)
    examples = dict(
        residual=at, jacobian=at, evaluate=at, switches=at, unknowns=(guess,), value=(y,), sizes=(y,), unloaded=()
    )
    call = lambda name: lambda p, *given: getattr(p, name)(*given)
    programs = {name: opened(call(name), problem, *given) for name, given in examples.items()}
    return _Opened(eqx.filter(problem, eqx.is_array), programs, problem.linear)


class _Opened(AbstractRootProblem):
    """A root problem whose methods are programs that take its arrays, and what they hold beside these is a leaf."""

    problem: PyTree
    programs: dict[str, Opened]
    affine: bool = eqx.field(static=True)

    @property
    def linear(self):
        return self.affine

    def residual(self, y, args):
        return self.programs["residual"](self.problem, y, args)

    def jacobian(self, y, args):
        return self.programs["jacobian"](self.problem, y, args)

    def evaluate(self, y, args):
        return self.programs["evaluate"](self.problem, y, args)

    def switches(self, y, args):
        return self.programs["switches"](self.problem, y, args)

    def unknowns(self, guess):
        return self.programs["unknowns"](self.problem, guess)

    def value(self, y):
        return self.programs["value"](self.problem, y)

    def sizes(self, y):
        return self.programs["sizes"](self.problem, y)

    def unloaded(self):
        before = self.programs["unloaded"](self.problem)
        arrays = eqx.filter(before, eqx.is_array)
        return None if before is None else dataclasses.replace(self, problem=arrays)
