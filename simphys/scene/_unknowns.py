"""`[fit.parameters]` as numbers, parameters, transforms and priors."""

import math

import equinox as eqx
import jax
import numpy as np

from .. import inverse
from .._typing import PyTree
from ._blame import blame
from ._error import SceneError
from ._numbers import Numbers, field_at, is_network, number_at, numbers_of


def sought(model) -> dict[str, PyTree]:
    """Return what a scene seeks, by key path: arrays, networks, and fields where a field is sought; each at its start."""
    found: dict[str, PyTree] = {}
    for name, section in model.scene.data.fit.parameters.items():
        with blame(model.scene.file, f"fit.parameters.{name}"):
            if section.key in found:
                raise SceneError(f"{section.key!r} is sought already.")
            if is_network(section.key):
                _check_network(section)
            numbers_of(model, {section.key: None})
            vector = section.field is None or isinstance(section.start, list)
            value = number_at(model, section.key, section.start if vector else None)
            if section.field is not None:
                start = value if vector or section.start is None else section.start + 0 * value
                value = field_at(model, section.field.kind, section.key, start)
            found[section.key] = value
    return found


def build_parameters(model, numbers: Numbers) -> tuple[inverse.Parameter, ...]:
    """Return what a scene seeks among some numbers; errors name file and key."""
    found = []
    for name, section in model.scene.data.fit.parameters.items():
        with blame(model.scene.file, f"fit.parameters.{name}"):
            parameter = inverse.Parameter(name, _At(section.key), None, _transform(model, numbers, section))
            inverse.Parametrisation([parameter], numbers)
            found.append(parameter)
    return tuple(found)


class _At:
    """Picks a number by its key path."""

    def __init__(self, key):
        self.key = key

    def __call__(self, numbers):
        return numbers.values[self.key]


def _check_network(section):
    if section.start is not None or section.field is not None or section.transform != "none":
        raise SceneError("weights start as the material has them, and take no `start`, `transform` or `field`.")
    if section.prior is None:
        raise SceneError(
            "weights need a `prior`, as no data tell all of them apart: "
            'prior = { type = "gaussian", mean = 0.0, deviation = 2.0 }.'
        )


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
            found.append(inverse.TotalVariation(name, prior.weight, prior.smoothing, model.space))
        else:
            make = {"h1": inverse.H1, "matern": inverse.Matern}[prior.type]
            found.append(make(name, prior.deviation, prior.length, prior.mean, model.space))
    return tuple(found)


def _transform(model, numbers, section):
    link = {
        "none": lambda: None,
        "log": inverse.Positive,
        "bounded": lambda: inverse.Bounded(*section.bounds),
        "ordered": inverse.Ordered,
        "simplex": inverse.Simplex,
    }[section.transform]()
    if section.field is None or section.field.kind in ("cell", "nodal"):
        return link
    if numbers.values[section.key].values.ndim > 1:
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
