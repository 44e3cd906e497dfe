"""Free energies of mixing: what makes phases separate."""

import abc
from collections.abc import Callable
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from .. import _check
from .._ranges import Ranged, positive, related
from .._typing import PyTree, Scalar, Value
from ._moduli import is_concrete


class AbstractFreeEnergy(Ranged):
    """Free energy ψ(c) per volume of a homogeneous mixture, as the sum of a convex and a concave part."""

    @property
    @abc.abstractmethod
    def splits(self) -> bool:
        """Whether the parts are known to be convex and concave."""

    @abc.abstractmethod
    def parts(self, c: Scalar) -> tuple[Scalar, Scalar]:
        """Return the convex and the concave part at a concentration (order parameter) c; NaN where c cannot be."""

    def energy(self, c: Scalar) -> Scalar:
        """Return ψ(c), energy per volume."""
        convex, concave = self.parts(c)
        return convex + concave

    def potential(self, c: Scalar) -> Scalar:
        """Return ψ'(c)."""
        return jax.grad(self.energy)(c)


class DoubleWell(AbstractFreeEnergy):
    """Two phases of equal energy, `ψ = h (x² − 1)²/4`, `x = (2c − c₁ − c₂)/(c₂ − c₁)`; between the phases h/4.

    With a gradient energy κ|∇c|²/2 a plane interface is `x = tanh(z/(√2 ε))`, `ε = (c₂ − c₁)/2 √(κ/h)`, and has the
    energy `2√2/3 h ε` per area. Split as `h (x⁴ + 1)/4 − h x²/2`.

    **Arguments**

    - `height`: h, energy/volume, > 0.
    - `phases`: c₁ < c₂.

    **Raises** `ValueError` for values out of range.

    Reference: J. W. Cahn, J. E. Hilliard, J. Chem. Phys. 28 (1958) 258.
    """

    height: PyTree = positive()
    phases: PyTree
    splits: ClassVar[bool] = True

    def __init__(self, height: Value = 1.0, phases: Value = (-1.0, 1.0)):
        self.height = _check.parameter(height)
        self.phases = _check.finite("phases", _check.parameter(phases))
        if is_concrete(self.phases):
            known = np.asarray(self.phases)
            if known.shape != (2,) or not known[1] > known[0]:
                raise ValueError(f"`phases` must be two increasing concentrations, got {known}.")

    def relations(self):
        return {"phases increase": related(lambda phases: phases[1] > phases[0], self.phases)}

    def parts(self, c):
        low, high = self.phases
        x = (2 * c - low - high) / (high - low)
        return self.height * (x**4 + 1) / 4, -self.height * x**2 / 2


class FloryHuggins(AbstractFreeEnergy):
    """A regular solution, `ψ = h [c ln c / n₁ + (1 − c) ln(1 − c) / n₂ + χ c (1 − c)]`, 0 < c < 1.

    Phases separate for χ > (1/√n₁ + 1/√n₂)²/2. The entropy is convex, the interaction concave.

    **Arguments**

    - `chi`: interaction χ, > 0.
    - `height`: h = k T / v, energy/volume, > 0.
    - `lengths`: n₁, n₂, segments of the molecules, > 0: 1 for small ones.

    **Raises** `ValueError` for values out of range.

    Reference: P. J. Flory, Principles of Polymer Chemistry, Cornell 1953, chapter XII.
    """

    chi: PyTree = positive()
    height: PyTree = positive()
    lengths: PyTree = positive(several=True)
    splits: ClassVar[bool] = True

    def __init__(self, chi: Value, *, height: Value = 1.0, lengths: Value = (1.0, 1.0)):
        self.chi = _check.parameter(chi)
        self.height = _check.parameter(height)
        self.lengths = _check.parameter(lengths)

    def parts(self, c):
        # A factor on c itself: a NaN that was not chosen would come back from reverse mode.
        c = c * jnp.where((c > 0) & (c < 1), 1.0, jnp.nan).astype(c.dtype)
        first, second = self.lengths
        entropy = c * jnp.log(c) / first + (1 - c) * jnp.log1p(-c) / second
        return self.height * entropy, self.height * self.chi * c * (1 - c)


class FreeEnergy(AbstractFreeEnergy):
    """A free energy given as a function, split as `[f(c) + m c²/2] − m c²/2`.

    **Arguments**

    - `function`: f(c) → energy/volume; a module may carry parameters (a network, say).
    - `curvature`: m ≥ −min f'', so that both parts are what they should be: energy/volume, 0 or more. None: unknown, and
      `ConvexSplitting` is refused.

    **Raises** `ValueError` if `function` is none.
    """

    function: Callable
    curvature: PyTree = positive(or_zero=True)

    def __init__(self, function: Callable, curvature: Value | None = None):
        if not callable(function):
            raise ValueError(f"`function` must be a function of the concentration, got {function!r}.")
        self.function = function
        given = curvature is not None
        self.curvature = _check.parameter(curvature) if given else None

    @property
    def splits(self):
        """Whether a curvature is given."""
        return self.curvature is not None

    def parts(self, c):
        energy = self.function(c)
        if self.curvature is None:
            return energy, jnp.zeros_like(energy)
        return energy + self.curvature * c**2 / 2, -self.curvature * c**2 / 2


class ConvexPart(AbstractFreeEnergy):
    """The convex part of a free energy alone."""

    whole: AbstractFreeEnergy
    splits: ClassVar[bool] = True

    def parts(self, c):
        convex, concave = self.whole.parts(c)
        return convex, jnp.zeros_like(concave)


class ConcavePart(AbstractFreeEnergy):
    """The concave part of a free energy alone."""

    whole: AbstractFreeEnergy
    splits: ClassVar[bool] = True

    def parts(self, c):
        convex, concave = self.whole.parts(c)
        return jnp.zeros_like(convex), concave


def as_free_energy(value: AbstractFreeEnergy | Callable) -> AbstractFreeEnergy:
    """A free energy as it is; any other function as one that is not split."""
    return value if isinstance(value, AbstractFreeEnergy) else FreeEnergy(value)
