"""`[oscillator]`, series of measurements and the networks that are trained on them."""

from typing import Annotated, ClassVar, Literal

import pydantic

from ._limits import Count, Depth, Seed, Substeps, Width
from ._section import Float, Name, Physics, Positive, Section


Range = Annotated[list[int], pydantic.Field(min_length=2, max_length=2)]


class Oscillator(Physics):
    """An oscillator m ÿ + d ẏ + (a + b y²) y = u + u₀ driven by a measured input u; in this order, offset u₀ last."""

    body: ClassVar[Literal["mesh", "grid", "none"]] = "none"
    mass: Positive
    """m, the mass. [mass] e.g. 0.5"""
    damping: Float = 0.0
    """d, the damping. [force time/length]"""
    stiffness: Float = 0.0
    """a, the linear stiffness. [force/length]"""
    cubic: Float = 0.0
    """b, the cubic stiffness. [force/length³]"""
    offset: Float = 0.0
    """u₀, a constant added to the input. [force]"""


class Record(Section):
    """A record of input and output: columns, samples per unit of time, and ranges of samples [begin, end).

    Every simulation begins at rest `warm_up` samples before what is compared, and knows nothing but the input.
    """

    type: Literal["record"]
    file: Name
    input: Name
    """Column of the input. e.g. 'u'"""
    output: Name
    """Column of the output. e.g. 'y'"""
    rate: Positive
    """Samples per unit of time. [1/time] e.g. 610.35"""
    train: Annotated[list[Range], pydantic.Field(min_length=1)]
    """Ranges of samples [begin, end) to fit to. [1] e.g. [[1000, 5000]]"""
    validation: Annotated[list[Range], pydantic.Field(min_length=1)]
    """Ranges of samples [begin, end) to judge by. [1] e.g. [[6000, 8000]]"""
    interpolation: Literal["hold", "linear", "cubic", "band_limited"] = "band_limited"
    """Of the input between its samples."""
    warm_up: Count = 256
    """Samples that every simulation runs for before it is compared. [1]"""
    window: Count = 1024
    """Samples that a simulation of the training compares; as many simulations as there is room for run side by side.
    [1]"""
    substeps: Substeps = 2
    """Steps of the simulation in a sample. [1]"""
    noise: Positive | None = None
    """Standard deviation of the output. [that of the output] e.g. 1e-3"""
    unit: str = ""
    """Of the output, for labels. e.g. 'V'"""

    @pydantic.model_validator(mode="after")
    def _ranges(self):
        for name in ("train", "validation"):
            for begin, end in getattr(self, name):
                if not self.warm_up <= begin < end:
                    raise ValueError(
                        f"`{name}`: ranges [begin, end) with begin at {self.warm_up} (`warm_up`) or more expected, "
                        f"got [{begin}, {end}]."
                    )
        if not any(end - begin >= self.window for begin, end in self.train):
            raise ValueError(f"`window` must fit into a range of `train`, got {self.window}.")
        return self


class Network(Section):
    """A network of tanh that is trained on the series, of state and input.

    `kind`: "correction" adds a force to the fitted oscillator, "replacement" is a neural differential equation of its own.
    """

    kind: Literal["correction", "replacement"]
    """"correction" adds a force to the fitted oscillator, "replacement" is a neural differential equation of its own."""
    width: Width = 8
    depth: Depth = 1
    """Number of hidden layers. [1]"""
    seed: Seed = 0
    windows: Count = 24
    """How many of the windows are used, evenly spread. [1]"""
    iterations: Count = 20
    """Steps of Levenberg and Marquardt's method at most. [1]"""
