"""Fits by gradients alone: limited-memory quasi-Newton, and stochastic optimisers of Optax run on the whole data."""

import numpy as np
import scipy.optimize

from .._result import RESULTS
from ._objective import Local
from ._search import Limits, Search


def lbfgs(search: Search, limits: Limits) -> RESULTS:
    """Minimise by L-BFGS, 20 pairs; in coordinates in which the priors' curvature, if there is any, is the identity.

    Reference: D. C. Liu, J. Nocedal, Math. Program. 45 (1989) 503.
    """
    raise NotImplementedError
