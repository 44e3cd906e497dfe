"""What was measured, where, and how well."""

from ._observations import (
    AbstractObservation as AbstractObservation,
    FaceMean as FaceMean,
    PointValues as PointValues,
    Resultant as Resultant,
    checked_data as checked_data,
    lost_points as lost_points,
)
from ._reading import Reading as Reading
from ._recovered_values import RecoveredValues as RecoveredValues
from ._tables import columns_of as columns_of
