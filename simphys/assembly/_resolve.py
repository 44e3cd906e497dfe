"""Who follows whom in the end, worked out on the host: the lift/reduce map from what each constraint states."""

import dataclasses
from typing import NamedTuple

import jax
import jax.core
import numpy as np
import scipy.sparse as sps
from scipy.sparse.csgraph import connected_components

from .._arrays import int32
from .._trees import any_traced
from ._constraint import AbstractConstraint, Followers
from ._reduction import Level, Reduction, Repeated


class Statements(NamedTuple):
    """One row for each thing that is said of a value: where its constant is, and who said it; entries: its leaders."""

    value: np.ndarray
    constant: np.ndarray
    maker: np.ndarray
    row: np.ndarray
    leader: np.ndarray
    share: np.ndarray

    def entries_of(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The entries of some rows: numbers among these rows, leaders, and which weights."""
        place = np.full(len(self.value), -1)
        place[rows] = np.arange(len(rows))
        own = np.flatnonzero(place[self.row] >= 0)
        return place[self.row[own]], self.leader[own], self.share[own]


class _Resolver:
    """Collects statements, and decides for each value which of them makes it."""

    def __init__(self, spaces, constraints):
        self.spaces, self.constraints = spaces, constraints
        self.offsets = tuple(np.cumsum([0, *(s.n_dofs for s in spaces)]).tolist())
        self.claimed = np.full(self.offsets[-1], -1)
        """The row that makes each value; −1 of free ones."""
        self.parts: list[Statements] = []
        self.again: list[np.ndarray] = [np.zeros(0, int)]
        """Rows of which something else makes the value."""
        self.rows, self.shares, self.constants = 0, 1, 1

    def hang(self) -> np.ndarray:
        """Nodes that hang between others come first: fields would gape otherwise. Returns their weights."""
        numerators = [np.zeros(0, int)]
        for f, space in enumerate(self.spaces):
            if space.hanging is None:
                continue
            own = space.hanging
            nodes, leaders, weights = (np.asarray(part) for part in (own.nodes, own.leaders, own.weights))
            count, each = space.components or 1, np.arange(space.components or 1)
            led = np.where(leaders[:, None] >= 0, leaders[:, None] * count + each[:, None], -1)
            values = (nodes[:, None] * count + each).ravel()
            shares = np.repeat(self.shares + np.arange(weights.size).reshape(weights.shape), count, axis=0)
            self.shares += weights.size
            numerators.append(weights.ravel())
            self._state(-1 - f, f, Followers(values, led.reshape(len(values), -1)), shares, values >= 0)
        self.hangs = self.claimed >= 0
        return np.concatenate(numerators)

    def constrain(self):
        """Take in what constraints state: given values first, of which the later ones hold; of others the first do."""
        self.kept, self.kinds = [], []
        for i in sorted(range(len(self.constraints)), key=lambda i: not self.constraints[i].prescribes):
            constraint = self.constraints[i]
            first, end = self.offsets[constraint.field : constraint.field + 2]
            followers = constraint.follow(self.spaces[constraint.field], self.claimed[first:end] >= 0)
            value, count = first + followers.values, len(followers.values)
            if constraint.prescribes:
                takes = ~self.hangs[value]
            else:
                takes = np.zeros(count, bool)
                takes[np.unique(value, return_index=True)[1]] = True
                takes &= self.claimed[value] < 0
            shares = np.zeros(followers.leaders.shape, int)
            if followers.weighted:
                shares += self.shares + np.arange(shares.size).reshape(shares.shape)
                self.shares += shares.size
            self._state(i, constraint.field, followers, shares, takes, self.constants)
            self.constants += count * followers.constant
            self.kept.append(tuple(map(int32, followers.kept)))
            self.kinds.append((i, count, followers.weighted, followers.constant))

    def _state(self, maker, field, followers, shares, takes, constants=0):
        first, n = self.offsets[field], len(followers.values)
        rows, value = self.rows + np.arange(n), first + followers.values
        row, column = np.nonzero(followers.leaders >= 0)
        constant = constants + np.arange(n) if followers.constant else np.zeros(n, int)
        leader = first + followers.leaders[row, column]
        self.parts.append(Statements(value, constant, np.full(n, maker), rows[row], leader, shares[row, column]))
        self.rows += n
        self.claimed[value[takes]] = rows[takes]
        self.again.append(rows[~takes])

    def title(self, maker: int) -> str:
        """What messages call who said something."""
        return "nodes that hang" if maker < 0 else self.constraints[maker].title

    def finish(self, hanging) -> Reduction:
        """Work out T and g, now that all is said."""
        parts = self.parts or [Statements(*(np.zeros(0, int) for _ in Statements._fields))]
        said = Statements(*map(np.concatenate, zip(*parts, strict=True)))
        self._open_circles(said)
        made = self.claimed >= 0
        own = np.flatnonzero(~made)
        table, given_by = _Table(len(made), own), np.zeros(len(made), int)
        given_by[made] = said.constant[self.claimed[made]]
        led = np.zeros(self.rows, bool)
        led[said.row] = True
        waiting = np.zeros(len(made), bool)
        waiting[made] = led[self.claimed[made]]
        loaded = (made & ~waiting) | (given_by > 0)
        levels = self._levels(said, table, waiting.copy(), loaded)
        sizes = tuple(int(np.sum(~made[a:b])) for a, b in zip(self.offsets, self.offsets[1:], strict=False))
        reduction = Reduction(
            *map(int32, table.split()), int32(own), tuple(self.kept), int32(hanging),
            int32(given_by) if loaded.any() else None, levels, None, self.offsets, sizes,
            tuple(map(jax.tree.structure, self.constraints)), tuple(self.kinds), table.total, not waiting.any(),
        )  # fmt: skip
        again = np.concatenate(self.again)
        given = np.array([False, *(c.prescribes for c in self.constraints)])[np.maximum(said.maker[again] + 1, 0)]
        _check_hanging(reduction, said.value[again[given]])
        return reduction if given.all() else self._checked(reduction, said, again[~given], loaded)

    def _levels(self, said, table, waiting, loaded):
        """Follow the leaders' leaders, level by level; marks in `loaded` what depends on constants."""
        levels = []
        while waiting.any():
            values = np.flatnonzero(waiting)
            row, leader, share = said.entries_of(self.claimed[values])
            blocked = np.zeros(len(values), bool)
            blocked[row[waiting[leader]]] = True
            now = ~blocked[row]
            row, leader, share = values[row[now]], leader[now], share[now]
            carried = loaded[leader]
            loaded[row[carried]] = True
            step = (*table.follow(row, leader, share), row[carried], share[carried], leader[carried])
            levels.append(Level(*map(int32, step)))
            waiting[values[~blocked]] = False
        return tuple(levels)

    def _open_circles(self, said):
        """Where values follow one another in a circle, what was said last only has to agree with the others."""
        while True:
            at, leader, _ = said.entries_of(self.claimed[follower := np.flatnonzero(self.claimed >= 0)])
            at = follower[at]
            graph = sps.csr_array((np.ones(len(at)), (at, leader)), shape=(len(self.claimed),) * 2)
            _, part = connected_components(graph, connection="strong")
            round_ = part[at] == part[leader]
            if not round_.any():
                return
            latest = np.full(len(part), -1)
            np.maximum.at(latest, part[at[round_]], self.claimed[at[round_]])
            latest = latest[latest >= 0]
            self.again.append(latest)
            self.claimed[said.value[latest]] = -1

    def _checked(self, reduction, said, again, loaded):
        """Return it with what is said twice of a value; `ValueError` where that cannot be, or is not, the same."""
        row, leader, share = said.entries_of(again)
        repeated = Repeated(*map(int32, (said.value[again], said.constant[again], row, share, leader)))
        self._check_dependence(reduction, said, again, repeated)
        matters = (said.constant[again] > 0) | loaded[said.value[again]]
        np.logical_or.at(matters, row, loaded[leader])
        if not matters.any():
            return reduction
        reduction = dataclasses.replace(reduction, repeated=repeated)
        if any_traced((self.spaces, self.constraints)):
            return reduction
        g, w = (of(self.spaces, self.constraints, float) for of in (reduction.given, reduction.stated_weights))
        bad = np.asarray(repeated.contradicted(g, w, reduction.all_constants(self.spaces, self.constraints, float)))
        if bad.any():
            raise ValueError(
                f"Values on the {self.title(said.maker[again[bad.argmax()]])} are decided by other conditions, and not "
                "as it says: leave one of these out, or let their values agree."
            )
        return reduction

    def _check_dependence(self, reduction, said, again, repeated):
        row, leader, share = (np.asarray(a) for a in (repeated.rows, repeated.leaders, repeated.shares))
        rows, columns, numbers = reduction.entries()
        stated, own = np.ones(self.shares), np.ones(reduction.total)
        if reduction.weighted or share.any():
            stated, own = self._numbers(reduction)
        shape = (len(self.claimed), reduction.size)
        T = sps.csr_array((own[numbers], (rows, columns)), shape=shape)
        says = sps.csr_array((stated[share], (row, leader)), shape=(len(again), shape[0]))
        apart = abs(T[said.value[again]] - says @ T).max(axis=1)
        bad = np.flatnonzero((apart.toarray() if sps.issparse(apart) else np.asarray(apart)).ravel() > 1e-6)
        if len(bad):
            title = self.title(said.maker[again[bad[0]]])
            if reduction.fixed()[said.value[again[bad]]].all():
                raise ValueError(
                    f"{len(bad)} values that follow others by the {title} are prescribed, those others not."
                )
            raise ValueError(
                f"{len(bad)} values on the {title} follow others than it says: two conditions contradict each other."
            )

    def _numbers(self, reduction):
        """Weights as stated and those of T; where they are not known, any numbers: only what is the same agrees then."""
        weighted = [self.constraints[i] for i, _, weighted, _ in self.kinds if weighted]
        if any_traced((weighted, [self.spaces[c.field] for c in weighted])):
            random = np.random.default_rng(0).normal
            return np.append(1, random(size=self.shares - 1)), np.append(1, random(size=reduction.total - 1))
        stated, weights = reduction.known_numbers(self.spaces, self.constraints)
        return stated, weights if reduction.weighted else np.ones(1)


class _Table:
    """T row by row: where each row starts among entries, how many it has, and of these the columns and weights' numbers."""

    def __init__(self, count, own):
        self.size, self.total = len(own), 1
        self.starts, self.counts = np.zeros(count, int), np.zeros(count, int)
        self.starts[own], self.counts[own] = np.arange(self.size), 1
        self.columns, self.numbers = np.arange(self.size), np.zeros(self.size, int)

    def follow(self, row, leader, share):
        """Add rows whose leaders' rows are there; return whose sums their weights are, (targets, factors, sources)."""
        _, which, count = np.unique(row, return_inverse=True, return_counts=True)
        same = (count[which] == 1) & (share == 0)
        self.starts[row[same]], self.counts[row[same]] = self.starts[leader[same]], self.counts[leader[same]]
        row, leader, share = row[~same], leader[~same], share[~same]
        entry, at = _ranges(self.starts[leader], self.counts[leader])
        keys, which = np.unique(row[entry] * self.size + self.columns[at], return_inverse=True)
        values, first, count = np.unique(keys // self.size, return_index=True, return_counts=True)
        self.starts[values], self.counts[values] = len(self.columns) + first, count
        made, sources = self.total + np.arange(len(keys)), self.numbers[at]
        self.columns, self.numbers = np.append(self.columns, keys % self.size), np.append(self.numbers, made)
        self.total += len(keys)
        return made[which], share[entry], sources

    def split(self):
        """Columns of the rows that are one entry 1 (else `size`), then rows, columns and weights' numbers of the others."""
        # (Of a body that is prescribed everywhere there are none.)
        numbers, columns = np.append(self.numbers, 0), np.append(self.columns, 0)
        alone = (self.counts == 1) & (numbers[self.starts] == 0)
        masters = np.where(alone, columns[self.starts], self.size)
        others = np.flatnonzero((self.counts > 0) & ~alone)
        entry, at = _ranges(self.starts[others], self.counts[others])
        return masters, others[entry], self.columns[at], self.numbers[at]


def _ranges(starts, counts):
    """Numbers of ranges, and all of their members: start, start + 1, …, one after the other."""
    which = np.repeat(np.arange(len(starts)), counts)
    return which, starts[which] + np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)


def _check_hanging(reduction, values):
    """A prescribed value on a node that hangs between others is what those say, if they are prescribed as well."""
    loose = ~reduction.fixed()[values]
    if loose.any():
        raise ValueError(
            f"{loose.sum()} values are prescribed on nodes that hang between others which are not: prescribe those, too."
        )


def build_reduction(spaces, constraints: tuple[AbstractConstraint, ...]) -> Reduction:
    """Work out T from resolved constraints; on the host, once per problem.

    **Raises:** `ValueError` if constraints contradict each other.
    """
    for constraint in constraints:
        if constraint.field not in range(len(spaces)):
            raise ValueError(f"`field` must lie in 0 … {len(spaces) - 1}, got {constraint.field}.")
    resolver = _Resolver(spaces, constraints)
    hanging = resolver.hang()
    resolver.constrain()
    return resolver.finish(hanging)
