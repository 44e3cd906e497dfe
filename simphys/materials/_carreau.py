"""Viscosity of fluids that thin (or thicken) where they are sheared."""

from .._check import finite, parameter
from .._ranges import number, positive
from .._typing import PyTree, Value
from ._curve import AbstractCurve


class Carreau(AbstractCurve):
    r"""The viscosity of Carreau and Yasuda: constant at rest, a power law in between, constant where the shear is fast.

    μ(γ̇) = μ_∞ + (μ₀ − μ_∞) (1 + (λ γ̇)^a)^((n − 1)/a)

    n < 1: it thins with the shear rate γ̇ = √(2 ε:ε); n = 1: Newton's fluid. Blood (a = 2): μ₀ 0.056, μ_∞ 0.00345 Pa s,
    λ 3.313 s, n 0.3568.

    **Arguments:**

    - `at_rest`, `sheared`: μ₀, μ_∞, stress × time; `sheared` may be 0.
    - `time`: λ.
    - `power`: n.
    - `width`: a, 2 for Carreau's own law.

    Reference: P. J. Carreau, Trans. Soc. Rheol. 16 (1972) 99; R. B. Bird, R. C. Armstrong, O. Hassager, Dynamics of
    Polymeric Liquids 1, Wiley 1987, section 4.1.
    """

    at_rest: PyTree = positive()
    sheared: PyTree = positive(or_zero=True)
    time: PyTree = positive()
    power: PyTree = number()
    width: PyTree = positive()

    def __init__(self, at_rest: Value, sheared: Value, time: Value, power: Value, width: Value = 2.0):
        self.at_rest, self.sheared = parameter(at_rest), parameter(sheared)
        self.time, self.width = parameter(time), parameter(width)
        self.power = finite("power", parameter(power))

    def __call__(self, temperature):
        """Return μ at a shear rate."""
        return self.sheared + (self.at_rest - self.sheared) * (1 + (self.time * temperature) ** self.width) ** (
            (self.power - 1) / self.width
        )

    def samples(self):
        """None: it lies between μ₀ and μ_∞, which are checked themselves."""
        return None
