"""Which parameters the data determine, and in which combinations the others are seen only together."""

import dataclasses

import jax
import numpy as np

from ..._hidden import on_host
from ..fits import Fit, Local, in_words, null_space
from ..parameters import Positive


@dataclasses.dataclass(frozen=True)
class Identifiability:
    """What the weighted Jacobian says of the parameters.

    **Attributes:**

    - `singular_values`: of J (with the rows of priors), columns in the coordinates φ; decreasing.
    - `condition`: the largest over the smallest.
    - `null_directions`: (direction, coordinate), in which nothing changes.
    - `weakest`: (coordinate,), the direction that the data see worst.
    - `words`: a sentence for each null direction; one for the weakest direction where there is none.
    """

    singular_values: np.ndarray
    condition: float
    null_directions: np.ndarray
    weakest: np.ndarray
    words: list[str]

    @property
    def identifiable(self) -> bool:
        """Whether the data determine all parameters."""
        return len(self.null_directions) == 0

    def __str__(self):
        return "\n".join(
            [f"singular values {self.singular_values[0]:.3g} … {self.singular_values[-1]:.3g}", *self.words]
        )

    __repr__ = __str__


@on_host("An analysis of identifiability")
def identifiability(fit: Fit) -> Identifiability:
    """Return which combinations of parameters the data of a fit determine.

    **Arguments:**

    - `fit`: with a Jacobian (by Levenberg–Marquardt).

    **Raises:** `ValueError` if no Jacobian was formed.

    Reference: D. M. Bates, D. G. Watts, Nonlinear Regression Analysis, Wiley 1988, section 3.
    """
    local = fit.local
    if local is None or local.jacobian is None:
        raise ValueError("Identifiability is read off the Jacobian, and this fit has none.")
    values, null = null_space(local)
    names = local.objective.parameters.coordinates
    weakest = null[0] if len(null) else _weakest(local)
    words = [only_together(local, vector, names) for vector in null]
    if not len(null):
        relative = values[-1] / values[0] if values[0] > 0 else 0.0
        words = [f"all are determined; worst seen is {in_words(weakest, names)}, by {relative:.1e} of the best"]
    condition = float(values[0] / values[-1]) if values[-1] > 0 else np.inf
    return Identifiability(values, condition, null, weakest, words)


def _weakest(local):
    _, vectors = np.linalg.eigh(local.matrix())
    return vectors[:, 0]


def only_together(local: Local, vector: np.ndarray, names: list[str]) -> str:
    """Return a null direction in words: which combination is seen, if it is of two parameters."""
    members = np.flatnonzero(np.abs(vector) > 0.05 * np.abs(vector).max())
    if len(members) == 1:
        return f"{names[members[0]]} has no effect on the data"
    if len(members) > 2:
        return f"no effect if these change together: {in_words(vector, names)}"
    i, j = members
    parameters = local.objective.parameters
    if all(isinstance(_transform_of(parameters, m), Positive) for m in members):
        # Along the null direction ln θ_i / v_i and ln θ_j / v_j change alike: θ_i θ_j^(−v_i/v_j) stays.
        return f"{names[i]} and {names[j]} only as {names[i]} {names[j]}^{-vector[i] / vector[j]:.3g}"
    if len(parameters.names) != parameters.size:
        return f"no effect if these change together: {in_words(vector, names)}"
    slope = np.asarray(jax.jacfwd(parameters.flat)(local.phi), float)
    moves = slope @ vector
    factor = -moves[i] / moves[j]
    sign, size = ("+", factor) if factor > 0 else ("-", -factor)
    return f"{names[i]} and {names[j]} only as {names[i]} {sign} {size:.3g} {names[j]}"


def _transform_of(parameters, entry):
    number = int(np.searchsorted(parameters.splits[1:], entry, side="right"))
    return parameters.transforms[number]
