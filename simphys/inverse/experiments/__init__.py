"""How parameters become predictions: load steps, marches, functions, several of them together."""

from ._description import AbstractDescription as AbstractDescription, made as made
from ._experiment import AbstractExperiment as AbstractExperiment, Evaluation as Evaluation, outside_of as outside_of
from ._gathered import COLUMNS as COLUMNS, gathered_jacobian as gathered_jacobian
from ._joint import Joint as Joint
from ._load_steps import LoadSteps as LoadSteps
from ._model import Model as Model
from ._richer import enriched as enriched
from ._time_series import Sampled as Sampled, TimeSeries as TimeSeries
