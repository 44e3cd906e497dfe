"""From measurements to parameters."""

from ._experiment import (
    AbstractExperiment as AbstractExperiment,
    Evaluation as Evaluation,
    LoadSteps as LoadSteps,
    Model as Model,
)
from ._fit import Fit as Fit, Iteration as Iteration, fit as fit
from ._observations import (
    AbstractObservation as AbstractObservation,
    FaceMean as FaceMean,
    PointValues as PointValues,
    Resultant as Resultant,
)
from ._parameters import (
    AbstractTransform as AbstractTransform,
    Bounded as Bounded,
    Parameter as Parameter,
    Parametrisation as Parametrisation,
    Positive as Positive,
    Scaled as Scaled,
)
from ._time_series import Sampled as Sampled, TimeSeries as TimeSeries
from ._train import Training as Training, train as train
from ._uncertainty import Uncertainty as Uncertainty
