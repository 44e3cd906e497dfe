"""How stiff (or conductive) a body of intermediate density is."""

import abc

from .._check import between, parameter, positive
from .._told import Told
from .._typing import Array, PyTree


class AbstractInterpolation(Told):
    """A pure number s(ρ) that properties are multiplied by: least at ρ = 0, 1 at ρ = 1."""

    @abc.abstractmethod
    def __call__(self, density: Array) -> Array:
        """Return s(ρ)."""

    @abc.abstractmethod
    def hardened(self, penalty: PyTree) -> "AbstractInterpolation":
        """Return the same interpolation with another penalty of intermediate densities."""


class SIMP(AbstractInterpolation):
    """The power law, s = s_min + (1 − s_min) ρᵖ.

    **Arguments:**

    - `penalty`: p ≥ 1, 3 by default; 1 for no penalty.
    - `least`: s_min > 0, 1e-9 by default; 1e-3 … 1e-6 where multigrid is to converge quickly.

    Reference: M. P. Bendsøe, O. Sigmund, Topology Optimization, Springer 2004, section 1.1.
    """

    penalty: PyTree
    least: PyTree

    def __init__(self, penalty=3.0, least=1e-9):
        self.penalty, self.least = positive("penalty", parameter(penalty)), between("least", parameter(least), 0, 1)

    def __call__(self, density):
        return self.least + (1 - self.least) * density**self.penalty

    def hardened(self, penalty):
        """Return the law with another p."""
        return SIMP(penalty, self.least)


class RAMP(AbstractInterpolation):
    """The rational law, s = s_min + (1 − s_min) ρ / (1 + q (1 − ρ)), whose slope at ρ = 0 is not 0.

    **Arguments:**

    - `penalty`: q ≥ 0, 8 by default; 0 for no penalty.
    - `least`: s_min > 0, 1e-9 by default.

    Reference: M. Stolpe, K. Svanberg, Structural and Multidisciplinary Optimization 22 (2001) 116–124.
    """

    penalty: PyTree
    least: PyTree

    def __init__(self, penalty=8.0, least=1e-9):
        self.penalty = positive("penalty", parameter(penalty), strict=False)
        self.least = between("least", parameter(least), 0, 1)

    def __call__(self, density):
        return self.least + (1 - self.least) * density / (1 + self.penalty * (1 - density))

    def hardened(self, penalty):
        """Return the law with another q."""
        return RAMP(penalty, self.least)
