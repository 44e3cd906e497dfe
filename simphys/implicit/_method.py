"""What `solve` asks of a method of its own beside what Optimistix asks of any root finder."""

import abc

import equinox as eqx
import jax.numpy as jnp
import optimistix as optx


class AbstractMethod(optx.AbstractRootFinder):
    """A root finder that is given the root problem itself, in its options, and says in its stats how it ended.

    It evaluates F once in every step, at the point that it then returns or leaves, and judges convergence by the
    problem's own scale. In `postprocess` it reports `status`, an item of `RESULTS`, `counts` (a `Stats`) and `history`;
    it may report `load_factor`, `rounding` (the steps are as small as rounding allows) and `reuse`.
    """

    max_steps: eqx.AbstractVar[int]

    @abc.abstractmethod
    def tolerance(self, dtype) -> float:
        """Return the relative tolerance for numbers of type `dtype`; refuse one that rounding puts out of reach."""


def tolerance_within_reach(rtol: float | None, dtype, double: float, single: float = 1e-4) -> float:
    """Return `rtol`, or `double` in float64, `single` in float32 for None; refuse what is below 50 rounding errors."""
    eps = float(jnp.finfo(dtype).eps)
    if rtol is None:
        return double if eps < 1e-12 else single
    if rtol < least_tolerance(dtype):
        raise ValueError(
            f"`rtol={rtol:g}` is out of reach in {jnp.dtype(dtype).name} (machine epsilon {eps:.1e}): "
            f"ask for {60 * eps:.1e} or more, or compute in float64."
        )
    return rtol


def least_tolerance(dtype) -> float:
    """Return the smallest relative tolerance that can be asked for: 50 rounding errors."""
    return 50 * float(jnp.finfo(dtype).eps)
