"""Continuation: what is hardened as an optimisation goes on."""

import dataclasses
from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp

from ._interpolation import AbstractInterpolation
from ._layout import Heaviside


@dataclasses.dataclass(frozen=True)
class Stage:
    """A part of an optimisation with its own penalty and sharpness; the last one lasts until the end.

    **Arguments:**

    - `iterations`: of this stage at most; it also ends when the design settles.
    - `penalty`: of every `SIMP` or `RAMP` interpolation; None to leave it.
    - `sharpness`: β of the layout's `Heaviside` projection; None to leave it.
    """

    iterations: int = 50
    penalty: float | None = None
    sharpness: float | None = None

    def __post_init__(self):
        for name, least in (("iterations", 1), ("penalty", 0), ("sharpness", 1e-6)):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise ValueError(f"`{name}` of a stage must be {least:g} or more, got {value!r}.")

    def applied(self, tree):
        """Return layout and goals with this stage's penalty and sharpness."""
        number = lambda value, like: jnp.asarray(value, jnp.result_type(like))

        def one(node):
            if isinstance(node, AbstractInterpolation) and self.penalty is not None:
                return node.hardened(self.penalty)
            if isinstance(node, Heaviside) and self.sharpness is not None:
                return eqx.tree_at(lambda h: h.sharpness, node, number(self.sharpness, node.sharpness))
            return node

        kinds = lambda node: isinstance(node, AbstractInterpolation | Heaviside)
        return jax.tree.map(one, tree, is_leaf=kinds)


def check_stages(stages: Sequence[Stage], layout) -> tuple[Stage, ...]:
    """Return the stages, one of them at least; `ValueError` for a sharpness without a projection."""
    if any(stage.sharpness is not None for stage in stages) and layout.projection is None:
        raise ValueError("A `sharpness` in `stages` needs a layout with a `projection`.")
    return tuple(stages) or (Stage(),)
