"""Networks of laws and curves: from the files of weights that a scene names, or new ones of a size that it states."""

import pathlib
from collections.abc import Callable

import equinox as eqx
import numpy as np

from .. import io, materials
from ._error import SceneError, listing
from ._limits import most


WEIGHTS = "weights"
"""The key that stands for a network."""
SIZES = ("width", "depth", "seed")


def with_network(what: str, given: dict, find: Callable[[str], pathlib.Path]) -> dict:
    """Return a law's arguments with `network` in place of `weights`; those of a law without a network as they are.

    The network has the size of the arrays in the file, or that of the table; or is there already.

    **Raises:** `SceneError` where there is neither; `ValueError` for a file that holds something else.
    """
    if what not in NETWORKS:
        return given
    given = dict(given)
    if "network" in given or not isinstance(given.get(WEIGHTS), str | dict | eqx.Module):
        raise SceneError(
            f'{what} needs `weights = "file.npz"`, the network\'s arrays as `io.save_weights` wrote them, or, to be '
            "fitted, `weights = { width = 4, depth = 1, seed = 0 }`."
        )
    source = given.pop(WEIGHTS)
    biases, make = NETWORKS[what]
    if isinstance(source, eqx.Module):
        return {**given, "network": source}
    if isinstance(source, dict):
        return {**given, "network": make(**_size(source))}
    path = find(source)
    stored = io.read_weights(path)
    shapes = [array.shape for name, array in stored.items() if name.startswith(biases)]
    size = dict(width=max(shapes[0][0], 1) if shapes and shapes[0] else 1, depth=max(len(shapes), 1))
    network = io.load_weights(path, make(**_size(size)))
    if not all(np.all(np.isfinite(array)) for array in stored.values()):
        raise SceneError(f"{path}: the weights of a network are finite numbers.")
    return {**given, "network": network}


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
