"""What the linear solvers have in common."""

import lineax as lx


class AbstractRealSolver(lx.AbstractLinearSolver):
    """A solver of real systems, to which a singular matrix is a failure."""

    def conj(self, state, options):
        """A is real."""
        return state, options

    def assume_full_rank(self):
        """A singular A is a failure."""
        return True


class AbstractSymmetricSolver(AbstractRealSolver):
    """A solver of real, symmetric systems."""

    def transpose(self, state, options):
        """A is symmetric."""
        return state, options
