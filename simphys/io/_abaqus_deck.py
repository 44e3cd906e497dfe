"""The names and numbers of an Abaqus deck, resolved: parts, instances and the assembly under one count."""

from typing import NamedTuple

import numpy as np

from ._abaqus_lines import is_number


class Elements(NamedTuple):
    """A block of elements: their type in the file, `kind` as in `tetra10`, and nodes counted through the deck."""

    name: str
    kind: str
    nodes: np.ndarray


class Deck:
    """What scopes define, nodes and elements counted through all of them.

    - `points`: positions, shape (node, 3).
    - `blocks`: `Elements`.
    - `place`: for each element its block and row there, −1 for one that has no shape.
    - `shapeless`: type and number of elements without a shape.
    """

    def __init__(self, root, parts, instances):
        self._root, self._scopes, self._instances = root, [root, *parts], instances
        self._start, self._found, self._open = {"NSET": {}, "ELSET": {}}, {}, []
        self.blocks, self.shapeless, places, n_nodes, n_elements = [], [], [], 0, 0
        for scope in self._scopes:
            scope.nodes.check()
            scope.elements.check()
            self._start["NSET"][scope], self._start["ELSET"][scope] = n_nodes, n_elements
            place = scope.elements.rows.copy()
            place[:, 0] += np.where(place[:, 0] >= 0, len(self.blocks), 0)
            places.append(place)
            n_nodes, n_elements = n_nodes + len(scope.nodes), n_elements + len(scope.elements)
            for name, kind, table in scope.blocks:
                self.blocks.append(Elements(name, kind, self._numbered("NSET", scope, table, "*ELEMENT")))
            self.shapeless += [(name, count) for name, count, _ in scope.shapeless]
        if not n_nodes or not self.blocks:
            raise ValueError("no nodes or no elements.")
        self.points = np.concatenate([scope.nodes.rows for scope in self._scopes if len(scope.nodes)])
        self.place = np.concatenate(places)

    def excused(self, kept) -> np.ndarray:
        """Nodes that no cell needs to use: reference points of an assembly, and ends of what is left out."""
        excused = np.zeros(len(self.points), dtype=bool)
        if len(self._scopes) > 1:
            excused[: len(self._root.nodes)] = True
        for block, keep in zip(self.blocks, kept, strict=True):
            excused[block.nodes[~keep]] = True
        for scope in self._scopes:
            for _, _, nodes in scope.shapeless:
                at = scope.nodes.find(nodes)
                excused[self._start["NSET"][scope] + at[at >= 0]] = True
        return excused

    def named(self, sort) -> dict[str, np.ndarray]:
        """All node sets (`NSET`) or element sets (`ELSET`) under the names that they get."""
        sets = {}
        for scope in self._scopes:
            for key, (shown, _) in scope.sets[sort].items():
                for name in self._names(scope, key, shown):
                    sets[name] = self.members(sort, scope, shown)
        return sets

    def surfaces(self):
        """Yield (name, type, rows) of each surface, a row being (scope, entry, further entries)."""
        for scope in self._scopes:
            for key, (shown, parts) in scope.surfaces.items():
                if len({sort for sort, _, _ in parts}) > 1:
                    raise ValueError(f"surface {shown!r} is given twice, with different types.")
                rows = [(self._instance(scope, of), *row) for _, of, rows in parts for row in rows]
                for name in self._names(scope, key, shown):
                    yield name, parts[0][0], rows

    def members(self, sort, scope, entry) -> np.ndarray:
        """Places of the nodes or elements that an entry of a set names: one by its number, or those of another set."""
        head, dot, tail = entry.partition(".")
        if scope is self._root and dot and head.upper() in self._instances and entry.upper() not in scope.sets[sort]:
            return self.members(sort, self._instances[head.upper()], tail)
        if is_number(entry):
            return self._numbered(sort, scope, np.array([int(entry)]), "a set or surface")
        key = (sort, scope, entry.upper())
        if key not in self._found:
            if entry.upper() not in scope.sets[sort]:
                known = ", ".join(repr(shown) for shown, _ in scope.sets[sort].values()) or "none"
                raise ValueError(f"{entry!r} is not an earlier {sort}; there are: {known}.")
            if key in self._open:
                raise ValueError(f"the set {entry!r} contains itself.")
            self._open.append(key)
            shown, parts = scope.sets[sort][entry.upper()]
            self._found[key] = np.unique(np.concatenate([self._part(sort, scope, shown, *part) for part in parts]))
            self._open.pop()
        return self._found[key]

    def _part(self, sort, scope, shown, how, instance, entries):
        """One definition of a set."""
        target = self._instance(scope, instance)
        where = f"{'node' if sort == 'NSET' else 'element'} set {shown!r}"
        nothing = np.zeros(0, dtype=np.int64)
        if how == "numbers":
            return self._numbered(sort, target, entries, where)
        if how == "ranges":
            rows = scope_rows(target, sort)
            return self._start[sort][target] + np.concatenate([nothing, *(rows.within(*row) for row in entries)])
        if how == "nodes of":
            elements = np.unique(np.concatenate([self.members("ELSET", target, entry) for entry in entries]))
            place = self.place[elements]
            found = [self.blocks[k].nodes[place[place[:, 0] == k, 1]].ravel() for k in np.unique(place[:, 0]) if k >= 0]
            return np.concatenate([nothing, *found])
        numbers = np.array([int(entry) for entry in entries if is_number(entry)], dtype=np.int64)
        names = [self.members(sort, target, entry) for entry in entries if not is_number(entry)]
        return np.concatenate([self._numbered(sort, target, numbers, where), *names])

    def _instance(self, scope, name):
        if name is None:
            return scope
        if name.upper() not in self._instances:
            raise ValueError(f"there is no instance {name!r}.")
        return self._instances[name.upper()]

    def _numbered(self, sort, scope, numbers, where):
        at = scope_rows(scope, sort).find(numbers)
        if np.any(at < 0):
            what = "node" if sort == "NSET" else "element"
            raise ValueError(f"{where} names {what} {numbers[at < 0].ravel()[0]}, which does not exist.")
        return self._start[sort][scope] + at

    def _names(self, scope, key, shown):
        """A name of the assembly is plain; one of a part belongs to its instance, and is plain only where that is free."""
        if scope is self._root or scope.name is None:
            return (shown,)
        taken = any(key in names for names in (*self._root.sets.values(), self._root.surfaces))
        return (f"{scope.name}.{shown}",) if taken else (f"{scope.name}.{shown}", shown)


def scope_rows(scope, sort):
    """The nodes or elements of a scope."""
    return scope.nodes if sort == "NSET" else scope.elements
