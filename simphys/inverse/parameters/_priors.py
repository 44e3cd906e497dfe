"""What is known of parameters before any data: numbers, and how smooth fields are."""

import abc
import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sparse

from ..._check import finite, positive
from ..._told import Told
from ..._typing import Array, PyTree
from ...fem import AbstractField, CellField, FunctionSpace
from ._parameters import Parametrisation
from ._pick import parts_of
from ._roots import gradient_root, value_root, weighted


class Form(NamedTuple):
    """A quadratic form ½|G (u − u₀)|², or a sum of group norms Σ_g w_g √(|(G u)_g|² + β²).

    - `root`: G, (row, entry of the field).
    - `mean`: u₀.
    - `latent`: whether u is the field before its link (ln θ of a positive one), else θ itself.
    - `weights`: w; None for the quadratic form.
    - `smoothing`: β.
    """

    root: sparse.csr_array
    mean: np.ndarray
    latent: bool
    weights: np.ndarray | None = None
    smoothing: float = 0.0


class AbstractPrior(Told):
    """A prior on one parameter, −ln p(θ) up to a constant."""

    parameter: eqx.AbstractVar[str]

    @abc.abstractmethod
    def form(self, parameters: Parametrisation, problem: PyTree) -> Form:
        """Return the form; raise `ValueError` if it does not fit the parameter."""

    @abc.abstractmethod
    def scaled(self, factor: float) -> "AbstractPrior":
        """Return the prior whose −ln p is `factor` times this one's."""


class Gaussian(AbstractPrior):
    """θ_i ~ N(m_i, σ_i²), independent of each other: ½ Σ (θ_i − m_i)² / σ_i².

    **Arguments:**

    - `parameter`: name.
    - `mean`: m, a number or an array of θ's shape.
    - `deviation`: σ, a number or an array of θ's shape.
    """

    parameter: str = eqx.field(static=True)
    mean: Array
    deviation: Array

    def __init__(self, parameter, mean, deviation):
        self.parameter = parameter
        self.mean = finite("mean", jnp.asarray(mean, dtype=float))
        self.deviation = positive("deviation", jnp.asarray(deviation, dtype=float))

    def form(self, parameters, problem):
        """Return diag(1/σ)."""
        shape = parameters.starts[parameters.number(self.parameter)].shape
        for name, value in (("mean", self.mean), ("deviation", self.deviation)):
            if value.shape not in ((), shape):
                raise ValueError(
                    f"The prior on {self.parameter!r} has a `{name}` of shape {value.shape}; "
                    f"a number or shape {shape} expected."
                )
        fill = lambda a: np.broadcast_to(np.asarray(a, float), shape).ravel()
        return Form(sparse.csr_array(sparse.diags_array(1 / fill(self.deviation))), fill(self.mean), False)

    def scaled(self, factor):
        """Return the one with σ / √factor."""
        return Gaussian(self.parameter, self.mean, self.deviation / np.sqrt(factor))


class AbstractSmooth(AbstractPrior):
    """A smooth Gaussian field: by how much it varies, and over what distance."""

    parameter: str = eqx.field(static=True)
    deviation: float = eqx.field(static=True)
    length: float = eqx.field(static=True)
    mean: float | None = eqx.field(static=True, default=None)
    space: FunctionSpace | None = None

    def __check_init__(self):
        positive("deviation", self.deviation)
        positive("length", self.length)

    def scaled(self, factor):
        """Return the one with σ / √factor."""
        return dataclasses.replace(self, deviation=self.deviation / factor**0.5)


class H1(AbstractSmooth):
    r"""A smooth field u, of which the gradient is small: K and M are the mesh's stiffness and mass matrix.

    E = ℓ^{2−d} / (2 σ²) ∫ |∇u|² + (u − ū)² / ℓ² dV = ½ (u − ū)ᵀ (α K + β M) (u − ū)

    u is ln θ for a `Positive` parameter, θ where there are no bounds. σ is by how much u changes over a distance ℓ; the
    deviation of u at a point is σ/√2 in 1-D, and in 2-D (σ/√(2π)) √ln(ℓ/h), growing slowly as the mesh is refined: take
    `Matern` where that matters.

    **Arguments:**

    - `parameter`: name of a parameter that is a `NodalField` or `CellField`, all of it or by a `Basis` or `NeuralField`.
    - `deviation`: σ.
    - `length`: ℓ, distance over which values go together.
    - `mean`: ū, in θ's unit (a number); None for the start's.
    - `space`: function space of the field; None for the problem's own.

    Reference: J. Kaipio, E. Somersalo, Statistical and Computational Inverse Problems, Springer 2005, section 3.3.
    """

    def form(self, parameters, problem):
        """Return the square root of α K + β M."""
        kind, space = field_of(self.parameter, parameters, problem, self.space)
        factor = self.length ** (2 - space.mesh.dim) / self.deviation**2
        slopes = weighted(gradient_root(kind, space)) * np.sqrt(factor)
        values = weighted(value_root(kind, space)) * (np.sqrt(factor) / self.length)
        root = sparse.csr_array(sparse.vstack([slopes, values]))
        return per_component(root, self.parameter, parameters, self.mean)


class Matern(AbstractSmooth):
    r"""A smooth Gaussian field whose deviation at a point does not depend on the mesh.

    E = ½ |τ M^{−½} (κ² M + K) (u − ū)|²,   κ = √(8 ν)/ℓ,   ν = 2 − d/2

    with τ such that far from the boundary u has the deviation σ, and a correlation of about 0.1 at the distance ℓ. M is
    lumped. At a boundary the deviation is up to √2, in a corner up to twice as large.

    **Arguments:** as for `H1`; `deviation` is σ.

    Reference: F. Lindgren, H. Rue, J. Lindström, J. R. Statist. Soc. B 73 (2011) 423.
    """

    def form(self, parameters, problem):
        """Return τ M^{−½} (κ² M + K)."""
        kind, space = field_of(self.parameter, parameters, problem, self.space)
        dim = space.mesh.dim
        nu = 2 - dim / 2
        kappa = np.sqrt(8 * nu) / self.length
        # Γ(ν) / (Γ(2) (4π)^{d/2} κ^{2ν}) is the variance for τ = 1.
        gamma = {1: np.sqrt(np.pi) / 2, 2: 1.0, 3: np.sqrt(np.pi)}[dim]
        tau = np.sqrt(gamma / ((4 * np.pi) ** (dim / 2) * kappa ** (2 * nu))) / self.deviation
        slopes, values = weighted(gradient_root(kind, space)), weighted(value_root(kind, space))
        lumped = (values.T @ values).sum(axis=1)
        if lumped.min() <= 0:
            raise ValueError(f"The prior on {self.parameter!r} needs a field of degree 1: masses of nodes vanish here.")
        matrix = kappa**2 * sparse.diags_array(lumped) + slopes.T @ slopes
        root = sparse.csr_array(tau * (sparse.diags_array(lumped**-0.5) @ matrix))
        return per_component(root, self.parameter, parameters, self.mean)


class TotalVariation(AbstractPrior):
    r"""A field that is constant in pieces: jumps cost as much as the same rise spread out.

    E = α ∫ √(|∇u|² + β²) − β dV;   of cell values α Σ_facets A (√((u_i − u_j)² + b²) − b)

    No Gaussian measure: the fit is a good picture, the curvature at it only a rough uncertainty.

    **Arguments:**

    - `parameter`: name of a parameter that is a `NodalField` or `CellField`.
    - `weight`: α, per unit of area of the jump and of u.
    - `smoothing`: β, a slope (nodal values) or b, a difference (cell values), below which E is quadratic.
    - `space`: function space of the field; None for the problem's own.

    Reference: C. R. Vogel, M. E. Oman, SIAM J. Sci. Comput. 17 (1996) 227.
    """

    parameter: str = eqx.field(static=True)
    weight: float = eqx.field(static=True)
    smoothing: float = eqx.field(static=True)
    space: FunctionSpace | None = None

    def __check_init__(self):
        positive("weight", self.weight)
        positive("smoothing", self.smoothing)

    def form(self, parameters, problem):
        """Return slopes at points, or jumps across facets, and what they stand for."""
        kind, space = field_of(self.parameter, parameters, problem, self.space)
        root, weights = gradient_root(kind, space)
        if kind is CellField:
            # Rows are (u_i − u_j)/d with weights A d: the jump itself has the weight A.
            distance = 1 / np.abs(root.data[root.indptr[:-1]])
            root, weights = sparse.csr_array(sparse.diags_array(distance) @ root), weights / distance
        form = per_component(root, self.parameter, parameters, None)
        count = form.root.shape[0] // root.shape[0]
        return form._replace(
            mean=np.zeros_like(form.mean), weights=np.tile(self.weight * weights, count), smoothing=self.smoothing
        )

    def scaled(self, factor):
        """Return the one with α × factor."""
        return TotalVariation(self.parameter, self.weight * factor, self.smoothing, self.space)


def field_of(name: str, parameters: Parametrisation, problem, space) -> tuple[type, FunctionSpace]:
    """Return which kind of field a parameter is, and its space."""
    number = parameters.number(name)
    field = parts_of(parameters.parameters[number].where, problem)[0]
    if not isinstance(field, AbstractField):
        raise ValueError(
            f"The prior on {name!r} needs a field: let `where` pick a `NodalField` or `CellField`, "
            f"not an array of shape {jnp.shape(field)}."
        )
    if space is None:
        spaces = getattr(problem, "spaces", ())
        if not spaces:
            raise ValueError(f"The prior on {name!r} needs `space`: the problem has no function space of its own.")
        space = spaces[0]
    wanted = space.mesh.n_cells if isinstance(field, CellField) else space.n_nodes
    if field.values.shape[0] != wanted:
        raise ValueError(
            f"The prior on {name!r} is for {wanted} values on this space, the field has {field.values.shape[0]}."
        )
    return type(field), space


def per_component(root, name, parameters: Parametrisation, mean) -> Form:
    """The form of a field with any number of components, entries (node, component) in the order of `ravel`."""
    number = parameters.number(name)
    start, transform = parameters.starts[number], parameters.transforms[number]
    count = start.size // start.shape[0]
    if count > 1:
        # Component by component: groups of rows stay together.
        columns = np.arange(start.size).reshape(-1, count).T.ravel()
        root = sparse.csr_array(sparse.kron(sparse.eye_array(count), root))[:, np.argsort(columns)]
    mean = transform.latent_of(start if mean is None else jnp.full_like(start, mean))
    return Form(root, np.asarray(mean, float).ravel(), True)
