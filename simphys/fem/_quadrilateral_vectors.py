"""Brezzi–Douglas–Marini's and Nédélec's second elements on quadrilaterals, with the spaces that they are defined by.

Basix spans them by (x^{k+1}, (k+1) x^k y), whose divergence is not of degree k − 1, in place of curl(x^{k+1} y), and turns
the same sign for Nédélec's: mixed methods lose an order, and not all gradients are in the space.
"""

import basix
import numpy as np


FAMILIES = ("BDM", "N2E")


def respanned(element):
    """Return the element with the functionals that it has, on P_k² and curl(x^{k+1} y), curl(x y^{k+1}).

    Nédélec's take gradients of the same two.

    Reference: D. N. Arnold, G. Awanou, Math. Comp. 83 (2014) 1551–1570.
    """
    k, cell = element.degree, element.cell_type
    points, weights = basix.make_quadrature(cell, 2 * k + 2)
    legendre = basix.polynomials.tabulate_polynomial_set(cell, basix.PolysetType.standard, k + 1, 0, points)[0]
    x, y = points.T
    monomials = [x**i * y**j for i in range(k + 1) for j in range(k + 1 - i)]
    spanned = [np.stack(pair) for m in monomials for pair in ((m, 0 * m), (0 * m, m))]
    for slope_x, slope_y in (((k + 1) * x**k * y, x ** (k + 1)), (y ** (k + 1), (k + 1) * x * y**k)):
        spanned.append(np.stack((slope_x, slope_y) if element.family.name == "N2E" else (slope_y, -slope_x)))
    coefficients = np.einsum("acq,mq,q->acm", np.array(spanned), legendre, weights).reshape(len(spanned), -1)
    return basix.create_custom_element(
        cell,
        (2,),
        np.ascontiguousarray(np.linalg.qr(coefficients.T)[0].T),
        element.x,
        element.M,
        0,
        element.map_type,
        element.sobolev_space,
        element.discontinuous,
        k,
        k + 1,
        basix.PolysetType.standard,
    )
