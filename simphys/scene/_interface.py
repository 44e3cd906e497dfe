"""What `run`, `fit` and `check` know of a scene: its model, the way it goes, and what is told on it."""

import abc
import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import numpy as np

from .._typing import Array, PyTree
from ._load import Scene


class Table(NamedTuple):
    """Rows of text under a head, for the console."""

    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    caption: str = ""


class Fields(NamedTuple):
    """A solution to be written: its time or load factor, its problem, and further fields, name → (where, values)."""

    time: float
    problem: Any
    value: PyTree
    more: dict[str, tuple[str, Array]] = {}  # noqa: RUF012 (nobody changes it)


@dataclasses.dataclass(frozen=True)
class Told:
    """What is known since the last time; all of it may be lacking.

    **Attributes:**

    - `line`: for the console, in Rich's markup.
    - `content`: entries of result.json, in place of those of the same name.
    - `fields`: a solution, added to the series of them.
    - `files`: name → what writes the file; `pictures`: the same, listed in the result too.
    - `table`: for the console.
    - `stage`: what the time was spent on; `doing`: how far it is, shown until the next.
    - `final`: what was observed does not change any more, and may be shown.
    - `status`, `message`: how it ended; with a message, in which {out} is the folder for results, it failed.
    """

    line: str = ""
    content: dict[str, Any] = dataclasses.field(default_factory=dict)
    fields: Fields | None = None
    files: dict[str, Callable[[pathlib.Path], Any]] = dataclasses.field(default_factory=dict)
    pictures: dict[str, Callable[[pathlib.Path], Any]] = dataclasses.field(default_factory=dict)
    table: Table | None = None
    stage: str = "solve"
    doing: str = ""
    final: bool = False
    status: str = ""
    message: str = ""


class MeshErrors(NamedTuple):
    """How wrong is what was observed.

    **Attributes:**

    - `observables`: name → `error`, its sign included, and `corrected`; of marches also its parts, `mesh` and `step`.
    - `indicators`: each cell's part of the first one's error, (cell,), `first` its name; None where that is not known.
    - `remark`: why there are none, or what kind of elements they ask for, in words.
    """

    observables: dict[str, dict]
    indicators: np.ndarray | None = None
    first: str = ""
    remark: str = ""


class AbstractModel(abc.ABC):
    """What a scene describes: an object, and how it depends on the scene's numbers."""

    scene: Scene
    base: Any
    """The object with the numbers as the scene has them."""
    space: Any
    """The function space of its first field; None without a body."""

    def __eq__(self, other):
        """Whether two models make the same of the same numbers: what was compiled for one then serves the other."""
        if self is other:
            return True
        if type(self) is not type(other) or self.scene != other.scene:  # pyright: ignore[reportAttributeAccessIssue]
            return False
        # (Patterns of matrices have numbers of their own.)
        parts = lambda model: (model.space, eqx.filter(model.base, eqx.is_inexact_array))
        return bool(eqx.tree_equal(parts(self), parts(other)))

    def __hash__(self):
        return hash((type(self), self.scene.file))

    @property
    def head(self) -> str:
        """The table whose numbers are parameters."""
        return self.scene.data.head

    @abc.abstractmethod
    def made(self, values: dict[str, PyTree], base, factor=None) -> Any:
        """Return the object with new values, by key path, for numbers of the scene; `factor`: of loads that rise."""

    @property
    def sizes(self) -> dict[str, int]:
        """What it is as large as; nothing without a body."""
        return {}

    def coarser(self) -> tuple | None:
        """Return this grid's observations, read by cubics, and the experiment on every second plane; None without one."""
        return None

    @property
    @abc.abstractmethod
    def way(self) -> "AbstractWay":
        """How the object is led, and what is told of it."""


class AbstractWay(abc.ABC):
    """What is computed with the object of a model."""

    checked: ClassVar[str] = "what it computes"
    """Of what the derivatives are checked."""

    @abc.abstractmethod
    def run(self, checkpoint: Callable[[str], pathlib.Path], errors: Callable[[str], None] | None) -> Iterator[Told]:
        """Compute, and tell.

        **Arguments:**

        - `checkpoint`: gives the path of a file to go on from.
        - `errors`: told how far it is while the errors that mesh and steps make are looked for; None to leave them away.
        """

    def along(self, file: pathlib.Path, resume: bool) -> None:
        """Compute what another process tells of, where a mesh is divided.

        **Arguments:**

        - `file`: the checkpoint of that process.
        - `resume`: whether it goes on from there.
        """
        raise NotImplementedError("Only what is led on one mesh is divided.")

    @abc.abstractmethod
    def experiment(self, values: dict[str, PyTree]) -> Any:
        """Return the `inverse.AbstractExperiment` that `[fit]` describes, of numbers that are sought."""

    @abc.abstractmethod
    def square(self, numbers, step) -> Callable[[Any], Any]:
        """Return the test function of a check: numbers → mean square of what is computed, a smooth function."""

    def estimated(self, step, progress: Callable[[str], None]) -> MeshErrors:
        """Return the errors that mesh and steps make in what is observed, at a load step that was found, if any."""
        return MeshErrors({})

    def checkable(self) -> Any:
        """Return the load step whose solution is looked at closely in a check; None where there is none."""
        return None

    @abc.abstractmethod
    def fitted(self, calibration, found, progress) -> Iterator[Told]:
        """Tell what a fit found, beside its numbers; `progress` is told in a line what is being done."""
