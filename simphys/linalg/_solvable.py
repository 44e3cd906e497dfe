"""A matrix that says itself how it is solved."""

import abc

import lineax as lx


class AbstractSolvable(lx.AbstractLinearOperator):
    """A matrix assembled in a way of its own, which only a solver made for it can take; `Auto` asks it for one."""

    @abc.abstractmethod
    def solver(self, rtol: float) -> lx.AbstractLinearSolver:
        """Return the solver for it, held to a relative residual."""
