"""Convex programs written in CVXPY as layers."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sps

from ..._hidden import compiled
from ..._typing import Any, Array, Float, Int
from ...implicit import AbstractAdjoint, Implicit
from ._cone import Cone
from ._equilibrate import equilibrated
from ._interior_point import InteriorPoint
from ._matrices import Dense
from ._qp import QPSolution, solve_program


class Affine(eqx.Module):
    """A sparse affine map of the parameters, x = M (θ, 1)."""

    rows: Int[Array, " z"]
    columns: Int[Array, " z"]
    entries: Float[Array, " z"]
    size: int = eqx.field(static=True)

    @staticmethod
    def of(matrix) -> "Affine":
        """Take a SciPy matrix apart."""
        found = sps.coo_array(matrix)
        index = lambda x: jnp.asarray(x, jnp.int32)
        return Affine(index(found.row), index(found.col), jnp.asarray(found.data, float), found.shape[0])

    def __call__(self, parameters: Float[Array, " k"]) -> Float[Array, " x"]:
        """Return x."""
        products = self.entries.astype(parameters.dtype) * parameters[self.columns]
        return jnp.zeros(self.size, parameters.dtype).at[self.rows].add(products)


class CvxpyLayer(eqx.Module):
    """A parametrised convex program as a function from its parameters to its minimiser; made by `from_cvxpy`."""

    P: Affine
    q: Affine
    C: Affine
    counts: tuple[int, int] = eqx.field(static=True)
    cone: Cone
    shapes: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    order: tuple[int, ...] = eqx.field(static=True)
    outputs: tuple[tuple[int, tuple[int, ...]], ...] = eqx.field(static=True)
    method: InteriorPoint
    adjoint: AbstractAdjoint

    def __call__(self, *parameters, throw: bool = True) -> tuple[tuple[Array, ...], QPSolution]:
        """Solve for values of the parameters, in the order they were named in.

        **Arguments:**

        - `throw`: raise if there is no solution or none was found. With `throw=False` look at `result`.

        **Returns:** the variables' values, in the order they were named in, and the canonical program's `QPSolution`.
        """
        if len(parameters) != len(self.shapes):
            raise ValueError(f"The program has {len(self.shapes)} parameters, got {len(parameters)}.")
        values = [jnp.asarray(p) for p in parameters]
        values = [v if jnp.issubdtype(v.dtype, jnp.floating) else v.astype(float) for v in values]
        for k, (value, shape) in enumerate(zip(values, self.shapes, strict=True)):
            if value.shape != shape:
                raise ValueError(f"Parameter {k} must be of shape {shape}, got {value.shape} (use `jax.vmap`).")
        found = solve_program(self._program(values), self.method, self.adjoint, throw)
        take = lambda start, shape: found.value[start : start + int(np.prod(shape))].reshape(shape, order="F")
        return tuple(take(*output) for output in self.outputs), found

    @compiled
    def _program(self, values):
        dtype = jnp.result_type(*values) if values else jnp.zeros(()).dtype
        # CVXPY stacks the columns of what it vectorises.
        columns = [values[k].ravel(order="F").astype(dtype) for k in self.order]
        theta = jnp.concatenate([*columns, jnp.ones(1, dtype)])
        n, rows = self.counts
        unstack = lambda x, width: x.reshape(width, -1).T
        P = unstack(self.P(theta), n)
        C = unstack(self.C(theta), n + 1)
        q = self.q(theta)[:n]
        return equilibrated(Dense((P + P.T) / 2, -C[:, :n]), q, C[:, n], self.cone)


def from_cvxpy(
    problem: Any,
    parameters: list,
    variables: list,
    *,
    method: InteriorPoint | None = None,
    adjoint: AbstractAdjoint | None = None,
) -> CvxpyLayer:
    """Make a layer of a CVXPY problem that follows its rules of disciplined parametrised programming (DPP).

    CVXPY brings it to the form min ½ zᵀPz + qᵀz subject to A z = b, h − G z ∈ K once; P, q, A, b, G and h are affine
    in the parameters, and these maps are all that is kept. Linear, quadratic and second-order cone programs.

    **Arguments:**

    - `problem`: a `cvxpy.Problem`.
    - `parameters`: its `cvxpy.Parameter`s, all of them, in the order the layer will take them.
    - `variables`: the `cvxpy.Variable`s whose values the layer returns.
    - `method`: an `InteriorPoint`.
    - `adjoint`: `Implicit()` (default) or `OneStep()`.

    **Returns:** a layer: parameters' values ↦ (variables' values, `QPSolution`).

    **Raises:** `ValueError` if the problem is not DPP, has integer variables, needs another cone, or has other parameters;
    `ImportError` if CVXPY is missing.

    Reference: A. Agrawal et al., Differentiable convex optimization layers, NeurIPS 2019.
    """
    try:
        import cvxpy as cp
    except ImportError as error:
        raise ImportError('`from_cvxpy` needs CVXPY: pip install "simphys[cvxpy]".') from error
    if not problem.is_dcp(dpp=True):
        raise ValueError("`problem` must be convex and follow the rules of DPP (`problem.is_dcp(dpp=True)`).")
    if {p.id for p in problem.parameters()} != {p.id for p in parameters}:
        named = lambda ps: ", ".join(sorted(p.name() for p in ps)) or "none"
        raise ValueError(
            f"`parameters` must be all those of the problem ({named(problem.parameters())}), got {named(parameters)}."
        )
    for leaf in (*parameters, *variables, *problem.variables()):
        bad = [name for name in _RESHAPED if leaf.attributes[name] not in (False, None, [])]
        if bad:
            raise ValueError(f"`{leaf.name()}` is declared {bad[0]}: write that as a constraint, or leave it out.")
    data, _, _ = problem.get_problem_data(cp.CLARABEL)
    form = data[cp.settings.PARAM_PROB]
    size = form.x.size
    dims = form.cone_dims
    if dims.psd or dims.exp or dims.p3d or getattr(dims, "pnd", []):
        raise ValueError("Only linear, quadratic and second-order cone programs can be made layers.")
    missing = [v.name() for v in variables if v.id not in form.var_id_to_col]
    if missing:
        raise ValueError(f"`variables`: the problem has no {', '.join(missing)}.")
    return _layer(form, size, dims, parameters, variables, method, adjoint)


_RESHAPED = (
    "PSD",
    "NSD",
    "symmetric",
    "diag",
    "sparsity",
    "hermitian",
    "complex",
    "imag",
    "boolean",
    "integer",
    "bounds",
)


def _layer(form, size, dims, parameters, variables, method, adjoint):
    """Read off the affine maps; their columns are the parameters' entries in CVXPY's order, and a constant 1."""
    order = sorted(range(len(parameters)), key=lambda k: form.param_id_to_col[parameters[k].id])
    width = sum(p.size for p in parameters) + 1
    used = [c for p in (parameters[k] for k in order) for c in form.param_id_to_col[p.id] + np.arange(p.size)]
    columns = [*used, form.q.shape[1] - 1]
    pick = lambda matrix: sps.csc_array(matrix)[:, columns]
    rows = form.A.shape[0] // (size + 1)
    P = sps.csc_array((size * size, width)) if form.P is None else pick(form.P)
    second_order = tuple(int(k) for k in dims.soc)
    return CvxpyLayer(
        P=Affine.of(P),
        q=Affine.of(pick(form.q)),
        C=Affine.of(pick(form.A)),
        counts=(size, rows),
        cone=Cone(int(dims.nonneg), second_order),
        shapes=tuple(tuple(p.shape) for p in parameters),
        order=tuple(order),
        outputs=tuple((int(form.var_id_to_col[v.id]), tuple(v.shape)) for v in variables),
        method=InteriorPoint() if method is None else method,
        adjoint=Implicit() if adjoint is None else adjoint,
    )
