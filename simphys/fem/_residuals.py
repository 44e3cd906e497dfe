"""What each cell or facet contributes to the residual and the energy of an integral."""

import jax.numpy as jnp

from .._typing import Array
from ._seen import pointwise, seen_at
from ._setting import field_columns, over_points, prepare, tested
from ._spread import joined, joined_measures
from ._streamed import streamed_residuals, streams


def element_residuals(integral, spaces, values) -> tuple[tuple[Array, ...], Array | None]:
    """Return for each field of the integral its contribution of each item, (item, local, component), and ∫ W or None."""
    if streams(integral, spaces):
        return streamed_residuals(integral, spaces, values)
    setting = prepare(integral, spaces, values)
    weak = pointwise(integral, spaces)

    def function(columns, mapped):
        energy = None
        if integral.energy is not None:
            energy = integral.energy(seen_at(integral, spaces, columns), *mapped)
        return weak(columns, mapped), energy

    fluxes, density = over_points(function, setting, *field_columns(setting))
    weighted = [f * setting.measure[..., None, None] for f in fluxes]
    residuals = tuple(tested(f, G) for f, G in zip(weighted, setting.bases, strict=True))
    return residuals, None if density is None else jnp.sum(density * setting.measure)  # pyright: ignore[reportReturnType]


def total_energy(integral, spaces, values) -> Array | None:
    """Return ∫ W, or None for an integral that has no energy."""
    parts = [element_residuals(piece, own, values)[1] for piece, own in integral.pieces(spaces)]
    return None if any(part is None for part in parts) else sum(parts[1:], parts[0])


def density_at_points(integral, spaces, values):
    """Return the integrand's energy at every quadrature point (item, quad) and the measures, for output.

    Of cells of several types, those with fewer points repeat their last one, with measure 0.
    """
    found = [_density(piece, own, values) for piece, own in integral.pieces(spaces)]
    return joined([density for density, _ in found]), joined_measures([measure for _, measure in found])


def _density(integral, spaces, values):
    setting, density = prepare(integral, spaces, values), integral.energy
    if density is None:
        raise ValueError("This integral has no energy to be evaluated.")

    def function(columns, mapped):
        return density(seen_at(integral, spaces, columns), *mapped)

    return over_points(function, setting, *field_columns(setting)), setting.measure
