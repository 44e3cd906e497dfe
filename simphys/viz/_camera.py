"""From where a body is looked at: parallel projection."""

from typing import NamedTuple

import numpy as np


_PLANES = {"xy": (-90.0, 90.0), "xz": (-90.0, 0.0), "yz": (0.0, 0.0), "iso": (-60.0, 25.0)}
THIN = 0.2


class Camera(NamedTuple):
    """Unit vectors to the right, up, and towards the viewer, rows of `axes` (3, 3)."""

    axes: np.ndarray

    def project(self, points: np.ndarray) -> np.ndarray:
        """Coordinates to the right, up, and towards the viewer, (point, 3)."""
        flat = np.zeros((len(points), 3))
        flat[:, : points.shape[1]] = points
        return flat @ self.axes.T


def camera(points: np.ndarray, view) -> Camera:
    """Choose the direction of view.

    **Arguments:**

    - `points`: positions on the body, (point, dim).
    - `view`: `xy`, `xz`, `yz`, `iso`, or azimuth and elevation of the viewer in degrees, z being up; None
      chooses.

    **Raises:** `ValueError` if the view is none of these, or is given for a body in less than three
    dimensions.
    """
    if points.shape[1] < 3:
        if view is not None:
            raise ValueError(f"`view` is for 3-D bodies, got {view!r} for a {points.shape[1]}-D one.")
        return Camera(np.eye(3))
    if view is None:
        view = _best_view(np.ptp(points, axis=0))
    elif isinstance(view, str):
        if view not in _PLANES:
            raise ValueError(f"`view` must be one of {', '.join(_PLANES)} or two angles, got {view!r}.")
        view = _PLANES[view]
    angles = np.asarray(view, dtype=float)
    if angles.shape != (2,) or not np.all(np.isfinite(angles)):
        raise ValueError(f"`view` must be one of {', '.join(_PLANES)} or two angles in degrees, got {view!r}.")
    (ca, ce), (sa, se) = np.cos(np.deg2rad(angles)), np.sin(np.deg2rad(angles))
    return Camera(np.array([[-sa, ca, 0.0], [-se * ca, -se * sa, ce], [ce * ca, ce * sa, se]]))


def _best_view(extent):
    """Thin bodies are seen more from the side that shows something."""
    thin = np.argmin(extent)
    if extent[thin] > THIN * np.sort(extent)[1]:
        return _PLANES["iso"]
    return ((-25.0, 20.0), (-65.0, 20.0), (-80.0, 55.0))[thin]
