"""Linear conditions on the values of a field, as the reduction understands them."""

import abc

import equinox as eqx
import numpy as np

from .._frozen import AbstractPosed
from .._typing import Array


class AbstractConstraint(AbstractPosed):
    """A linear condition on the nodal values of one field."""

    field: eqx.AbstractVar[int]

    @property
    def given(self):
        """All of it."""
        return self

    @abc.abstractmethod
    def resolved(self, space) -> "AbstractConstraint":
        """Return it with all that a space decides worked out; `ValueError` if it does not fit the space."""

    @abc.abstractmethod
    def unloaded(self) -> "AbstractConstraint":
        """Return the same condition with values 0."""


class AbstractPrescribed(AbstractConstraint):
    """Values that are given, u_c = ū_c at some nodes; where two such conditions meet the later one holds."""

    value: eqx.AbstractVar[Array]
    components: eqx.AbstractVar[tuple[int, ...] | None]

    @abc.abstractmethod
    def nodes(self, space) -> np.ndarray:
        """Return the numbers of the nodes."""


class AbstractPeriodicity(AbstractConstraint):
    """Values that follow those of partners, u(x⁺) = u(x⁻) + jump."""

    jump: eqx.AbstractVar[Array]
    source: eqx.AbstractVar[str]
    target: eqx.AbstractVar[str]

    @abc.abstractmethod
    def pairs(self, space) -> tuple[np.ndarray, np.ndarray]:
        """Return the numbers of the nodes of source and target, partner by partner."""


class AbstractTie(AbstractConstraint):
    """Values that follow others of the same field, u_s = Σ_k w_k u_m(k), which no other condition may be on."""

    @property
    @abc.abstractmethod
    def title(self) -> str:
        """What messages call it."""

    @abc.abstractmethod
    def follow(self, space) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, ...] | None]:
        """Return who follows whom; on the host.

        **Returns:** the values that follow (n,), and for each those that it follows (n, k): node × components + component;
        and what `shares` needs of the topology. None where each value simply is the one that it follows (k = 1).
        """

    def shares(self, space, *kept: Array) -> Array:
        """Return the weights w (n, k), differentiable."""
        raise NotImplementedError
