"""What holds at the sides of a grid: types say which, leaves say how much."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp

from .._check import entries, finite, parameter
from .._ranges import Ranged, positive


class AbstractCondition(Ranged):
    """What holds on one side."""

    @abc.abstractmethod
    def of(self, component: int | None, axis: int, sign: int) -> "AbstractScalar":
        """Return what holds for one component of a vector, or for a scalar (None), on a side.

        **Arguments:**

        - `axis`, `sign`: the side's axis, and −1 for the lower or 1 for the upper one.

        **Raises:** `ValueError` where it means nothing.
        """


class AbstractScalar(AbstractCondition):
    """What holds on one side for one number."""

    prescribes: ClassVar[bool] = False
    """Whether it says what the value is, so that none is unknown there."""
    binds: ClassVar[bool] = False
    """Whether the value enters, not its slope alone."""
    carries: ClassVar[bool] = False
    """Whether what enters through an opening brings the speed of the fluid inside, and not its energy back alone."""

    @abc.abstractmethod
    def exchange(self, coefficient, gap) -> tuple[Any, Any]:
        """Return (s, t) of the flux κ ∂u/∂n = t − s u into the box, for u at a distance from the side.

        **Arguments:**

        - `coefficient`, `gap`: κ and the distance.
        """

    @abc.abstractmethod
    def at_rest(self) -> "AbstractScalar":
        """Return the condition that says 0."""

    def of(self, component, axis, sign):
        """The same for every component."""
        return self


class Periodic(AbstractScalar):
    """What leaves through this side enters by the opposite one, which is `Periodic` as well."""

    def exchange(self, coefficient, gap):
        """There is no side."""
        return 0 * gap, 0 * gap

    def at_rest(self):
        """Itself."""
        return self


class Dirichlet(AbstractScalar):
    """u = g.

    **Arguments:**

    - `value`: g, a number or an array over the side.
    """

    prescribes: ClassVar[bool] = True
    binds: ClassVar[bool] = True
    value: Any

    def __init__(self, value=0.0):
        self.value = finite("value", parameter(value))

    def exchange(self, coefficient, gap):
        """κ (g − u) / gap."""
        s = coefficient / gap
        return s, s * self.value

    def at_rest(self):
        """u = 0."""
        return Dirichlet(0 * self.value)


class Fixed(AbstractScalar):
    """u = 0, which is no parameter: nothing passes a wall."""

    prescribes: ClassVar[bool] = True
    binds: ClassVar[bool] = True

    @property
    def value(self):
        """0."""
        return jnp.zeros(())

    def exchange(self, coefficient, gap):
        """−κ u / gap."""
        return coefficient / gap, 0 * gap

    def at_rest(self):
        """Itself."""
        return self


class Neumann(AbstractScalar):
    """κ ∂u/∂n = q.

    **Arguments:**

    - `flux`: q, what enters per area and time, a number or an array over the side; for a velocity the force per area.
    """

    flux: Any

    def __init__(self, flux=0.0):
        self.flux = finite("flux", parameter(flux))

    def exchange(self, coefficient, gap):
        """q."""
        return 0 * gap, self.flux

    def at_rest(self):
        """No flux."""
        return Neumann(0 * self.flux)


class Carried(AbstractScalar):
    """κ ∂u/∂n = q, and what enters is as what is inside.

    **Arguments:**

    - `flux`: q, as for `Neumann`.
    """

    carries: ClassVar[bool] = True
    flux: Any

    def __init__(self, flux=0.0):
        self.flux = flux

    def exchange(self, coefficient, gap):
        """q."""
        return 0 * gap, self.flux

    def at_rest(self):
        """No flux."""
        return Carried(0 * self.flux)


class Robin(AbstractScalar):
    """κ ∂u/∂n = h (g − u).

    **Arguments:**

    - `coefficient`: h > 0, a number or an array over the side.
    - `ambient`: g, likewise.
    """

    binds: ClassVar[bool] = True
    coefficient: Any = positive()
    ambient: Any

    def __init__(self, coefficient, ambient=0.0):
        self.coefficient, self.ambient = parameter(coefficient), finite("ambient", parameter(ambient))

    def exchange(self, coefficient, gap):
        """h (g − u), through half a cell."""
        s = self.coefficient / (1 + self.coefficient * gap / coefficient)
        return s, s * self.ambient

    def at_rest(self):
        """The same exchange, with 0."""
        return Robin(self.coefficient, 0 * self.ambient)


class Symmetry(AbstractCondition):
    """A mirror: nothing passes, and nothing slopes."""

    def of(self, component, axis, sign):
        """No normal component, no slope of others."""
        return Fixed() if component == axis else Neumann(0.0)


class Slip(AbstractCondition):
    """A wall without friction."""

    def of(self, component, axis, sign):
        """As `Symmetry`, for velocities."""
        _only_vector(self, component)
        return Fixed() if component == axis else Neumann(0.0)


class Wall(AbstractCondition):
    """A wall that the fluid sticks to.

    **Arguments:**

    - `velocity`: of the wall, 0 or a number or array over the side for each component (where that component stands). A
      normal one that is the number 0 is no parameter.
    """

    velocity: Any

    def __init__(self, velocity=0.0):
        each = entries(velocity)
        # Plain numbers are looked at once more: 0 across the wall says that nothing passes.
        self.velocity = tuple(map(_number_or_array, each)) if each else _number_or_array(velocity)
        finite("velocity", self.velocity)
        if not each and getattr(self.velocity, "ndim", 0) != 0:
            raise ValueError("`velocity` must be a number, or a tuple of one entry for each component.")

    def of(self, component, axis, sign):
        """Its own velocity."""
        _only_vector(self, component)
        if isinstance(self.velocity, tuple) and component >= len(self.velocity):
            raise ValueError(f"`velocity` of a `Wall` must have an entry per axis, got {len(self.velocity)}.")
        own = self.velocity[component] if isinstance(self.velocity, tuple) else self.velocity
        closed = component == axis and isinstance(own, float) and own == 0
        return Fixed() if closed else Dirichlet(own)


class Inflow(AbstractCondition):
    """What enters through a side, straight.

    **Arguments:**

    - `profile`: speed inwards, a number or an array over the side's cells, or a function of their centres' coordinates.
    """

    profile: Any

    def __init__(self, profile):
        self.profile = profile if callable(profile) else finite("profile", parameter(profile))

    def of(self, component, axis, sign):
        """The profile, and nothing along the side."""
        _only_vector(self, component)
        if component != axis:
            return Dirichlet(0.0)
        return Dirichlet(-sign * self.profile)

    def on(self, points) -> "Inflow":
        """Return it with the profile's values at points of a side, the coordinates along it."""
        return Inflow(self.profile(*points)) if callable(self.profile) else self


class Outflow(AbstractCondition):
    """An opening: no stress but a pressure; a scalar leaves as it is.

    **Arguments:**

    - `pressure`: outside, over density, a number or an array over the side's cells.
    - `enters`: whether fluid that enters is as fast as that inside (∂v/∂n = 0 both ways). Otherwise it is made to move, as
      out of a reservoir, and energy never enters: good where fluid returns by chance.
    """

    pressure: Any
    enters: bool = eqx.field(static=True)

    def __init__(self, pressure=0.0, *, enters=False):
        self.pressure, self.enters = finite("pressure", parameter(pressure)), bool(enters)

    def of(self, component, axis, sign):
        """Push of the pressure, no shear."""
        pushed = -sign * self.pressure if component == axis else 0.0
        return Carried(jnp.asarray(pushed)) if self.enters and component is not None else Neumann(pushed)


def _number_or_array(value):
    return float(value) if isinstance(value, int | float) else parameter(value)


def _only_vector(condition, component):
    if component is None:
        name = type(condition).__name__
        raise ValueError(
            f"A `{name}` is for velocities; a scalar takes `Periodic`, `Dirichlet`, `Neumann`, `Robin`, `Symmetry` or "
            "`Outflow`."
        )
