"""Abaqus input files: nodes, elements, node sets, element sets and surfaces of one body."""

import pathlib
import warnings

import numpy as np

from ._abaqus_body import belonging, dimension, faces_named
from ._abaqus_deck import Deck
from ._abaqus_lines import keywords
from ._abaqus_scope import Scope
from ._raw import Block, RawMesh


_GENERATED = ("NGEN", "NCOPY", "NFILL", "ELGEN", "ELCOPY", "SYSTEM", "PARAMETER", "NMAP")
_SEVERAL = "several parts or moved instances are not supported: write one flat part."


def read_abaqus(path: pathlib.Path, within: pathlib.Path | None = None) -> RawMesh:
    """Read an Abaqus input file.

    Element sets name elements, node sets and node surfaces name points, and surfaces of elements (faces S1, S2, …)
    name sides, each with the element that it belongs to. What the assembly (or a flat deck) defines has its plain name;
    what a part defines is `INSTANCE.NAME`, and also plain where the assembly has no such name. Shells, trusses,
    springs and reference points that are no part of the body are left out with a warning; other keywords are passed over.

    **Arguments:**

    - `path`: the file; files it includes are looked for beside it.
    - `within`: folder outside which no file is read; None for no such limit.

    **Returns:** a `RawMesh`.

    **Raises:** `ValueError` if the file has several parts or moved instances, generates nodes or elements, gives a number
    twice, has options that would change the meaning of its data, or refers to what it does not define.
    """
    return _assembled(path.name, Deck(*_scopes(path, within)))


def _scopes(path, within):
    """The assembly (what stands in no part), and each part under the name of its instance."""
    root, parts, instances = Scope(), {}, {}
    inside = root
    for keyword in keywords(path, within):
        name = keyword.options.get("NAME", "")
        if keyword.name in _GENERATED:
            raise ValueError(f"*{keyword.name} is not supported: write the nodes and elements out.")
        if keyword.name == "PART":
            if parts:
                raise ValueError(_SEVERAL)
            inside = parts[name.upper()] = Scope()
        elif keyword.name == "INSTANCE":
            if instances or any(keyword.numbers(keyword.entries())):
                raise ValueError(_SEVERAL)
            inside = parts.setdefault(keyword.options.get("PART", "").upper(), Scope())
            inside.name = name
            instances[name.upper()] = inside
        elif keyword.name in ("END PART", "END INSTANCE"):
            inside = root
        else:
            inside.read(keyword)
    return root, list(parts.values()), instances


def _assembled(file, deck):
    """The body of a deck: cells of the highest dimension, what lies on their sides, and sets of these."""
    kept = belonging(deck.blocks)
    lost = ~_used(deck.blocks, kept, len(deck.points)) & deck.excused(kept)
    renumber = np.where(lost, -1, np.cumsum(~lost) - 1)
    groups = _element_groups(deck, kept)
    blocks = [
        Block(block.kind, renumber[block.nodes[keep]], mine)
        for block, keep, mine in zip(deck.blocks, kept, groups, strict=True)
    ]
    there = lambda nodes: np.unique(renumber[nodes[~lost[nodes]]])
    point_sets = {name: there(nodes) for name, nodes in deck.named("NSET").items()}
    sides, empty = {}, []
    for name, sort, rows in deck.surfaces():
        if sort == "NODE":
            point_sets[name] = there(np.concatenate([deck.members("NSET", *row[:2]) for row in rows]))
            continue
        faces = faces_named(name, deck, rows) if sort == "ELEMENT" else None
        if faces is None:
            empty.append(name)
        else:
            sides[name] = faces._replace(vertices=np.where(faces.vertices < 0, -1, renumber[faces.vertices]))
    empty += [name for name in deck.named("ELSET") if not any(name in mine for mine in groups)]
    empty += [name for name, nodes in point_sets.items() if not len(nodes)]
    _say(file, deck, kept, int(lost.sum()), empty)
    return RawMesh("vtk", deck.points[~lost], blocks, point_sets, sides, False)


def _used(blocks, kept, n_points):
    used = np.zeros(n_points, dtype=bool)
    for block, keep in zip(blocks, kept, strict=True):
        used[block.nodes[keep]] = True
    return used


def _element_groups(deck, kept):
    """For each block its groups; a set that holds cells of the body holds nothing else."""
    top = max((dimension(block.kind) for block in deck.blocks), default=0)
    is_body = np.array([dimension(block.kind) == top for block in deck.blocks] + [False])
    row = [np.cumsum(keep) - 1 for keep in kept]
    groups = [{} for _ in deck.blocks]
    for name, members in deck.named("ELSET").items():
        where = deck.place[members]
        if np.any(is_body[where[:, 0]]):
            where = where[is_body[where[:, 0]]]
        for k in np.unique(where[where[:, 0] >= 0, 0]):
            mine = where[where[:, 0] == k, 1]
            mine = mine[kept[k][mine]]
            if len(mine):
                groups[k][name] = np.unique(row[k][mine])
    return groups


def _say(file, deck, kept, n_nodes, empty):
    """Warn of what is left out, by name."""
    counts = {}
    for block, keep in zip(deck.blocks, kept, strict=True):
        counts[block.name] = counts.get(block.name, 0) + int(np.sum(~keep))
    for name, count in deck.shapeless:
        counts[name] = counts.get(name, 0) + count
    elements = [f"{count} elements of type {name}" for name, count in counts.items() if count]
    nodes = [f"{n_nodes} nodes without a cell"] if n_nodes else []
    names = ["the sets and surfaces " + ", ".join(map(repr, dict.fromkeys(empty)))] if empty else []
    if elements or nodes or names:
        text = "; ".join([*elements, *nodes, *names])
        warnings.warn(f"{file}: left out, since they are no part of the body: {text}.", stacklevel=4)
