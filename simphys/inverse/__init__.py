"""From measurements to parameters."""

from ._adapt_fit import AdaptedFit as AdaptedFit, FitRound as FitRound, adapt_fit as adapt_fit
from ._description import AbstractDescription as AbstractDescription, made as made
from ._experiment import AbstractExperiment as AbstractExperiment, Evaluation as Evaluation, outside_of as outside_of
from ._fields import Basis as Basis, NeuralField as NeuralField, tensor_basis as tensor_basis
from ._fit import Fit as Fit, fit as fit
from ._identifiability import Identifiability as Identifiability, identifiability as identifiability
from ._joint import Joint as Joint
from ._laplace import Laplace as Laplace, laplace as laplace
from ._load_steps import LoadSteps as LoadSteps
from ._losses import AbstractLoss as AbstractLoss, Cauchy as Cauchy, Huber as Huber, Squares as Squares
from ._model import Model as Model
from ._multistart import Minimum as Minimum, MultiStart as MultiStart, multistart as multistart
from ._observations import (
    AbstractObservation as AbstractObservation,
    FaceMean as FaceMean,
    PointValues as PointValues,
    Resultant as Resultant,
)
from ._parameters import Parameter as Parameter, Parametrisation as Parametrisation
from ._priors import (
    H1 as H1,
    AbstractPrior as AbstractPrior,
    Gaussian as Gaussian,
    Matern as Matern,
    TotalVariation as TotalVariation,
)
from ._profile import Profile as Profile, profile as profile
from ._quality import Quality as Quality
from ._reading import Reading as Reading
from ._recovered_values import RecoveredValues as RecoveredValues
from ._regularise import Regularisation as Regularisation, regularise as regularise
from ._search import Iteration as Iteration
from ._time_series import Sampled as Sampled, TimeSeries as TimeSeries
from ._train import Training as Training, train as train
from ._transforms import (
    AbstractTransform as AbstractTransform,
    Bounded as Bounded,
    Ordered as Ordered,
    Positive as Positive,
    Scaled as Scaled,
    Simplex as Simplex,
)
from ._uncertainty import Uncertainty as Uncertainty
