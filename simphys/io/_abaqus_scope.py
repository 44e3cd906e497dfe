"""What one part, or the assembly, of an Abaqus deck defines, under its own numbers and names."""

import numpy as np

from ._abaqus_elements import element_table, kind_of
from ._abaqus_lines import Keyword


# Options that name or describe; any other one may change what data lines mean.
_KNOWN = {
    "NODE": {"NSET", "SYSTEM", "INPUT"},
    "ELEMENT": {"TYPE", "ELSET", "INPUT"},
    "NSET": {"NSET", "ELSET", "GENERATE", "INSTANCE", "INTERNAL", "UNSORTED"},
    "ELSET": {"ELSET", "GENERATE", "INSTANCE", "INTERNAL", "UNSORTED"},
    "SURFACE": {"NAME", "TYPE", "INTERNAL", "INSTANCE", "PROPERTY", "MAX RATIO", "REGION TYPE", "NO THICK"},
}


class Scope:
    """Nodes, elements, sets and surfaces of a part, or of the assembly (a flat deck is one assembly)."""

    def __init__(self):
        self.name = None  # of the instance, if it is one
        self.nodes = Numbered("node")
        self.elements = Numbered("element")
        self.blocks, self.shapeless = [], []
        self.sets = {"NSET": {}, "ELSET": {}}
        self.surfaces = {}

    def read(self, keyword: Keyword):
        """Take in a keyword; those that define no mesh are passed over."""
        reader = {
            "NODE": self._read_nodes,
            "ELEMENT": self._read_elements,
            "NSET": self._read_set,
            "ELSET": self._read_set,
            "SURFACE": self._read_surface,
        }.get(keyword.name)
        if reader is None:
            return
        if keyword.name.endswith("SET") and keyword.name not in keyword.options:
            raise ValueError("a set has no name.")
        unknown = sorted(set(keyword.options) - _KNOWN[keyword.name])
        if unknown:
            raise ValueError(f"*{keyword.name}: the option {unknown[0]} is not supported.")
        reader(keyword)

    def _read_nodes(self, keyword):
        rows = [row for row in keyword.rows() if any(row)]
        if any(len(row) > 7 for row in rows):
            raise ValueError("*NODE: rows of a number, three coordinates and a normal expected, got a longer one.")
        numbers = keyword.whole_numbers([row[0] for row in rows])
        points = np.array([keyword.numbers((*row[1:4], "", "", "")[:3]) for row in rows]).reshape(-1, 3)
        self.nodes.add(numbers, _cartesian(points, keyword.options.get("SYSTEM", "R").upper()))
        if "NSET" in keyword.options:
            self._define("NSET", keyword.options["NSET"], ("numbers", None, numbers))

    def _read_elements(self, keyword):
        name = keyword.options.get("TYPE", "")
        kind = kind_of(name)
        if kind is None:
            rows = [keyword.whole_numbers([entry for entry in row if entry]) for row in keyword.rows()]
            numbers = np.array([row[0] for row in rows], dtype=np.int64)
            self.elements.add(numbers, np.full((len(numbers), 2), -1))
            self.shapeless.append((name.upper(), len(rows), np.concatenate([row[1:] for row in rows])))
        else:
            table = element_table(name, kind, keyword.whole_numbers())
            numbers = table[:, 0]
            place = np.column_stack([np.full(len(table), len(self.blocks)), np.arange(len(table))])
            self.elements.add(numbers, place)
            self.blocks.append((name.upper(), kind, table[:, 1:]))
        if "ELSET" in keyword.options:
            self._define("ELSET", keyword.options["ELSET"], ("numbers", None, numbers))

    def _read_set(self, keyword):
        options = keyword.options
        if keyword.name == "NSET" and "ELSET" in options:
            entries = ("nodes of", options.get("INSTANCE"), [options["ELSET"], *keyword.entries()])
        elif "GENERATE" in options:
            rows = [keyword.whole_numbers([entry for entry in row if entry]).tolist() for row in keyword.rows()]
            for row in rows:
                if len(row) not in (2, 3) or (len(row) == 3 and row[2] < 1):
                    raise ValueError(
                        f"*{keyword.name}, GENERATE: first, last and a step of 1 or more expected, got {row}."
                    )
            entries = ("ranges", options.get("INSTANCE"), rows)
        else:
            entries = ("entries", options.get("INSTANCE"), keyword.entries())
        self._define(keyword.name, options[keyword.name], entries)

    def _read_surface(self, keyword):
        sort = keyword.options.get("TYPE", "ELEMENT").upper()
        name = keyword.options.get("NAME", "")
        rows = [row for row in keyword.rows() if any(row)]
        self.surfaces.setdefault(name.upper(), (name, []))[1].append((sort, keyword.options.get("INSTANCE"), rows))

    def _define(self, sort, name, entries):
        self.sets[sort].setdefault(name.upper(), (name, []))[1].append(entries)


class Numbered:
    """Rows under the numbers that a file gives them, each number once."""

    def __init__(self, what: str):
        self._what = what
        self._numbers, self._rows = [], []
        self._sorted = None

    def add(self, numbers: np.ndarray, rows: np.ndarray):
        """Append rows."""
        self._numbers.append(numbers)
        self._rows.append(rows)

    def __len__(self):
        return sum(len(numbers) for numbers in self._numbers)

    @property
    def rows(self) -> np.ndarray:
        """All rows, in the order of the file."""
        return np.concatenate(self._rows) if self._rows else np.zeros((0, 2), np.int64)

    @property
    def numbers(self) -> np.ndarray:
        """Their numbers."""
        return np.concatenate([np.zeros(0, np.int64), *self._numbers])

    def check(self):
        """Refuse a number that is given twice: it would stand for both in every set."""
        numbers, counts = np.unique(self.numbers, return_counts=True)
        if np.any(counts > 1):
            raise ValueError(f"{self._what} number {numbers[counts > 1][0]} is given {counts.max()} times.")

    def find(self, wanted: np.ndarray) -> np.ndarray:
        """Places of numbers among the rows, -1 for those that there are not."""
        if self._sorted is None:
            numbers = self.numbers
            self._sorted = np.argsort(numbers, kind="stable"), np.sort(numbers)
        order, numbers = self._sorted
        if not len(numbers):
            return np.full(np.shape(wanted), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
        return np.where(numbers[at] == wanted, order[at], -1)

    def within(self, first: int, last: int, step: int = 1) -> np.ndarray:
        """Places of those numbers first, first + step, … last that there are."""
        numbers = self.numbers
        return np.flatnonzero((numbers >= first) & (numbers <= last) & ((numbers - first) % step == 0))


def _cartesian(points, system):
    """Positions of nodes that are given as (r, θ in degrees, z) or as they are."""
    if system.startswith("C"):
        r, angle, z = points.T
        return np.column_stack([r * np.cos(np.deg2rad(angle)), r * np.sin(np.deg2rad(angle)), z])
    if not system.startswith("R"):
        raise ValueError(f"*NODE, SYSTEM={system}: R (Cartesian) or C (cylindrical) expected.")
    return points
