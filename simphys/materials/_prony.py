"""Viscoelasticity: a hyperelastic law whose isochoric stress relaxes."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp

from .. import _check
from .._ranges import positive, related
from .._typing import PyTree, Value
from ._base import AbstractFiniteStrain
from ._history import AbstractHistory
from ._moduli import is_concrete
from ._tensors import cofactor, volume_ratio


class ViscousState(eqx.Module):
    """Deviatoric second Piola–Kirchhoff stress of the elastic law (3, 3), and the overstress of each branch."""

    elastic: PyTree
    branches: PyTree


class Viscoelastic(AbstractHistory):
    r"""Generalised Maxwell model at finite strain (Prony series).

    S = S_vol + g_∞ S_iso + Σᵢ Hᵢ,   Ḣᵢ + Hᵢ/τᵢ = gᵢ Ṡ_iso,   g_∞ = 1 − Σ gᵢ

    The law given is the instantaneous response. S_iso is the part of its stress without pressure, S = S_iso + p J C⁻¹;
    the convolution is integrated exactly for a stress that changes linearly over the step.

    **Arguments**

    - `material`: an `AbstractFiniteStrain` law of dimension 3.
    - `shares`: gᵢ, (branch,), > 0, Σ gᵢ < 1, or a field of them.
    - `times`: τᵢ, (branch,), > 0, or a field of them.

    **Raises** `ValueError` for values out of range.

    Reference: J. C. Simo, Comput. Methods Appl. Mech. Eng. 60 (1987) 153.
    """

    material: AbstractFiniteStrain
    shares: PyTree = positive(several=True)
    times: PyTree = positive(several=True)
    dimension: ClassVar[int] = 3
    finite: ClassVar[bool] = True

    def __init__(self, material: AbstractFiniteStrain, *, shares: Value, times: Value):
        if not isinstance(material, AbstractFiniteStrain) or material.dimension != 3:
            raise ValueError(f"`material` must be a finite-strain law of dimension 3, got {type(material).__name__}.")
        self.material = material
        self.shares = _check.parameter(shares)
        self.times = _check.parameter(times)
        (shares,), (times,) = jax.tree.leaves(self.shares), jax.tree.leaves(self.times)
        shapes = f"got shapes {shares.shape}, {times.shape}."
        if min(shares.ndim, times.ndim) < 1 or shares.shape[-1] != times.shape[-1]:
            raise ValueError(f"`shares` and `times` must be lists of one length, or fields of such, {shapes}")
        if is_concrete(shares) and not (total := float(jnp.max(jnp.sum(shares, axis=-1)))) < 1:
            raise ValueError(f"`shares` must add up to less than 1, got {total:g}: nothing would last.")

    def relations(self):
        return {"sum(shares) < 1": related(lambda shares: jnp.sum(shares, -1) < 1, self.shares)}

    def initial(self):
        """No stress."""
        (shares,) = jax.tree.leaves(self.shares)
        return ViscousState(jnp.zeros((3, 3)), jnp.zeros((shares.shape[-1], 3, 3)))

    def update(self, strain, state, interval):
        """Return P and the branches' stresses."""
        if self.shares.ndim != 1 or self.times.ndim != 1:
            shapes = f"got shapes {self.shares.shape}, {self.times.shape}"
            raise ValueError(f"`shares` and `times` must be lists at each point, one entry for each branch, {shapes}.")
        F, J = strain, volume_ratio(strain)
        inverse = cofactor(F).T / J
        elastic = inverse @ self.material.first_piola(F)
        C = F.T @ F
        C_inverse = inverse @ inverse.T
        pressure = jnp.sum(elastic * C) / 3
        isochoric = elastic - pressure * C_inverse
        x = interval / self.times
        decay = jnp.exp(-x)
        gain = jnp.where(x > 1e-5, -jnp.expm1(-x) / jnp.where(x > 1e-5, x, 1.0), 1 - x / 2)
        rise = (isochoric - state.elastic)[None]
        branches = decay[:, None, None] * state.branches + (self.shares * gain)[:, None, None] * rise
        lasting = 1 - jnp.sum(self.shares)
        second = pressure * C_inverse + lasting * isochoric + jnp.sum(branches, axis=0)
        return F @ second, ViscousState(isochoric, branches)

    def switches(self, strain, state, interval):
        """As the elastic law."""
        return self.material.switches(strain)
