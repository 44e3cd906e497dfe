"""Bodies that change their shape by themselves: as they warm up, swell, or as they were made."""

import equinox as eqx

from .._typing import Value
from ._axisymmetric import Axisymmetric
from ._base import AbstractFiniteStrain, AbstractSmallStrain
from ._eigenstrain import FiniteEigenstrain, HistoryEigenstrain, SmallEigenstrain
from ._free_strain import FreeStrain
from ._history import AbstractHistory, PlaneStrainHistory
from ._plane_strain import FinitePlaneStrain, SmallPlaneStrain
from ._plane_stress import FinitePlaneStress, SmallPlaneStress


PLANE = (
    SmallPlaneStrain,
    FinitePlaneStrain,
    PlaneStrainHistory,
    SmallPlaneStress,
    FinitePlaneStress,
    Axisymmetric,
)


def ThermalStrain(
    material: AbstractFiniteStrain | AbstractSmallStrain | AbstractHistory | Axisymmetric,
    expansion: Value,
    *,
    temperature: Value,
    reference: Value = 0.0,
):
    r"""A law in a body whose temperature is given: only what differs from free expansion is stressed.

    small strain:  σ = σ(ε − ε*),    finite:  W = J* W(F_e),  F = F_e F*,  F* = I + ε*,  J* = det F*;    ε* = α (T − T_r)

    In finite strain the Cauchy stress is the law's for F_e: the expanded body is the undeformed one of the law. Laws with
    a memory are led by ε − ε*, or F_e. The temperature may be any quantity that a body swells by, such as moisture.

    **Arguments**

    - `material`: a solid law of dimension 3, or one in `PlaneStrain`, `PlaneStress` or `Axisymmetric`, where the third
      direction expands too: `ThermalStrain(PlaneStrain(law), …)` is `PlaneStrain(ThermalStrain(law, …))`.
    - `expansion`: α, linear, 1/temperature: a number, (3,) along x, y and z, or a tensor (3, 3); or a field of these.
      Steel 1.2e-5, aluminium 2.3e-5 1/K. In a body of revolution the directions are r, z, θ.
    - `temperature`: T, a number or a field: `NodalField` (of the displacement's nodes), `CellField`, `QuadratureField`.
    - `reference`: T_r, at which the body is free of stress, on the scale of T: a number or a field.

    **Returns** a law of the same kind; α, T and T_r are its `expansion`, `temperature` and `reference` (of plane laws and
    bodies of revolution those of its `material`).

    **Raises** `ValueError` for anything else than a solid law, and for values that are not finite.

    Reference: B. A. Boley, J. H. Weiner, Theory of Thermal Stresses, Wiley 1960; V. A. Lubarda, Appl. Mech. Rev. 57 (2004)
    95.
    """
    return _strained(material, FreeStrain(expansion, temperature, reference), "ThermalStrain")


def Eigenstrain(material: AbstractFiniteStrain | AbstractSmallStrain | AbstractHistory | Axisymmetric, strain: Value):
    r"""A law in a body that is free of stress at a strain ε* of its own: swollen, shrunken, grown, or with residual stress.

    small strain:  σ = σ(ε − ε*),    finite:  W = J* W(F_e),  F = F_e F*,  F* = I + ε*,  J* = det F*

    **Arguments**

    - `material`: as for `ThermalStrain`.
    - `strain`: ε*, a number (the same in all directions), (3,) along x, y and z, or a tensor (3, 3); or a field of these.

    **Returns** a law of the same kind, whose `expansion` is ε*.

    **Raises** `ValueError` for anything else.

    Reference: T. Mura, Micromechanics of Defects in Solids, Nijhoff 1987, chapter 1.
    """
    return _strained(material, FreeStrain(strain), "Eigenstrain")


def _strained(material, free: FreeStrain, name: str):
    if isinstance(material, PLANE):
        inner = _strained(material.material, free, name)
        return eqx.tree_at(lambda law: law.material, material, inner)
    kinds = {
        AbstractSmallStrain: SmallEigenstrain,
        AbstractFiniteStrain: FiniteEigenstrain,
        AbstractHistory: HistoryEigenstrain,
    }
    for kind, made in kinds.items():
        if isinstance(material, kind) and material.dimension == 3:
            return made(material, free)
    raise ValueError(
        f"{name} needs a solid law of dimension 3, or one in `PlaneStrain`, `PlaneStress` or `Axisymmetric`, "
        f"got {type(material).__name__}."
    )
