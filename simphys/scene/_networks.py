"""Networks of laws and curves: from the files of weights that a scene names, or new ones of a size that it states."""

import pathlib
from collections.abc import Callable

import equinox as eqx
import numpy as np
import pydantic

from .. import io, materials
from ._error import SceneError, listing
from ._limits import most


WEIGHTS = "weights"
"""The key that stands for a network."""
Find = Callable[[str], pathlib.Path]
"""Gives the path of a file that a scene names, see `Scene.path_of`."""
SIZES = ("width", "depth", "seed")


def with_network(what: str, given: dict, find: Find) -> dict:
    """Return a law's arguments with `network` in place of `weights`; those of a law without a network as they are.

    The network has the size of the arrays in the file, or that of the table; or is there already.

    **Raises:** `SceneError` where there is neither; `ValueError` for a file that holds something else.
    """
    if what not in NETWORKS:
        return given
    if "network" in given or not isinstance(given.get(WEIGHTS), str | dict | eqx.Module):
        raise SceneError(
            f'{what} needs `weights = "file.npz"`, the network\'s arrays as `io.save_weights` wrote them, or, to be '
            "fitted, `weights = { width = 4, depth = 1, seed = 0 }`."
        )
    others = {key: value for key, value in given.items() if key != WEIGHTS}
    return {**others, "network": _network(what, given[WEIGHTS], find)}


def network_at(table, source, find: Find) -> eqx.Module:
    """Return the network of a law or curve from the table that names it, and its entry `weights`."""
    named = {**vars(table), **(table.__pydantic_extra__ or {})} if isinstance(table, pydantic.BaseModel) else table
    return _network(named.get("law", named.get("curve")), source, find)


def _network(what, source, find):
    if isinstance(source, eqx.Module):
        return source
    biases, make = NETWORKS[what]
    if isinstance(source, dict):
        return make(**_size(source))
    path = find(source)
    stored = io.read_weights(path)
    shapes = [array.shape for name, array in stored.items() if name.startswith(biases)]
    size = dict(width=max(shapes[0][0], 1) if shapes and shapes[0] else 1, depth=max(len(shapes), 1))
    network = io.load_weights(path, make(**_size(size)))
    if not all(np.all(np.isfinite(array)) for array in stored.values()):
        raise SceneError(f"{path}: the weights of a network are finite numbers.")
    return network


def _size(table):
    wrong = [key for key, value in table.items() if key not in SIZES or type(value) is not int]
    if wrong:
        raise SceneError(f"`weights` of a new network takes the whole numbers {listing(SIZES)}, got {table}.")
    for key, value in table.items():
        if not (0 if key == "seed" else 1) <= value <= most(key):
            raise SceneError(f"`weights`: `{key}` up to {most(key)} expected, got {value}.")
    return table


NETWORKS = {
    "NeuralHyperelastic": ("bias[", lambda **size: materials.ConvexNetwork(2, 1, **size)),
    "NeuralCurve": ("biases[", lambda **size: materials.Perceptron(1, **size)),
}
"""For each law or curve with a network what its biases are called, and how one is made."""
