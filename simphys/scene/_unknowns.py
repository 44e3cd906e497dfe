"""`[fit.parameters]` as parameters, transforms and priors."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .. import fem, inverse
from ._blame import blame
from ._error import SceneError
from ._homogeneous_model import HomogeneousModel
from ._leaves import is_network, leaf_of
from ._model import FieldModel


def build_parameters(model) -> tuple[inverse.Parameter, ...]:
    """Return what a scene seeks; errors name file and key."""
    problem = model.material if isinstance(model, HomogeneousModel) else with_fields(model, model.problem())
    found = []
    for name, section in model.scene.data.fit.parameters.items():
        with blame(model.scene.file, f"fit.parameters.{name}"):
            found.append(_parameter(model, problem, name, section))
    return tuple(found)


def with_fields(model, problem):
    """Return the problem with a field in the place of each number that is sought as one."""
    for name, section in model.scene.data.fit.parameters.items():
        if section.field is None:
            continue
        with blame(model.scene.file, f"fit.parameters.{name}"):
            if not isinstance(model, FieldModel):
                raise SceneError("a `field` needs a body: [mesh].")
            where = leaf_of(model, section.key)
            value = where(problem)
            value = value if section.start is None else jnp.asarray(section.start, value.dtype)
            if section.key.endswith("thickness") and section.field.kind != "cell":
                raise SceneError('a thickness that varies is of kind = "cell".')
            wrap, count = (
                (fem.CellField, model.space.mesh.n_cells)
                if section.field.kind == "cell"
                else (fem.NodalField, model.space.n_nodes)
            )
            field = wrap(jnp.broadcast_to(value[None], (count, *value.shape)))
            problem = eqx.tree_at(where, problem, field)
    return problem


def build_priors(model) -> tuple[inverse.AbstractPrior, ...]:
    """Return the priors of a scene."""
    found = []
    for name, section in model.scene.data.fit.parameters.items():
        if section.prior is None:
            continue
        prior = section.prior
        if prior.type == "gaussian":
            found.append(inverse.Gaussian(name, prior.mean, prior.deviation))
        elif prior.type == "total_variation":
            found.append(inverse.TotalVariation(name, prior.weight, prior.smoothing))
        else:
            make = {"h1": inverse.H1, "matern": inverse.Matern}[prior.type]
            found.append(make(name, prior.deviation, prior.length, prior.mean))
    return tuple(found)


def _parameter(model, problem, name, section):
    where = leaf_of(model, section.key)
    if is_network(section.key):
        return _network(problem, name, section, where)
    start = None if section.start is None else jnp.asarray(section.start, dtype=float)
    parameter = inverse.Parameter(name, where, start, _transform(model, problem, where, section))
    leaf = where(problem)
    if section.field is None and start is not None and start.shape != leaf.shape:
        raise SceneError(f"`start` must have shape {leaf.shape}, as the entry itself, got {start.shape}.")
    inverse.Parametrisation([parameter], problem)
    return parameter


def _network(problem, name, section, where):
    """All weights of a network as one parameter."""
    if section.start is not None or section.field is not None or section.transform != "none":
        raise SceneError("weights start as the material has them, and take no `start`, `transform` or `field`.")
    if section.prior is None:
        raise SceneError(
            "weights need a `prior`, as no data tell all of them apart: "
            'prior = { type = "gaussian", mean = 0.0, deviation = 2.0 }.'
        )
    parameter = inverse.Parameter(name, where)
    inverse.Parametrisation([parameter], problem)
    return parameter


def _transform(model, problem, where, section):
    link = {
        "none": lambda: None,
        "log": inverse.Positive,
        "bounded": lambda: inverse.Bounded(*section.bounds),
        "ordered": inverse.Ordered,
        "simplex": inverse.Simplex,
    }[section.transform]()
    if section.field is None or section.field.kind in ("cell", "nodal"):
        return link
    if where(problem).values.ndim > 1:
        raise SceneError('a vector that varies is of kind = "nodal" or "cell".')
    nodes = np.asarray(model.space.nodes())
    if section.field.kind == "network":
        width, depth = section.field.width or 16, section.field.depth or 2
        key = jax.random.key(section.field.seed)
        network = eqx.nn.MLP(nodes.shape[1], "scalar", width, depth, jax.nn.tanh, key=key)
        return inverse.NeuralField(network, nodes, link)
    if math.prod(section.field.orders) > len(nodes):
        raise SceneError(
            f"`orders` give {math.prod(section.field.orders)} functions, more than there are nodes ({len(nodes)})."
        )
    return inverse.Basis(inverse.tensor_basis(nodes, section.field.orders, section.field.kind), link)
