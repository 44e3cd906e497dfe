"""A matrix-free operator that comes with a preconditioner."""

import lineax as lx

from ._preconditioner import AbstractPreconditioner


class Preconditioned(lx.AbstractLinearOperator):
    """An operator A that is known by its products alone, and what stands for A⁻¹ inside a Krylov method.

    **Arguments:**

    - `operator`: A, from vectors of one structure to such ones; its tags must be true.
    - `preconditioner`: M⁻¹, symmetric, so that it serves Aᵀ as well; its `prepare` is given this operator.
    """

    operator: lx.AbstractLinearOperator
    preconditioner: AbstractPreconditioner

    def mv(self, vector):
        """Return A x."""
        return self.operator.mv(vector)

    def as_matrix(self):
        """Return A as a dense array."""
        return self.operator.as_matrix()

    def transpose(self):
        """Return Aᵀ, with the same preconditioner."""
        return self if lx.is_symmetric(self) else Preconditioned(self.operator.transpose(), self.preconditioner)

    def in_structure(self):
        """Structure of x."""
        return self.operator.in_structure()

    def out_structure(self):
        """Structure of A x."""
        return self.operator.out_structure()


for question in (
    lx.is_symmetric,
    lx.is_diagonal,
    lx.is_tridiagonal,
    lx.has_unit_diagonal,
    lx.is_lower_triangular,
    lx.is_upper_triangular,
    lx.is_positive_semidefinite,
    lx.is_negative_semidefinite,
    lx.diagonal,
    lx.tridiagonal,
):
    question.register(Preconditioned, lambda operator, question=question: question(operator.operator))
for change in (lx.linearise, lx.materialise, lx.conj):
    change.register(Preconditioned, lambda o, change=change: Preconditioned(change(o.operator), o.preconditioner))
