"""Fields of parameters: what an array means is its type, never its size."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .._check import parameter
from .._told import Told
from .._typing import Array, Float, PyTree


class AbstractField(Told):
    """A parameter that varies over the mesh; put one wherever a material or load takes a number."""

    values: eqx.AbstractVar[Array]


class CellField(AbstractField):
    """A parameter that is constant in each cell.

    **Arguments:**

    - `values`: shape (cell, …).
    """

    values: Float[Array, "cell ..."] = eqx.field(converter=parameter)


class NodalField(AbstractField):
    """A parameter given at the nodes of the function space, interpolated by its basis; at the mesh's nodes if it has none.

    **Arguments:**

    - `values`: shape (node, …).
    """

    values: Float[Array, "node ..."] = eqx.field(converter=parameter)


class QuadratureField(AbstractField):
    """A parameter given at every quadrature point of every cell.

    **Arguments:**

    - `values`: shape (cell, quad, …).
    """

    values: Float[Array, "cell quad ..."] = eqx.field(converter=parameter)


class DomainField(AbstractField):
    """A parameter given at every quadrature point of the cells or facets that an integral is over, in their order.

    **Arguments:**

    - `values`: shape (item, quad, …).
    """

    values: Float[Array, "item quad ..."] = eqx.field(converter=parameter)


def is_field(x) -> bool:
    """Tell whether x is a field wrapper."""
    return isinstance(x, AbstractField)


def varies_by_cell(parameters: PyTree) -> bool:
    """Whether a parameter has values of its own in each cell."""
    return any(isinstance(leaf, CellField | QuadratureField) for leaf in jax.tree.leaves(parameters, is_leaf=is_field))


def at_points(parameters: PyTree, take, cell_nodes, basis, n_nodes: int, n_cells: int, n_points: int):
    """Bring parameters to the quadrature points of some cells.

    **Arguments:**

    - `parameters`: pytree with field wrappers among its leaves.
    - `take`: selects the cells' rows from an array (cell, …).
    - `cell_nodes`: their nodes, shape (item, a).
    - `basis`: values N_a, shape (item or 1, q, a); floating leaves become of its type.

    **Returns:** the pytree with plain arrays in place of fields, and a list of the axes to map them over, first for
    items, then for points (None: the same everywhere).
    """

    def one(leaf):
        value, items, points = located(leaf)
        return value.astype(basis.dtype) if eqx.is_inexact_array(value) else value, items, points

    def located(leaf):
        if isinstance(leaf, CellField):
            check_size("CellField", leaf.values.shape[:1], (n_cells,))
            return take(leaf.values), 0, None
        if isinstance(leaf, NodalField):
            check_size("NodalField", leaf.values.shape[:1], (n_nodes,))
            local = leaf.values[cell_nodes]
            basis_ = jnp.broadcast_to(basis, (local.shape[0], *basis.shape[1:])).astype(local.dtype)
            return jnp.einsum("eqa,ea...->eq...", basis_, local), 0, 0
        if isinstance(leaf, QuadratureField):
            check_size("QuadratureField", leaf.values.shape[:2], (n_cells, n_points))
            return take(leaf.values), 0, 0
        if isinstance(leaf, DomainField):
            check_size("DomainField", leaf.values.shape[:2], (cell_nodes.shape[0], n_points))
            return leaf.values, 0, 0
        return leaf, None, None

    leaves, treedef = jax.tree.flatten(parameters, is_leaf=is_field)
    found = [one(leaf) for leaf in leaves]
    values, over_items, over_points = zip(*found, strict=True) if found else ((), (), ())
    build = lambda parts: jax.tree.unflatten(treedef, parts)
    return build(values), build(over_items), build(over_points)


def check_size(name, got, wanted):
    """Raise `ValueError` unless a field has these leading sizes."""
    if tuple(got) != tuple(wanted):
        raise ValueError(f"A `{name}` here needs leading shape {wanted}, got {tuple(got)}.")
