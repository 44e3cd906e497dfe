"""Which numbers are sought, in which coordinates, and what is known of them before any data."""

from ._fields import Basis as Basis, NeuralField as NeuralField, tensor_basis as tensor_basis
from ._parameters import Parameter as Parameter, Parametrisation as Parametrisation
from ._penalty import Penalty as Penalty, Rows as Rows
from ._pick import Pick as Pick
from ._priors import (
    H1 as H1,
    AbstractPrior as AbstractPrior,
    Gaussian as Gaussian,
    Matern as Matern,
    TotalVariation as TotalVariation,
)
from ._transforms import (
    AbstractTransform as AbstractTransform,
    Bounded as Bounded,
    Ordered as Ordered,
    Positive as Positive,
    Scaled as Scaled,
    Simplex as Simplex,
)
