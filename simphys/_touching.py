"""What a state touches: part of what a solve says of itself."""

from ._told import Told
from ._typing import Scalar


class Touching(Told):
    """Contact at a state.

    **Attributes:**

    - `pairs`: how many pairs of points, edges and facets are within reach of each other.
    - `smallest`: the least distance; infinite where there is no pair.
    - `overlooked`: how many pairs found no room.
    """

    pairs: Scalar
    smallest: Scalar
    overlooked: Scalar
