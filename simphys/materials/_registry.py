"""Laws, free energies and curves by name, for scene files."""

from ._arruda_boyce import ArrudaBoyce
from ._carreau import Carreau
from ._conduction import AnisotropicConduction, IsotropicConduction
from ._curve import AbstractCurve, Constant, Polynomial, Table
from ._damage import IsotropicDamage
from ._finite_plasticity import FinitePlasticity
from ._free_energy import AbstractFreeEnergy, DoubleWell, FloryHuggins
from ._gent import Gent
from ._holzapfel_gasser_ogden import HolzapfelGasserOgden
from ._j2 import J2Plasticity
from ._linear_elastic import LinearElastic
from ._mooney_rivlin import MooneyRivlin
from ._neo_hooke import IsochoricNeoHooke, NeoHooke
from ._neural_curve import NeuralCurve
from ._neural_hyperelastic import NeuralHyperelastic
from ._ogden import Ogden
from ._orthotropic import OrthotropicElastic
from ._prony import Viscoelastic
from ._st_venant_kirchhoff import StVenantKirchhoff
from ._yeoh import Yeoh


LAWS: dict[str, type] = {
    law.__name__: law
    for law in (
        LinearElastic,
        OrthotropicElastic,
        StVenantKirchhoff,
        NeoHooke,
        IsochoricNeoHooke,
        MooneyRivlin,
        Yeoh,
        Gent,
        Ogden,
        ArrudaBoyce,
        HolzapfelGasserOgden,
        NeuralHyperelastic,
        J2Plasticity,
        Viscoelastic,
        FinitePlasticity,
        IsotropicDamage,
        IsotropicConduction,
        AnisotropicConduction,
    )
}
"""Each law's class by its name; the constructor's keywords are the parameters."""

FREE_ENERGIES: dict[str, type[AbstractFreeEnergy]] = {law.__name__: law for law in (DoubleWell, FloryHuggins)}
"""Each free energy's class by its name."""

CURVES: dict[str, type[AbstractCurve]] = {
    kind.__name__: kind for kind in (Constant, Polynomial, Table, NeuralCurve, Carreau)
}
"""Each curve's class by its name."""
