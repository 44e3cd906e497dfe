"""From measurements to parameters."""

from ._experiment import AbstractExperiment as AbstractExperiment, Evaluation as Evaluation
from ._fields import Basis as Basis, NeuralField as NeuralField, tensor_basis as tensor_basis
from ._fit import Fit as Fit, fit as fit
from ._laplace import Laplace as Laplace, laplace as laplace
from ._load_steps import LoadSteps as LoadSteps
from ._model import Model as Model
from ._losses import AbstractLoss as AbstractLoss, Cauchy as Cauchy, Huber as Huber, Squares as Squares
from ._observations import (
    AbstractObservation as AbstractObservation,
    FaceMean as FaceMean,
    PointValues as PointValues,
    Resultant as Resultant,
)
from ._parameters import Parameter as Parameter, Parametrisation as Parametrisation
from ._priors import (
    AbstractPrior as AbstractPrior,
    Gaussian as Gaussian,
    H1 as H1,
    Matern as Matern,
    TotalVariation as TotalVariation,
)
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
