"""Conservation laws on a grid, by finite volumes."""

from collections.abc import Callable
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from .._check import finite, parameter
from .._hidden import compiled
from .._trees import norm
from .._typing import Array, Bool, Scalar, Value
from ..linalg import ColouredJacobian
from ._cell_jacobian import cell_jacobian
from ._face_fluxes import bed_fluxes, face_flux
from ._fields import CellField, CellState
from ._grid import Grid
from ._law import AbstractLaw
from ._law_sides import LawSides
from ._numerical_flux import AbstractNumericalFlux, Rusanov
from ._problem import AbstractCellProblem
from ._reconstruction import MUSCL, AbstractReconstruction, AbstractSlopes, cut
from ._shallow_water import ShallowWater


EVEN = 1e-4
"""How much steps may differ that are said to be equal, relatively."""


class ConservationLaw(AbstractCellProblem):
    r"""A hyperbolic conservation law on a grid, of the means over cells.

    ∂u/∂t + Σ ∂F_a(u)/∂x_a = s(u, x)

    V du_i/dt = −Σ A F̂(u⁻, u⁺) + V s(u_i, x_i): states on both sides of each face by a reconstruction, the flux between them
    by an approximate Riemann solver. What leaves a cell enters its neighbour: conserved to rounding. The value is a
    `CellState`. `march` with the explicit `SSPRK3()` refuses steps that the scheme cannot hold and names the largest one;
    implicit steppers take any (`implicit=True`), by Newton's method with the sparse Jacobian.

    **Arguments:**

    - `grid`: a `Grid`.
    - `law`: `LinearAdvection`, `Burgers`, `ShallowWater`, `Euler`, or a `FluxFunction` of your own.
    - `conditions`: one for all sides, or a dictionary by side: `Periodic()`; `Outflow()` lets all pass; `Wall()`, `Slip()`
      and `Symmetry()` reflect; a tuple with a `Dirichlet` or `Outflow` for each primitive variable prescribes what comes
      from beyond (numbers, or arrays over the side's cells).
    - `reconstruction`: `FirstOrder()`, `MUSCL()` or `WENO5Z()`.
    - `flux`: `Rusanov()` or `HLLC()`.
    - `bed`: height of the ground under `ShallowWater`, a length, a number or an array over the cells; None for a flat one.
      Water whose surface is level stays at rest, to rounding.
    - `source`: s, a function of u, an array (m, …) over the cells, and of the tuple of the centres' coordinates, which
      returns such an array and acts point by point; a module may carry parameters. None for 0.
    - `implicit`: whether implicit steppers and `solve` are to be used: which cells couple is then worked out at once.

    **Raises:** `ValueError` if the parts do not fit. A density, depth or pressure that becomes negative ends a march
    as `state_inadmissible`, a step that is too long as `step_too_long`.

    Reference: R. J. LeVeque, Finite Volume Methods for Hyperbolic Problems, Cambridge 2002; S. Gottlieb, C.-W. Shu,
    E. Tadmor, SIAM Review 43 (2001) 89.
    """

    grid: Grid
    law: AbstractLaw
    sides: LawSides
    reconstruction: AbstractReconstruction
    flux: AbstractNumericalFlux
    bed: Array | None
    source: Callable | None
    coupling: ColouredJacobian | None
    linear: ClassVar[bool] = False

    def __init__(
        self,
        grid: Grid,
        law: AbstractLaw,
        conditions,
        reconstruction: AbstractReconstruction | None = None,
        flux: AbstractNumericalFlux | None = None,
        *,
        bed: Value | None = None,
        source: Callable | None = None,
        implicit: bool = False,
    ):
        reconstruction = MUSCL() if reconstruction is None else reconstruction
        flux = Rusanov() if flux is None else flux
        wanted = dict(grid=Grid, law=AbstractLaw, reconstruction=AbstractReconstruction, flux=AbstractNumericalFlux)
        for (name, kind), given in zip(wanted.items(), (grid, law, reconstruction, flux), strict=True):
            if not isinstance(given, kind):
                raise ValueError(f"`{name}` must be a `{kind.__name__.removeprefix('Abstract')}`, got {given!r}.")
        if source is not None and not callable(source):
            raise ValueError(f"`source` must be a function of u and the coordinates of centres, got {source!r}.")
        flux.check(law)
        _check_cells(grid, reconstruction)
        law.names(grid.dimension)  # raises where the law is not one of so many axes
        self.grid, self.law, self.sides = grid, law, LawSides(grid, law, conditions)
        self.reconstruction, self.flux, self.source, self.coupling = reconstruction, flux, source, None
        self.bed = None if bed is None else self._checked_bed(bed)
        if implicit:
            if reconstruction.across and grid.dimension > 1:
                name = type(reconstruction).__name__
                raise ValueError(f"Implicit steps in {grid.dimension} dimensions take `MUSCL()`, not `{name}()`.")
            periodic = tuple(pair is None for pair in self.sides.pairs)
            self.coupling = cell_jacobian(grid.shape, periodic, len(self.names), reconstruction.reach)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the primitive variables."""
        return self.law.names(self.grid.dimension)

    def state(self, *primitives, points: int = 1) -> CellState:
        """Return the state of primitive variables.

        **Arguments:**

        - `primitives`: for each of `names` a number, an array of the grid's shape, or a function of the coordinates.
        - `points`: Gauss points along each axis of a cell that functions are averaged over, of what is conserved.

        **Raises:** `ValueError` for another number of them, and for arrays of another shape.
        """
        if len(primitives) != len(self.names):
            raise ValueError(f"A state consists of {', '.join(self.names)}; got {len(primitives)} of them.")
        places, weights = np.polynomial.legendre.leggauss(points)
        total = 0.0
        for number in np.ndindex(*(points,) * self.grid.dimension):
            axes = [self.grid.centres(a) + float(places[k] / 2) * self.grid.spacings[a] for a, k in enumerate(number)]
            x = jnp.meshgrid(*axes, indexing="ij")
            w = jnp.stack([self._over_cells(name, p, x) for name, p in zip(self.names, primitives, strict=True)])
            total = total + float(np.prod(weights[list(number)] / 2)) * self.law.conserved(w)
        return CellState(total)

    def _over_cells(self, name, value, x):
        value = jnp.asarray(value(*x) if callable(value) else value, self.grid.dtype)
        if value.ndim and value.shape != self.grid.shape:
            raise ValueError(f"`{name}` must be a number or have shape {self.grid.shape}, got {value.shape}.")
        return jnp.broadcast_to(value, self.grid.shape)

    def _checked_bed(self, bed):
        if not isinstance(self.law, ShallowWater) or not isinstance(self.reconstruction, AbstractSlopes):
            raise ValueError("A `bed` is for `ShallowWater` with `MUSCL()` or `FirstOrder()`.")
        return finite("bed", self._over_cells("bed", parameter(bed), self.grid.points()))

    @compiled
    def primitives(self, u: CellState) -> dict[str, CellField]:
        """Return the primitive variables of the means by their names (also of a whole trajectory)."""
        front = -1 - self.grid.dimension
        rows = self.law.primitive(jnp.moveaxis(u.values, front, 0))
        return {name: CellField(row) for name, row in zip(self.names, rows, strict=True)}

    def content(self, u: CellState) -> Array:
        """Return ∫ u dV, (m,)."""
        return jnp.sum(self.grid.volumes[None] * u.values, axis=tuple(range(1, 1 + self.grid.dimension)))

    @compiled
    def largest_step(self, u: CellState) -> Scalar:
        """Return the step at which no wave crosses more than a cell, 1 / max Σ |λ_a| / h_a; half of it is a good one."""
        rate = 0.0
        for axis, h in enumerate(self.grid.spacings):
            slowest, fastest = self.law.speeds(u.values, axis)
            rate = rate + jnp.maximum(jnp.abs(slowest), jnp.abs(fastest)) / self.grid.along(h, axis)
        fastest = jnp.max(rate)
        return jnp.where(fastest > 0, 1 / jnp.where(fastest > 0, fastest, 1), jnp.inf)

    def admissible(self, u: CellState) -> Bool[Array, ""]:
        """Tell whether all densities, depths and pressures are positive, and all numbers finite."""
        return jnp.all(self.law.admissible(u.values))

    @compiled
    def rate(self, u: CellState) -> CellState:
        """Return du/dt, for explicit methods."""
        gained = self._gained(u.values)[0]
        return CellState(gained / self.grid.volumes[None])

    @compiled
    def fluxes(self, u: CellState) -> tuple[Array, ...]:
        """Return the flux through all faces normal to each axis, (m, …) with one face more along it, per area."""
        between = face_flux if self.bed is None else lambda *arguments: bed_fluxes(*arguments)[3]
        return tuple(between(self, u.values, axis) for axis in range(self.grid.dimension))

    def _gained(self, u):
        """What each cell gains per time, and all that this is the sum of."""
        total, parts = jnp.zeros_like(u), []
        for axis in range(self.grid.dimension):
            area, n = self.grid.area(axis)[None], u.shape[1 + axis]
            through = bed_fluxes(self, u, axis) if self.bed is not None else (face_flux(self, u, axis),) * 2
            low, high = area * cut(through[1], axis, 0, n), area * cut(through[0], axis, 1, n + 1)
            total, parts = total + low - high, [*parts, low, high]
            if self.bed is not None:
                total = total + area * through[2]
        if self.source is not None:
            made = self.source(u, self.grid.points())
            if made.shape != u.shape:
                raise ValueError(f"`source` must return an array of u's shape {u.shape}, got {made.shape}.")
            arising = self.grid.volumes[None] * made
            total, parts = total + arising, [*parts, arising]
        return total, parts

    def storage(self, y):
        """Return ∫ u dV of each cell."""
        return tuple(self.grid.volumes * row for row in y)

    def carried(self, y):
        """There is nothing else."""
        raise ValueError("A `ConservationLaw` has no stiff part to be told apart: take `SSPRK3()` or implicit steps.")

    def flow(self, y, mixed, factor, full=True):
        """Return what leaves each cell, less what arises in it; NaN where a state means nothing."""
        u = jnp.stack(mixed)
        gained, parts = self._gained(u)
        gained = jnp.where(self.law.admissible(u)[None], gained, jnp.nan)
        sizes = tuple(norm([part[k] for part in parts]) for k in range(len(mixed)))
        return tuple(-row for row in gained), sizes

    def moving(self, residual):
        """Return R itself."""
        return residual

    def mixed(self, y, base, weight):
        """Return w u + (1 − w) u₀."""
        return jax.tree.map(lambda a, b: weight * a + (1 - weight) * b, y, base)

    def level(self, y):
        """Nothing."""
        return jax.tree.map(jnp.zeros_like, y)

    def flaws(self, y, steady):
        """Return NaN where steps that must be equal are not."""
        if not self.reconstruction.equal:
            return ()
        even = jnp.all(jnp.stack([_even(h) for h in self.grid.spacings]))
        return (jnp.where(even, 1.0, jnp.nan).reshape(1),)

    def tangent(self, whole, y, factor, weight):
        """Return the Jacobian as a sparse matrix."""
        if self.coupling is None:
            raise ValueError(
                "Implicit steps and `solve` need `ConservationLaw(…, implicit=True)`; `SSPRK3()` does not."
            )
        return self.coupling(whole.residual, y)

    def unknowns(self, guess):
        """Return the rows of a `CellState`, or of an array (m, …)."""
        values = guess.values if isinstance(guess, CellState) else guess
        shape = (len(self.names), *self.grid.shape)
        if values is None or np.shape(values) != shape:
            found = "None" if values is None else f"shape {np.shape(values)}"
            raise ValueError(f"A state of {', '.join(self.names)} on this grid has shape {shape}, got {found}.")
        return tuple(jnp.asarray(values, self.grid.dtype))

    def value(self, y):
        """Return a `CellState`."""
        return CellState(jnp.stack(y))


def _check_cells(grid, reconstruction):
    name, least = type(reconstruction).__name__, max(reconstruction.reach, reconstruction.across)
    if min(grid.shape) < least:
        raise ValueError(f"`{name}` needs {least} cells or more along each axis, got {grid.shape}.")
    known = [h for h in grid.spacings if not isinstance(h, jax.core.Tracer)]
    if reconstruction.equal and not all(bool(_even(h)) for h in known):
        raise ValueError(f"`{name}` needs equal steps along each axis; `MUSCL()` takes any.")


def _even(h):
    return jnp.max(h) - jnp.min(h) <= EVEN * jnp.max(h)
