"""Pictures for reports: bodies, fields and fits, as PNG files."""

from . import _notebook as _notebook
from ._animation import animation as animation, check_movie as check_movie
from ._correlation import correlation as correlation
from ._curves import Curve as Curve, Panel as Panel, Points as Points, compare_curves as compare_curves
from ._deformed import deformed as deformed
from ._field import Measured as Measured, field as field
from ._grid_field import grid_field as grid_field
from ._histories import convergence as convergence, newton_history as newton_history
from ._mesh import mesh as mesh
from ._pyvista import to_pyvista as to_pyvista
from ._residual_map import residual_map as residual_map
from ._residuals import series_residuals as series_residuals
from ._view import Seen as Seen, View as View
