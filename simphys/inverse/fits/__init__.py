"""From data to parameters: the objective, the methods, one fit and what it says of itself."""

from ._adapt_fit import AdaptedFit as AdaptedFit, FitRound as FitRound, adapt_fit as adapt_fit
from ._fit import Fit as Fit, fit as fit
from ._losses import AbstractLoss as AbstractLoss, Cauchy as Cauchy, Huber as Huber, Squares as Squares
from ._multistart import Minimum as Minimum, MultiStart as MultiStart, multistart as multistart
from ._objective import COLUMNS as COLUMNS, Local as Local, Objective as Objective
from ._quality import Quality as Quality
from ._search import (
    Iteration as Iteration,
    Limits as Limits,
    Search as Search,
    levenberg_marquardt as levenberg_marquardt,
)
from ._train import Training as Training, train as train
from ._uncertainty import Uncertainty as Uncertainty, in_words as in_words, null_space as null_space
