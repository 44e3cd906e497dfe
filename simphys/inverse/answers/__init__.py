"""What is asked of a fit: what the data determine, how far parameters may lie, how much a prior shall weigh."""

from ._identifiability import Identifiability as Identifiability, identifiability as identifiability
from ._laplace import Laplace as Laplace, laplace as laplace
from ._profile import Profile as Profile, profile as profile
from ._regularise import Regularisation as Regularisation, regularise as regularise
