"""What stands for a hyperelastic body of graded density."""

import jax
import jax.numpy as jnp

from .. import _check
from .._ranges import positive
from .._typing import PyTree, Value
from ._base import AbstractFiniteStrain
from ._tensors import volume_ratio


class ErsatzFiniteStrain(AbstractFiniteStrain):
    """A hyperelastic law whose weakest places answer linearly, so that next to no stiffness bears any deformation.

    `W = s [W₀(I + γ H) − γ² W_lin(H) + W_lin(H)]`, H = F − I, `W_lin = H : ∂P₀/∂F(I) : H / 2`

    γ = 1 is the law itself, γ = 0 its linearisation, whose cells can fold over without harm. The energy is NaN where
    det(I + γ H) ≤ 0.

    **Arguments**

    - `material`: W₀, free of stress at F = I.
    - `scale`: s, a pure number or a field, > 0.
    - `share`: γ in [0, 1], a pure number or a field.

    **Raises** `ValueError` if a number lies outside its range.

    Reference: F. Wang, B. S. Lazarov, O. Sigmund, J. S. Jensen, Computer Methods in Applied Mechanics and Engineering
    276 (2014) 453–472.
    """

    material: AbstractFiniteStrain
    scale: PyTree = positive()
    share: PyTree = positive(or_zero=True)

    def __init__(self, material: AbstractFiniteStrain, scale: Value = 1.0, share: Value = 1.0):
        if not isinstance(material, AbstractFiniteStrain):
            raise ValueError(f"`material` must be a finite-strain law, got {type(material).__name__}.")
        self.material = material
        self.scale = _check.parameter(scale)
        self.share = _check.parameter(share)

    @property
    def dimension(self) -> int:
        """That of the law."""
        return self.material.dimension

    def energy(self, F):
        one = jnp.eye(F.shape[0], dtype=F.dtype)
        H = F - one
        linear = jnp.vdot(H, jax.jvp(self.material.first_piola, (one,), (H,))[1]) / 2
        inner = one + self.share * H
        energy = self.scale * (self.material.energy(inner) + (1 - self.share**2) * linear)
        return jnp.where(volume_ratio(inner) > 0, energy, jnp.nan)

    def switches(self, F):
        one = jnp.eye(F.shape[0], dtype=F.dtype)
        return self.material.switches(one + self.share * (F - one))
