"""Plane stress: a three-dimensional law in a thin sheet with free faces."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from .. import _check
from .._hidden import hides_values
from .._typing import PyTree
from ..implicit import affine_local_root, local_root
from ._base import AbstractFiniteStrain, AbstractSmallStrain
from ._eigenstrain import SmallEigenstrain
from ._linear_elastic import LinearElastic
from ._plane_strain import check_solid
from ._tensors import volume_ratio


def PlaneStress(material: AbstractFiniteStrain | AbstractSmallStrain):
    """Put a law into a thin sheet with free faces: its energy is minimised over the out-of-plane part.

    Finite strain: `W₂(F₂) = min_a W(F₂ ⊕ a)`, where a is the third column of F; at the minimum the nominal
    stress on the faces, `P e₃`, vanishes. Small strain: the same over (ε₁₃, ε₂₃, ε₃₃). The in-plane stress
    is ∂W₂/∂F₂ = ∂W/∂F₂ at fixed a (envelope theorem). All three components of a are free, so that laws
    whose symmetry planes do not contain the sheet are right too.

    **Arguments**

    - `material`: an `AbstractFiniteStrain` or `AbstractSmallStrain` of dimension 3.

    **Returns** a law of the same kind with dimension 2; its methods give NaN where no such deformation was
    found, det F₂ ≤ 0 included. The method `complete(F)` gives the (3, 3) deformation gradient or strain.

    **Raises** `ValueError` for anything else.

    Reference: S. Klinkel, S. Govindjee, Using finite strain 3D-material models in beam and shell elements,
    Engineering Computations 19 (2002) 254–271.
    """
    check_solid(material, "PlaneStress")
    return FinitePlaneStress(material) if isinstance(material, AbstractFiniteStrain) else SmallPlaneStress(material)


class FinitePlaneStress(AbstractFiniteStrain):
    """A finite-strain law under plane stress; made by `PlaneStress`."""

    material: AbstractFiniteStrain
    dimension: ClassVar[int] = 2

    def energy(self, F):
        return _least_energy(self.material, F)

    def switches(self, F):
        return self.material.switches(self.complete(F))

    def complete(self, F):
        """Deformation gradient (3, 3) with free faces for the in-plane part F, (2, 2)."""
        return _free_column(self.material, F)


class SmallPlaneStress(AbstractSmallStrain):
    """A small-strain law under plane stress; made by `PlaneStress`."""

    material: AbstractSmallStrain
    dimension: ClassVar[int] = 2

    def energy(self, strain):
        return _least_energy(self.material, strain)

    def switches(self, strain):
        return self.material.switches(self.complete(strain))

    def complete(self, strain):
        """Strain (3, 3) with free faces for the in-plane part, (2, 2)."""
        return _free_column(self.material, strain)


def check_compressible(law: PyTree) -> None:
    """Raise `ValueError` where Hooke's law of ν = ½ must keep its volume: only a sheet with free faces can.

    **Arguments**

    - `law`: any law, which may hold others.
    """
    for part in jax.tree.leaves(law, is_leaf=lambda x: isinstance(x, SmallPlaneStress | LinearElastic)):
        if isinstance(part, SmallPlaneStress) and not isinstance(part.material, LinearElastic):
            check_compressible(part.material)
        if isinstance(part, LinearElastic):
            _check.between("nu", part.nu, -1.0, 0.5)


def _embed(material, plane, column):
    """The (3, 3) matrix with the given in-plane block and third column (symmetric if it is a strain)."""
    below = jnp.zeros_like(column[:2]) if isinstance(material, AbstractFiniteStrain) else column[:2]
    return jnp.concatenate([jnp.concatenate([plane, below[None, :]], 0), column[:, None]], 1)


def _face_stress(column, args):
    material, plane = args
    return jax.grad(lambda a: material.energy(_embed(material, plane, a)))(column)


def _free_column(material, plane):
    from ._linear import is_linear  # which knows the plane laws

    zero = jnp.zeros_like(plane[0, 0])
    if isinstance(material, LinearElastic):
        return _embed(material, plane, jnp.stack([zero, zero, -material.nu / (1 - material.nu) * jnp.trace(plane)]))
    if is_linear(material):
        return _embed(material, plane, affine_local_root(_face_stress, jnp.stack([zero] * 3), (material, plane)))
    accuracy = 100 * float(jnp.finfo(plane.dtype).eps)
    if isinstance(material, AbstractFiniteStrain):
        last, atol = 1 / volume_ratio(plane), accuracy
    else:
        # (Of a body that is free to expand the plane part may be 0 where the column is not.)
        free = material.free() if isinstance(material, SmallEigenstrain) else zero
        last, atol = zero, accuracy * (jnp.max(jnp.abs(plane)) + jnp.max(jnp.abs(free)))
    column = local_root(_face_stress, jnp.stack([zero, zero, last]), (material, plane), atol=atol)
    return _embed(material, plane, column)


def _least_energy(material, plane):
    if isinstance(material, LinearElastic):
        return _hooke(material, plane)
    # The envelope theorem is about the law's leaves; what it hides is differentiated the long way.
    relaxed = lambda material, plane: material.energy(_free_column(material, plane))
    return relaxed(material, plane) if hides_values(relaxed, material, plane) else _relaxed_energy(material, plane)


def _hooke(material, plane):
    """Of Hooke's law the minimum is known: λ* = E ν/(1 − ν²) in λ's place."""
    E, nu = material.E, material.nu
    return E * nu / (2 * (1 - nu**2)) * jnp.trace(plane) ** 2 + E / (2 * (1 + nu)) * jnp.sum(plane * plane)


@eqx.filter_custom_jvp
def _relaxed_energy(material, plane):
    return material.energy(_free_column(material, plane))


@_relaxed_energy.def_jvp
def _relaxed_energy_jvp(primals, tangents):
    material, plane = primals
    column = _free_column(material, plane)[:, 2]
    return eqx.filter_jvp(lambda law, inner: law.energy(_embed(law, inner, column)), primals, tangents)
