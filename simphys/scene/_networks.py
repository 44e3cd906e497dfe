"""Networks of laws and curves, from the files of weights that a scene names."""

import pathlib

from .. import io, materials
from ._error import SceneError


def with_network(what: str, given: dict, folder: pathlib.Path) -> dict:
    """Return a law's arguments with `network` in place of `weights`; those of a law without a network as they are.

    The network has the size of the arrays in the file.

    **Raises:** `SceneError` where there is no file name; `ValueError` for a file that holds something else.
    """
    if what not in NETWORKS:
        return given
    given = dict(given)
    if "network" in given or not isinstance(given.get("weights"), str):
        raise SceneError(f'{what} needs `weights = "file.npz"`, the network\'s arrays as `io.save_weights` wrote them.')
    path = folder / given.pop("weights")
    biases, make = NETWORKS[what]
    shapes = [array.shape for name, array in io.read_weights(path).items() if name.startswith(biases)]
    width = shapes[0][0] if shapes and shapes[0] else 1
    return {**given, "network": io.load_weights(path, make(width=width, depth=max(len(shapes), 1)))}


NETWORKS = {
    "NeuralHyperelastic": ("bias[", lambda **size: materials.ConvexNetwork(2, 1, **size)),
    "NeuralCurve": ("biases[", lambda **size: materials.Perceptron(1, **size)),
}
"""For each law or curve with a network what its biases are called, and how one is made."""
