"""A design judged as the body that will be made, on a mesh of its own."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from .._hidden import on_host
from .._told import shown
from .._typing import Callable
from ._body import Body, body_of
from ._filters import centres_of
from ._goal import AbstractBound, Volume
from ._layout import Layout
from ._mesh_errors import reached_by
from ._optimise import Design


@dataclasses.dataclass(frozen=True)
class OfBody:
    """A goal as the densities have it (`value`) and as the body has it (`of_body`)."""

    value: float
    of_body: float

    @property
    def change(self) -> float:
        """What the body has more, by the value."""
        return (self.of_body - self.value) / abs(self.value) if self.value else np.nan


@dataclasses.dataclass(frozen=True)
class Reanalysis:
    """What `reanalysed` finds.

    **Attributes:**

    - `body`: the `Body`.
    - `objective`, `constraints`: an `OfBody` each, of constraints the quantity that is bounded, by its name.
    """

    body: Body
    objective: OfBody
    constraints: dict[str, OfBody]

    def __repr__(self):
        return shown(self)

    def __str__(self):
        named = {"objective": self.objective} | self.constraints
        line = lambda name, one: f"{name}: {one.value:.6g} by density, {one.of_body:.6g} as a body ({one.change:+.2%})"
        return "\n".join([f"{self.body}", *(line(name, one) for name, one in named.items())])


@on_host("A reanalysis")
def reanalysed(
    found: Design, goals: Callable, *, threshold: float = 0.5, smooth: int = 10, strays: bool = False
) -> Reanalysis:
    r"""Cut the body out of a design, mesh it, and judge it anew: what the densities promised and the part does not hold.

    change = (q(body) − q(ρ)) / |q(ρ)|

    Grey cells, the steps of the mesh and pieces that hang by a thread are no longer in it; the mesh is another one, of
    triangles or tetrahedra, and its error is another one as well (take a degree above 1).

    **Arguments:**

    - `found`: what `optimise` returned.
    - `goals`: mesh → (objective, constraints), made for the body's mesh as they were for the design's, without `Robust`.
      Groups of the mesh have the names that they had.
    - `threshold`, `smooth`, `strays`: as of `body_of`.

    **Returns:** a `Reanalysis`.

    **Raises:** `ValueError` if nothing is full, or a solve on the body fails (such as of one that nothing holds any more).

    Reference: O. Sigmund, K. Maute, Struct. Multidisc. Optim. 48 (2013) 1031, section 4.
    """
    mesh = found.layout.mesh
    body = body_of(mesh, found.density, threshold, smooth=smooth, strays=strays)
    if body is None:
        raise ValueError(f"Nothing of the design is at least {threshold:g} full: there is no body.")
    objective, constraints = goals(body.mesh)
    layout = Layout(body.mesh)
    share = float(jnp.sum(layout.volumes)) / float(np.sum(centres_of(mesh)[1]))
    values = [found.objective, *found.constraints.values()]
    judged = []
    for number, (goal, value) in enumerate(zip((objective, *constraints), values, strict=True)):
        goal.check(layout)
        x = jnp.ones(layout.size, layout.volumes.dtype)
        reached = reached_by(goal, layout, x, goal.begin(), number > 0, f"{goal.name} of the body: ")
        judged.append(OfBody(value, reached * (share if _is_volume(goal) else 1.0)))
    return Reanalysis(body, judged[0], dict(zip(found.constraints, judged[1:], strict=True)))


def _is_volume(goal):
    return isinstance(goal.goal if isinstance(goal, AbstractBound) else goal, Volume)
