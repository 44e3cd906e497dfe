"""Terms per unit of thickness, made those of the whole body."""

import dataclasses

import equinox as eqx

from .._typing import Callable
from ..fem import Integral


class _Thick(eqx.Module):
    """An integrand times the thickness, which is the first of its parameters."""

    function: Callable = eqx.field(static=True)

    def __call__(self, fields, point, parameters):
        thickness, rest = parameters
        found = self.function(fields, point, rest)
        if not isinstance(found, tuple):
            return thickness * found
        return tuple(tuple(None if part is None else thickness * part for part in pair) for pair in found)


class Within(eqx.Module):
    """A function of an integrand's own parameters, which stand second."""

    function: Callable = eqx.field(static=True)

    def __call__(self, fields, point, parameters):
        return self.function(fields, point, parameters[1])


def thick(term: Integral, thickness) -> Integral:
    """Return a term of a plane body, or of a rod, times its thickness or cross-section."""
    energy = None if term.energy is None else _Thick(term.energy)
    switches = None if term.switches is None else Within(term.switches)
    changed = dict(weak=_Thick(term.weak), energy=energy, switches=switches)
    return dataclasses.replace(term, **changed, parameters=(thickness, term.parameters))
