"""Pointwise laws: strain and parameters in, stress out. No mesh."""

from .._ranges import Ranged as Ranged, between as between, positive as positive
from ._anisotropic_elastic import AnisotropicElastic as AnisotropicElastic
from ._arruda_boyce import ArrudaBoyce as ArrudaBoyce
from ._axisymmetric import Axisymmetric as Axisymmetric
from ._base import AbstractFiniteStrain as AbstractFiniteStrain, AbstractSmallStrain as AbstractSmallStrain
from ._capacity import (
    AbstractHeatStorage as AbstractHeatStorage,
    HeatCapacity as HeatCapacity,
    PhaseChange as PhaseChange,
    as_storage as as_storage,
    is_constant as is_constant,
)
from ._carreau import Carreau as Carreau
from ._conduction import (
    AbstractConduction as AbstractConduction,
    AnisotropicConduction as AnisotropicConduction,
    IsotropicConduction as IsotropicConduction,
)
from ._convex_network import ConvexNetwork as ConvexNetwork
from ._curve import (
    AbstractCurve as AbstractCurve,
    Constant as Constant,
    Polynomial as Polynomial,
    Table as Table,
    admissible_at as admissible_at,
    as_curve as as_curve,
)
from ._damage import IsotropicDamage as IsotropicDamage
from ._eigenstrain import AbstractEigenstrain as AbstractEigenstrain
from ._ersatz import ErsatzFiniteStrain as ErsatzFiniteStrain
from ._finite_plasticity import FinitePlasticity as FinitePlasticity
from ._free_energy import (
    AbstractFreeEnergy as AbstractFreeEnergy,
    ConcavePart as ConcavePart,
    ConvexPart as ConvexPart,
    DoubleWell as DoubleWell,
    FloryHuggins as FloryHuggins,
    FreeEnergy as FreeEnergy,
    as_free_energy as as_free_energy,
)
from ._free_strain import is_strained as is_strained, relaxed as relaxed
from ._gent import Gent as Gent
from ._history import (
    AbstractHistory as AbstractHistory,
    PlaneStrainHistory as PlaneStrainHistory,
    uniaxial as uniaxial,
)
from ._holzapfel_gasser_ogden import HolzapfelGasserOgden as HolzapfelGasserOgden
from ._homogeneous import (
    AbstractHomogeneousTest as AbstractHomogeneousTest,
    Equibiaxial as Equibiaxial,
    PureShear as PureShear,
    Uniaxial as Uniaxial,
    nominal_stress as nominal_stress,
    nominal_stresses as nominal_stresses,
)
from ._j2 import J2Plasticity as J2Plasticity
from ._latent import LatentSpring as LatentSpring, NeuralViscoelastic as NeuralViscoelastic, mandel as mandel
from ._linear import is_linear as is_linear
from ._linear_elastic import LinearElastic as LinearElastic
from ._mooney_rivlin import MooneyRivlin as MooneyRivlin
from ._neo_hooke import IsochoricNeoHooke as IsochoricNeoHooke, NeoHooke as NeoHooke
from ._neural_curve import NeuralCurve as NeuralCurve, Perceptron as Perceptron
from ._neural_hyperelastic import NeuralHyperelastic as NeuralHyperelastic
from ._ogden import Ogden as Ogden
from ._orthotropic import OrthotropicElastic as OrthotropicElastic
from ._plane_strain import (
    FinitePlaneStrain as FinitePlaneStrain,
    PlaneStrain as PlaneStrain,
    SmallPlaneStrain as SmallPlaneStrain,
)
from ._plane_stress import (
    FinitePlaneStress as FinitePlaneStress,
    PlaneStress as PlaneStress,
    SmallPlaneStress as SmallPlaneStress,
    check_compressible as check_compressible,
)
from ._prony import Viscoelastic as Viscoelastic
from ._registry import CURVES as CURVES, FREE_ENERGIES as FREE_ENERGIES, LAWS as LAWS
from ._split import (
    RememberingSplit as RememberingSplit,
    VolumetricSplit as VolumetricSplit,
    volumetric_split as volumetric_split,
)
from ._st_venant_kirchhoff import StVenantKirchhoff as StVenantKirchhoff
from ._thermal_strain import Eigenstrain as Eigenstrain, ThermalStrain as ThermalStrain
from ._thermoelastic import Thermoelastic as Thermoelastic
from ._third_medium import ThirdMedium as ThirdMedium
from ._volumetric import (
    VOLUMETRIC as VOLUMETRIC,
    AbstractVolumetric as AbstractVolumetric,
    LogSquared as LogSquared,
    SimoTaylor as SimoTaylor,
)
from ._yeoh import Yeoh as Yeoh
