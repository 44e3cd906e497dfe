"""Many solves in a few numbers."""

import collections
import dataclasses
from collections.abc import Iterable

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._result import RESULTS
from ..implicit import AdjointCertificate, Solution


def brief(solution: Solution) -> Solution:
    """Return the solution without its value and history: what `summarise` needs of it, a few numbers to be kept."""
    where = lambda s: (s.value, s.reached, s.certificate.history)
    return eqx.tree_at(where, solution, (None, None, jnp.zeros(0)), is_leaf=lambda leaf: leaf is None)


@dataclasses.dataclass(frozen=True)
class Summary:
    """What the solves of a training, or of any other loop, had in common.

    **Attributes:**

    - `solves`: how many.
    - `converged`: share of them that reached their tolerance.
    - `worst_residual`: largest recomputed residual of all; `worst_converged` of those that converged.
    - `mean_steps`, `most_steps`: steps of the method.
    - `failures`: for each status but success, how often.
    - `gradients`: number of adjoint solves; 0 where no certificates of gradients were given.
    - `bad_gradients`: how many of them were refused: not solved, not at a root, or nearly singular.
    - `worst_adjoint`: bound of their relative true residuals.
    - `worst_error`: largest estimate of a gradient's relative error.
    """

    solves: int
    converged: float
    worst_residual: float
    worst_converged: float
    mean_steps: float
    most_steps: int
    failures: dict[str, int]
    gradients: int = 0
    bad_gradients: int = 0
    worst_adjoint: float = 0.0
    worst_error: float = 0.0

    def __str__(self):
        text = f"{self.solves:,} solves, {100 * self.converged:.4g} % converged, worst residual {self.worst_residual:.1e}, "
        text += f"{self.mean_steps:.1f} steps on average, {self.most_steps} at most"
        text += "".join(f"; {count} × {name}" for name, count in self.failures.items())
        if self.gradients:
            text += f"; {self.gradients:,} adjoint solves, {self.bad_gradients} refused, worst residual "
            text += f"{self.worst_adjoint:.1e}, estimated error of gradients at most {self.worst_error:.1e}"
        return text

    __repr__ = __str__


def summarise(solutions: Iterable[Solution] | Solution, gradients: Iterable[AdjointCertificate] = ()) -> Summary:
    """Sum up solutions, and the certificates of the gradients that went with them.

    **Arguments:**

    - `solutions`: any number of them, `brief` or whole; each may have leading dimensions, from `vmap` or `scan`.
    - `gradients`: third results of `value_and_grad`, likewise.

    **Returns:** a `Summary`.

    **Raises:** `ValueError` if there are no solutions.
    """
    solutions = [solutions] if isinstance(solutions, Solution) else list(solutions)
    if not solutions:
        raise ValueError("There are no solutions to be summed up.")
    gather = lambda part: np.concatenate([np.ravel(np.asarray(part(s))) for s in solutions])
    status, residual = gather(lambda s: s.result._value), gather(lambda s: s.certificate.residual)
    good, steps = gather(lambda s: s.certificate.converged).astype(bool), gather(lambda s: s.stats.newton_steps)
    names = {int(item._value): name for name, item in RESULTS._name_to_item.items()}
    failures = collections.Counter(names[int(code)] for code, fine in zip(status, good, strict=True) if not fine)
    # max of NumPy hands a NaN on: a residual that is none is the worst.
    worst = lambda values: float(np.max(values)) if values.size else 0.0
    return Summary(
        solves=status.size,
        converged=float(np.mean(good)),
        worst_residual=worst(residual),
        worst_converged=worst(residual[good]),
        mean_steps=float(np.mean(steps)),
        most_steps=int(np.max(steps)),
        failures=dict(failures),
        **_adjoints(list(gradients)),
    )


def _adjoints(certificates):
    if not certificates:
        return {}
    gather = lambda part: np.concatenate([np.ravel(np.asarray(part(c))) for c in certificates])
    bad = gather(lambda c: c.failures + c.not_roots + c.nearly_singular + c.wrong_tangents)
    return dict(
        gradients=int(np.sum(gather(lambda c: c.solves))),
        bad_gradients=int(np.sum(bad)),
        worst_adjoint=float(np.max(gather(lambda c: c.residual))),
        worst_error=float(np.max(gather(lambda c: c.error))),
    )
