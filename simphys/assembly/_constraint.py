"""Linear conditions on the values of a field, as the reduction understands them."""

import abc
from typing import NamedTuple

import equinox as eqx
import numpy as np

from .._frozen import AbstractPosed
from .._typing import Array


class Followers(NamedTuple):
    """Which values of a field follow which others of it, u_i = Σ_k w_ik u_j(i,k) + c_i; on the host.

    **Attributes:**

    - `values`: i, numbers node × components + component, (n,).
    - `leaders`: j, (n, k); −1 where there are fewer; k = 0 of values that are given.
    - `kept`: arrays of whole numbers that `shares` and `added` need of the topology.
    - `weighted`: whether there are weights; else each value follows one other with weight 1.
    - `constant`: whether there is c.
    """

    values: np.ndarray
    leaders: np.ndarray
    kept: tuple[np.ndarray, ...] = ()
    weighted: bool = False
    constant: bool = False


class AbstractConstraint(AbstractPosed):
    """A linear condition on values of one field: each follows others, or none, u_i = Σ_k w_ik u_j(i,k) + c_i.

    Leaders may be prescribed, or follow others themselves; what is said twice of a value must agree, but for prescribed
    values, of which the later ones hold.
    """

    field: eqx.AbstractVar[int]

    @property
    def given(self):
        """All of it."""
        return self

    @property
    @abc.abstractmethod
    def title(self) -> str:
        """What messages call it."""

    @property
    @abc.abstractmethod
    def prescribes(self) -> bool:
        """Whether its values are given, and follow none."""

    @abc.abstractmethod
    def resolved(self, space) -> "AbstractConstraint":
        """Return it with all that a space decides worked out; `ValueError` if it does not fit the space."""

    @abc.abstractmethod
    def unloaded(self) -> "AbstractConstraint":
        """Return the same condition with values 0."""

    @abc.abstractmethod
    def follow(self, space, held: np.ndarray) -> Followers:
        """Return who follows whom; on the host.

        **Arguments:**

        - `held`: which of the field's values are made by something else already, (node × component,): they can lead, and
          what is said of them as followers must agree.
        """

    def shares(self, space, *kept: Array) -> Array:
        """Return w (n, k), differentiable."""
        raise NotImplementedError

    def added(self, space, count: int, *kept: Array) -> Array:
        """Return c (n,) for n = `count` followers, differentiable."""
        raise NotImplementedError
