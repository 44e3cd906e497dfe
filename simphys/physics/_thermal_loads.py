"""Heat that enters or leaves a body: prescribed, by convection, by radiation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._check import finite, parameter
from .._ranges import positive
from .._trees import any_traced
from .._typing import PyTree, Value
from ..fem import AbstractField, Integral, altered, cells_of, facets_of
from ..materials import AbstractCurve, admissible_at
from ._acting import AbstractLoad, zeroed


class AbstractThermalLoad(AbstractLoad):
    """A load on a heat balance."""

    across_thickness: eqx.AbstractClassVar[bool]
    """Whether its integral is over an area or volume of the body, and so grows with the thickness of a plane one."""


class Flux(AbstractThermalLoad):
    """A heat flux q·n = q that leaves the body through a surface, ∫ q v dA; a negative one heats it.

    **Arguments:**

    - `where`: name of a facet group.
    - `value`: q, power per area.
    - `side`: name of the cell group that the heat leaves, where facets lie between two cells; by default the cells that
      the facet group names. No heat enters the cells on the other side: it leaves the body.
    - `field`: which field of a mixed space.
    """

    across_thickness = True
    value: PyTree
    where: str = eqx.field(static=True)
    side: str | None = eqx.field(static=True)

    def __init__(self, where: str, value: Value, *, side: str | None = None, field: int = 0):
        self.field = field
        self.where, self.value, self.side = where, _scalar("value", finite("value", parameter(value))), side

    def integral(self, space):
        """The load as an integral over its facets."""
        domain = facets_of(space, self.where, side=self.side)
        domain.check_sided()
        return Integral(domain, _leaving, self.value, _leaving_energy, slots=("value",), constant=True)

    def unloaded(self):
        """No flux."""
        return zeroed(self, "value")


class Source(AbstractThermalLoad):
    """Heat produced in the volume, −∫ s v dV.

    **Arguments:**

    - `value`: s, power per volume.
    - `where`: name of a cell group; None for the whole body.
    - `field`: which field of a mixed space.
    """

    across_thickness = True
    value: PyTree
    where: str | None = eqx.field(static=True)

    def __init__(self, value: Value, where: str | None = None, *, field: int = 0):
        self.field = field
        self.where, self.value = where, _scalar("value", finite("value", parameter(value)))

    def integral(self, space):
        """The load as an integral over its cells."""
        domain = cells_of(space, self.where, 2 * space.degree)
        return Integral(domain, _produced, self.value, _produced_energy, slots=("value",), constant=True)

    def unloaded(self):
        """No source."""
        return zeroed(self, "value")


class Convection(AbstractThermalLoad):
    """Heat given off to a fluid, ∫ h (T − T∞) v dA.

    **Arguments:**

    - `where`: name of a facet group.
    - `h`: heat transfer coefficient, power/(area·temperature), 0 or more; a number, a field, or a curve (`Table`,
      `Polynomial`) of the surface's temperature. Still air 5–25, water 500–10,000 W/(m² K).
    - `ambient`: T∞.
    - `field`: which field of a mixed space.

    Reference: F. P. Incropera et al., Fundamentals of Heat and Mass Transfer, 6th ed., 2007, section 1.2.2.
    """

    across_thickness = True
    h: PyTree = positive(or_zero=True)
    ambient: PyTree
    where: str = eqx.field(static=True)

    def __init__(self, where: str, h: Value, ambient: Value, *, field: int = 0):
        self.field = field
        self.where = where
        self.h = h if isinstance(h, AbstractCurve) else _scalar("h", parameter(h))
        self.ambient = _scalar("ambient", finite("ambient", parameter(ambient)))

    def integral(self, space):
        """The load as an integral over its facets."""
        domain, parameters = facets_of(space, self.where), (self.h, self.ambient)
        if isinstance(self.h, AbstractCurve):
            return Integral(domain, _boiled, parameters, slots=("value",), switches=_switches)
        return Integral(domain, _convected, parameters, _convected_energy, slots=("value",), linear=True)

    def unloaded(self):
        """The same exchange with surroundings at 0."""
        return zeroed(self, "ambient")


class LateralConvection(AbstractThermalLoad):
    """Heat given off through the sides of a rod or the faces of a plate, which a 1-D or 2-D mesh does not show.

    ∫ h p (T − T∞) v dx   (rod)   or   dA   (plate)

    The integral is not multiplied by the cross-section or thickness.

    **Arguments:**

    - `h`: heat transfer coefficient, power/(area·temperature), 0 or more.
    - `ambient`: T∞.
    - `perimeter`: p, of a rod the wetted perimeter of its section, a length; of a plate its number of wetted faces.
    - `where`: name of a cell group; None for the whole body.
    - `field`: which field of a mixed space.

    Reference: F. P. Incropera et al., Fundamentals of Heat and Mass Transfer, 6th ed., 2007, section 3.6.
    """

    across_thickness = False
    h: PyTree = positive(or_zero=True)
    ambient: PyTree
    perimeter: PyTree = positive()
    where: str | None = eqx.field(static=True)

    def __init__(self, h: Value, ambient: Value, perimeter: Value, where: str | None = None, *, field: int = 0):
        self.field = field
        self.where = where
        self.h = _scalar("h", parameter(h))
        self.ambient = _scalar("ambient", finite("ambient", parameter(ambient)))
        self.perimeter = _scalar("perimeter", parameter(perimeter))

    def integral(self, space):
        """The load as an integral over its cells."""
        if space.mesh.dim == 3:
            raise ValueError("A 3-D body has no lateral faces beside its facets: use `Convection`.")
        parameters = (self.h, self.ambient, self.perimeter)
        domain = cells_of(space, self.where, 2 * space.degree)
        return Integral(domain, _lateral, parameters, _lateral_energy, slots=("value",), linear=True)

    def unloaded(self):
        """The same exchange with surroundings at 0."""
        return zeroed(self, "ambient")


class Radiation(AbstractThermalLoad):
    """Heat radiated to black surroundings, ∫ ε σ (θ⁴ − θ∞⁴) v dA, θ = T − T₀.

    Below absolute zero, where an iteration may stray, θ⁴ is continued by θ|θ|³, so that the energy stays convex.
    Where nothing but radiation into the cold fixes the temperature, θ⁴ is flat at the start: pass a `guess` to `solve`.

    **Arguments:**

    - `where`: name of a facet group.
    - `emissivity`: ε, between 0 and 1 for grey surfaces. Polished aluminium 0.05, paint 0.9.
    - `ambient`: T∞ on the scale of T.
    - `zero`: T₀, absolute zero on the scale of T: 0 for kelvin, −273.15 for degrees Celsius.
    - `sigma`: Stefan–Boltzmann constant; the default is for watts, metres and kelvin.
    - `field`: which field of a mixed space.

    **Raises:** `ValueError` if the surroundings are colder than absolute zero.

    Reference: F. P. Incropera et al., Fundamentals of Heat and Mass Transfer, 6th ed., 2007, section 1.2.3.
    """

    across_thickness = True
    emissivity: PyTree = positive(or_zero=True)
    ambient: PyTree
    zero: PyTree
    sigma: PyTree = positive()
    where: str = eqx.field(static=True)

    def __init__(
        self,
        where: str,
        emissivity: Value,
        ambient: Value,
        zero: Value = 0.0,
        *,
        sigma: Value = 5.670374419e-8,
        field: int = 0,
    ):
        self.field = field
        self.where = where
        self.emissivity = _scalar("emissivity", parameter(emissivity))
        self.ambient = _scalar("ambient", finite("ambient", parameter(ambient)))
        self.zero = _scalar("zero", finite("zero", parameter(zero)))
        self.sigma = _scalar("sigma", parameter(sigma))
        if not any_traced(both := jax.tree.leaves((self.ambient, self.zero))):
            coldest, zero = np.min(both[0]), np.max(both[1])
            if coldest < zero:
                raise ValueError(
                    f"`ambient` ({coldest:g}) lies below absolute zero ({zero:g}): "
                    "give `zero=-273.15` if temperatures are in degrees Celsius."
                )

    def integral(self, space):
        """The load as an integral over its facets."""
        domain = facets_of(space, self.where, 5 * space.degree)
        parameters = (self.emissivity, self.ambient, self.zero, self.sigma)
        return Integral(domain, _radiated, parameters, _radiated_energy, slots=("value",))

    def unloaded(self):
        """The same exchange on a scale of temperature on which the surroundings are at 0.

        With absolute zero shifted along, the surroundings stay as warm as they are and the tangent 4 ε σ θ³ regular.
        """
        if isinstance(self.ambient, AbstractField) or isinstance(self.zero, AbstractField):
            return zeroed(self, "ambient")
        return altered(zeroed(self, "ambient"), zero=self.zero - self.ambient)


def _scalar(name, value):
    if value is not None and not isinstance(value, AbstractField) and jnp.shape(value) != ():
        raise ValueError(f"`{name}` must be a number or a field, got an array of shape {jnp.shape(value)}.")
    return value


def _leaving(fields, point, q):
    return ((q, None),)


def _leaving_energy(fields, point, q):
    return q * fields[0].value


def _produced(fields, point, s):
    return ((-s, None),)


def _produced_energy(fields, point, s):
    return -s * fields[0].value


def _convected(fields, point, parameters):
    h, ambient = parameters
    return ((h * (fields[0].value - ambient), None),)


def _convected_energy(fields, point, parameters):
    h, ambient = parameters
    return h * (fields[0].value - ambient) ** 2 / 2


def _switches(fields, point, parameters):
    return admissible_at(parameters[0], fields[0].value, lambda h: h >= 0)


def _boiled(fields, point, parameters):
    curve, ambient = parameters
    temperature = fields[0].value
    return ((curve(temperature) * (temperature - ambient), None),)


def _lateral(fields, point, parameters):
    h, ambient, perimeter = parameters
    return ((h * perimeter * (fields[0].value - ambient), None),)


def _lateral_energy(fields, point, parameters):
    h, ambient, perimeter = parameters
    return h * perimeter * (fields[0].value - ambient) ** 2 / 2


def _radiated(fields, point, parameters):
    emissivity, ambient, zero, sigma = parameters
    theta = fields[0].value - zero
    return ((emissivity * sigma * (theta * jnp.abs(theta) ** 3 - (ambient - zero) ** 4), None),)


def _radiated_energy(fields, point, parameters):
    emissivity, ambient, zero, sigma = parameters
    theta = fields[0].value - zero
    return emissivity * sigma * (jnp.abs(theta) ** 5 / 5 - (ambient - zero) ** 4 * theta)
