"""Sparse quadratic programs as a layer."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ..._hidden import compiled
from ..._told import Told
from ..._typing import Array, Float
from ...implicit import AbstractAdjoint, Implicit
from ._cone import Cone
from ._equilibrate import equilibrated
from ._interior_point import InteriorPoint
from ._qp import QPSolution, check_numbers, check_settings, solve_program
from ._sparse import Entries, Sparse, Structure


class SparseQP(Told):
    """The minimiser of a sparse convex quadratic program as a function of its data.

    min ½ zᵀQz + qᵀz   subject to   A z = b,   G z ≤ h

    The same method as `QP`; its systems [[Q, Aᵀ, Gᵀ], [A, 0, 0], [G, 0, −S/W]] are factorised by `linalg.Direct`,
    once a step, in a pattern that is analysed once. Make it outside of `jit`; the entries of Q, A and G, and q, b and
    h are leaves, and can be replaced and differentiated.

    **Arguments:**

    - `Q`, `A`, `G`: SciPy sparse matrices, `jax.experimental.sparse.BCOO` or dense arrays; None for none. Only Q's
      symmetric part counts.
    - `q`, `b`, `h`: vectors.
    - `method`: an `InteriorPoint`.
    - `adjoint`: `Implicit()` (default) or `OneStep()`.

    **Raises:** `ValueError` if shapes do not fit.
    """

    Q: Float[Array, " zq"]
    q: Float[Array, " n"]
    A: Float[Array, " za"]
    b: Float[Array, " p"]
    G: Float[Array, " zg"]
    h: Float[Array, " m"]
    matrices: Sparse
    method: InteriorPoint
    adjoint: AbstractAdjoint

    def __init__(self, Q, q, A=None, b=None, G=None, h=None, *, method=None, adjoint=None):
        self.q = jnp.asarray(q, float)
        n = self.q.shape[0]
        vector = lambda x: jnp.zeros(0) if x is None else jnp.asarray(x, float)
        matrix = lambda x: np.zeros((0, n)) if x is None else x
        self.b, self.h = vector(b), vector(h)
        Q, A, G = Entries.of(np.zeros((n, n)) if Q is None else Q), Entries.of(matrix(A)), Entries.of(matrix(G))
        for name, found, rows in (("Q", Q, n), ("A", A, self.b.size), ("G", G, self.h.size)):
            if found.shape != (rows, n):
                raise ValueError(
                    f"`{name}` must be of shape {(rows, n)}, as its vector has entries, got {found.shape}."
                )
        self.method = InteriorPoint() if method is None else method
        self.adjoint = Implicit() if adjoint is None else adjoint
        check_settings(self.method, self.adjoint)
        self.Q, self.A, self.G = (m.data.astype(self.q.dtype) for m in (Q, A, G))
        join = lambda a, b: jnp.concatenate([a, b])
        p = A.shape[0]
        C = Entries(join(A.rows, G.rows + p), join(A.columns, G.columns), join(self.A, self.G), (p + G.shape[0], n))
        self.matrices = Sparse(Q, C, Structure.of(Q, C))

    def __call__(self, *, throw: bool = True, **replaced) -> QPSolution:
        """Solve, with some of q, b, h or of the entries of Q, A, G (in the order they were given in) replaced.

        **Arguments:**

        - `throw`: raise if there is no solution or none was found. With `throw=False` look at `result`.
        - `replaced`: new arrays by name.

        **Returns:** a `QPSolution`.
        """
        own = {name: getattr(self, name) for name in ("Q", "q", "A", "b", "G", "h")}
        for name, value in replaced.items():
            if name not in own or value.shape != own[name].shape:
                known = {k: v.shape for k, v in own.items()}
                raise ValueError(f"Arrays to be replaced are {known}, got `{name}` of shape {value.shape}.")
        new = own | replaced
        check_numbers(**new)
        return solve_program(self._program(new), self.method, self.adjoint, throw)

    @compiled
    def _program(self, new):
        entries = new["Q"], jnp.concatenate([new["A"], new["G"]])
        matrices = eqx.tree_at(lambda m: (m.Q.data, m.C.data), self.matrices, entries)
        rhs = jnp.concatenate([new["b"], new["h"]])
        return equilibrated(matrices, new["q"], rhs, Cone(self.h.shape[0]))
