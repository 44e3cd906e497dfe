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


def thick(term: Integral, thickness) -> Integral:
    """Return a term of a plane body, or of a rod, times its thickness or cross-section."""
    energy = None if term.energy is None else _Thick(term.energy)
    return dataclasses.replace(term, weak=_Thick(term.weak), parameters=(thickness, term.parameters), energy=energy)
