"""Coordinates without bounds for parameters that have some."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..._told import Told
from ..._typing import Array


DECADE = float(np.log(10.0))


class AbstractTransform(Told):
    """A smooth map θ = h(φ) from all real φ, a vector, onto the admissible θ.

    Most maps have two stages: φ gives a field u in `latent`, and each θ_i is a function of its u_i, its *link*. Priors on
    fields speak of u.
    """

    @abc.abstractmethod
    def forward(self, phi: Array) -> Array:
        """Return θ = h(φ)."""

    @abc.abstractmethod
    def inverse(self, theta: Array) -> Array:
        """Return φ, the nearest one if there is none; raise `ValueError` if a concrete θ is not admissible."""

    @abc.abstractmethod
    def latent(self, phi: Array) -> Array:
        """Return u: θ itself, its logarithm or its logit."""

    @abc.abstractmethod
    def latent_of(self, theta: Array) -> Array:
        """Return u that belongs to θ."""

    def pointwise(self) -> bool:
        """Tell whether each u_i depends on φ_i alone."""
        return True

    def reach(self, size: int) -> np.ndarray:
        """Return how far a step may lead in each of `size` coordinates: without end where θ is linear in φ."""
        return np.full(size, np.inf)


class AbstractUnlinked(AbstractTransform):
    """One stage: u = θ."""

    def latent(self, phi):
        """Return θ."""
        return self.forward(phi)

    def latent_of(self, theta):
        """Return θ."""
        return theta


class AbstractLink(AbstractTransform):
    """Each θ_i a function of its φ_i, that leads to a bound as φ_i grows; u = φ."""

    def latent(self, phi):
        """Return φ."""
        return phi

    def latent_of(self, theta):
        """Return φ."""
        return self.inverse(theta)

    def reach(self, size):
        """Return a factor of 10 in the distance from a bound."""
        return np.full(size, DECADE)


class Scaled(AbstractUnlinked):
    """θ = s φ: any value, measured in a natural unit s; u = θ.

    **Arguments:**

    - `scale`: s, the magnitude θ is expected to have.
    """

    scale: float = eqx.field(static=True, default=1.0)

    def forward(self, phi):
        """Return s φ."""
        return self.scale * phi

    def inverse(self, theta):
        """Return θ / s."""
        return theta / self.scale


class Positive(AbstractLink):
    """θ = exp φ > 0; u = ln θ."""

    def forward(self, phi):
        """Return exp φ."""
        return jnp.exp(phi)

    def inverse(self, theta):
        """Return ln θ."""
        if not np.all(np.asarray(theta) > 0):
            raise ValueError(f"A positive parameter cannot start at {theta}.")
        return jnp.log(theta)


class Bounded(AbstractLink):
    """low < θ < high, θ = low + (high − low) / (1 + exp(−φ)); u = φ.

    **Arguments:**

    - `low`, `high`: bounds.
    """

    low: float = eqx.field(static=True)
    high: float = eqx.field(static=True)

    def __check_init__(self):
        if not self.low < self.high:
            raise ValueError(f"`low` must be less than `high`, got {self.low} and {self.high}.")

    def forward(self, phi):
        """Return low + (high − low) σ(φ)."""
        return self.low + (self.high - self.low) * jax.nn.sigmoid(phi)

    def inverse(self, theta):
        """Return the logit of θ's place between the bounds."""
        if not np.all((np.asarray(theta) > self.low) & (np.asarray(theta) < self.high)):
            raise ValueError(f"A parameter bounded by {self.low} and {self.high} cannot start at {theta}.")
        return jax.scipy.special.logit((theta - self.low) / (self.high - self.low))


class Ordered(AbstractUnlinked):
    """θ₁ < θ₂ < …: relaxation times, say, that would otherwise change places.

    θ₁ = s φ₁,   θ_{i+1} = θ_i + s exp φ_{i+1}

    **Arguments:**

    - `scale`: s, the magnitude of θ.
    """

    scale: float = eqx.field(static=True, default=1.0)

    def forward(self, phi):
        """Return the running sum."""
        return self.scale * jnp.cumsum(jnp.concatenate([phi[:1], jnp.exp(phi[1:])]))

    def inverse(self, theta):
        """Return θ₁ and the logarithms of the differences."""
        _vector("An ordered", theta)
        steps = np.diff(np.asarray(theta))
        if not np.all(steps > 0):
            raise ValueError(f"An ordered parameter must start at numbers that increase, got {theta}.")
        return jnp.concatenate([theta[:1] / self.scale, jnp.log(jnp.diff(theta) / self.scale)])

    def pointwise(self):
        """No."""
        return False

    def reach(self, size):
        """Return a factor of 10 in each difference."""
        return np.concatenate([np.full(1, np.inf), np.full(size - 1, DECADE)])


class Simplex(AbstractUnlinked):
    """θ_i > 0, Σ θ_i = 1: volume fractions, weights of a mixture. n numbers have n − 1 coordinates.

    θ = softmax(φ₁, …, φ_{n−1}, 0)
    """

    def forward(self, phi):
        """Return the softmax."""
        return jax.nn.softmax(jnp.append(phi, jnp.zeros(1, phi.dtype)))

    def inverse(self, theta):
        """Return ln(θ_i / θ_n)."""
        _vector("A simplex", theta)
        given = np.asarray(theta)
        if not (np.all(given > 0) and abs(given.sum() - 1) < 1e-6):
            raise ValueError(f"A parameter on a simplex must start at positive numbers whose sum is 1, got {theta}.")
        return jnp.log(theta[:-1] / theta[-1:])

    def pointwise(self):
        """No."""
        return False

    def reach(self, size):
        """Return a factor of 10 in each ratio."""
        return np.full(size, DECADE)


def _vector(what, theta):
    if jnp.ndim(theta) != 1 or jnp.size(theta) < 2:
        raise ValueError(f"{what} parameter must be a vector of two or more numbers, got shape {jnp.shape(theta)}.")
