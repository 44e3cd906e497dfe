"""What a function picks out of a tree, as places in it."""

from typing import Any

import jax

from ..._typing import Callable, PyTree
from ...materials import Constant


class Pick:
    """The parts of a tree that a function `where` picks, by their places: equal whichever function picked them.

    It is a static part of compiled programs, which a user's function, made anew each time its line runs, should not be.

    **Arguments:**

    - `where`: tree → a leaf, a module, or a list of these; of a curve that is constant its value is taken.
    - `tree`: any tree of the structure it is meant for.

    **Raises:** `ValueError` if something is picked that is no part of the tree.
    """

    def __init__(self, where: Callable[[PyTree], Any], tree: PyTree):
        leaves, self.structure = jax.tree.flatten(tree)
        marks = [_Mark(i) for i in range(len(leaves))]
        try:
            parts = parts_of(where, jax.tree.unflatten(self.structure, marks))
        except (TypeError, AttributeError, IndexError, KeyError) as error:
            raise ValueError(
                f"`where` must pick parts of the problem as they are, and compute nothing: {error}."
            ) from None
        flat = [jax.tree.flatten(part) for part in parts]
        if not all(isinstance(leaf, _Mark) for found, _ in flat for leaf in found):
            raise ValueError("`where` must pick parts of the problem as they are: arrays, fields or modules in it.")
        self.places = tuple(tuple(leaf.place for leaf in found) for found, _ in flat)
        self.structures = tuple(structure for _, structure in flat)

    def __call__(self, tree: PyTree) -> list:
        """Return the parts."""
        leaves = jax.tree.leaves(tree)
        found = zip(self.places, self.structures, strict=True)
        return [jax.tree.unflatten(structure, [leaves[i] for i in places]) for places, structure in found]

    def put(self, tree: PyTree, parts) -> PyTree:
        """Return the tree with other parts."""
        leaves, structure = jax.tree.flatten(tree)
        for places, part in zip(self.places, parts, strict=True):
            for place, leaf in zip(places, jax.tree.leaves(part), strict=True):
                leaves[place] = leaf
        return jax.tree.unflatten(structure, leaves)

    def __eq__(self, other):
        return isinstance(other, Pick) and (self.places, self.structures) == (other.places, other.structures)

    def __hash__(self):
        return hash(self.places)


class _Mark:
    def __init__(self, place: int):
        self.place = place


def parts_of(where: Callable, tree: PyTree) -> list:
    """Return what a function picks, as a list of arrays and modules; of a curve that is constant its value."""
    found = where(tree)
    found = list(found) if isinstance(found, tuple | list) else [found]
    return [part.value if isinstance(part, Constant) else part for part in found]
