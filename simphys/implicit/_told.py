"""What is printed of a solution: how it ended, what that took, and what it is."""

import collections

import jax
import numpy as np

from .._result import RESULTS
from .._told import brief, counted, is_known, told
from ._certificate import Solution


@told.register
def _(solution: Solution) -> str:
    how = solution.stats.solver.split(":")[0]
    known = is_known(solution.certificate, solution.stats, solution.result)
    parts = [*(_ending(solution) if known else ["a solution that is being traced"]), how]
    return "\n".join([", ".join(part for part in parts if part), *_values(solution)])


def _values(solution):
    leaves = jax.tree.leaves(solution.value)
    return [f"  value: {brief(leaf)}" for leaf in leaves[:4]] + (["  ..."] if len(leaves) > 4 else [])


def _ending(solution):
    """How it ended, steps, residual; of many solves at once how many ended how, and the worst of each."""
    numbers = lambda leaf: np.ravel(np.asarray(leaf))
    codes, steps = numbers(solution.result._value), numbers(solution.stats.newton_steps)
    residual, factor = numbers(solution.certificate.residual), numbers(solution.certificate.load_factor)
    names = {int(item._value): name for name, item in RESULTS._name_to_item.items()}
    counts = collections.Counter("converged" if names[int(c)] == "successful" else names[int(c)] for c in codes)
    if codes.size == 1:
        (name,) = counts
        head = "converged: " if name == "converged" else f"not converged ({name}): "
        taken = f"{head}{counted(int(steps[0]), 'Newton step')}"
        reached = "" if factor[0] == 1 else f"load factor {factor[0]:.4g}"
        return [taken, f"residual {residual[0]:.1g}", reached, _touching(solution.certificate.touching)]
    each = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    most = f"{counted(int(steps.max(initial=0)), 'Newton step')} at most"
    return [f"{counted(codes.size, 'solve')}: {each}; {most}", f"worst residual {residual.max(initial=0):.1g}"]


def _touching(touching):
    if touching is None:
        return ""
    pairs = int(np.ravel(np.asarray(touching.pairs))[0])
    if not pairs:
        return "nothing touches"
    return f"{counted(pairs, 'pair')} in contact, smallest gap {float(np.ravel(np.asarray(touching.smallest))[0]):.3g}"
