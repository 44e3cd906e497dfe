"""Two boundaries whose meshes do not match, joined in the mean: mortar ties."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.core
import numpy as np

from ..assembly import AbstractConstraint, Followers
from ._tied_pieces import Pieces, flats_of, pieces_of
from ._tied_sides import Side
from ._tied_weights import Matrices, padded


FINE, COARSE = 2.0**56, 2.0**26


class Tie(AbstractConstraint):
    r"""A boundary that is glued to another one whose nodes are elsewhere.

    ∫ ψ (u_s − u_p) dA = 0 for all ψ on the secondary side:   u_s = D⁻¹ M u_p

    ψ are dual functions, so that each node follows few others; of quadratic and cubic elements in 2-D the elements' own.
    Integrals are taken piece by piece, of facets of one side clipped by those of the other: a state of constant stress
    passes flat sides exactly. Curved ones whose facets stand apart are joined by what cells hold where the others' facets
    are. Where nodes of the secondary side follow something else already, as at its rim, ψ is made of the others.

    **Arguments:**

    - `secondary`: name of the facet group whose values follow; the finer side, for accuracy. All of it must touch.
    - `primary`: name of the one that leads.
    - `field`: which field of a mixed space.
    - `tolerance`: how far sides may be apart or inside each other, relative to the larger of two facets.

    Weights are those of the mesh as the problem is made: they do not follow nodes that move later.

    **Raises:** `ValueError` with the space, for groups that do not exist, do not touch or touch in part, and elements other
    than Lagrange's of degree 1 to 3; with the problem, where all values of the secondary side are
    prescribed.

    Reference: B. I. Wohlmuth, SIAM J. Numer. Anal. 38 (2000) 989; M. A. Puso, Int. J. Numer. Methods Eng. 59 (2004) 315;
    A. Popp et al., SIAM J. Sci. Comput. 34 (2012) B421 (quadratic facets).
    """

    secondary: str = eqx.field(static=True)
    primary: str = eqx.field(static=True)
    field: int = eqx.field(static=True)
    tolerance: float = eqx.field(static=True)
    prescribes: ClassVar[bool] = False

    def __init__(self, secondary, primary, *, field=0, tolerance=0.05):
        if secondary == primary:
            raise ValueError(f"`secondary` and `primary` must be two groups, got {secondary!r} twice.")
        if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 < tolerance <= 0.5:
            raise ValueError(f"`tolerance` must be a number between 0 and 0.5, got {tolerance!r}.")
        self.secondary, self.primary, self.field, self.tolerance = secondary, primary, field, float(tolerance)

    @property
    def title(self):
        """What messages call it."""
        return f"tie of {self.secondary!r} to {self.primary!r}"

    def resolved(self, space):
        """Check that the groups exist and touch."""
        dim = space.mesh.dim
        if dim == 1 or space.lagrange is None:
            raise ValueError(
                f"The {self.title} needs Lagrange elements of degree 1 to 3 in 2-D or 3-D, got {space.name} in {dim}-D."
            )
        if isinstance(space.mesh.points, jax.core.Tracer):
            raise ValueError(
                f"The {self.title} needs a concrete mesh when the problem is made: not in `jit` or `grad`."
            )
        if common := set(space.nodes_on(self.secondary).tolist()) & set(space.nodes_on(self.primary).tolist()):
            raise ValueError(f"The groups of the {self.title} have {len(common)} nodes in common: one must do.")
        sides = [Side(space, name) for name in (self.secondary, self.primary)]
        flats = [flats_of(side) for side in sides]
        _near(self, flats, pieces_of(*sides, *flats, 1, more=False))
        return self

    def unloaded(self) -> "Tie":
        """The same condition: it carries no load."""
        return self

    def follow(self, space, held):
        """Values of the secondary side follow those of the primary one near them, and their own ones that are held."""
        count, matrices = space.components or 1, self._joined(space)
        held = held.reshape(-1, count)
        self._check_held(space, held)
        parts, own = [], held[matrices.nodes[0]]
        for c in range(count):
            nodes, leaders, weights = matrices.followers(own[:, c], ~own.any(axis=1))
            led, weights = padded(weights, leaders * count + c)
            parts.append((nodes * count + c, led, weights))
        width = max(led.shape[1] for _, led, _ in parts)
        pad = lambda a, fill: np.pad(a, ((0, 0), (0, width - a.shape[1])), constant_values=fill)
        leaders = np.concatenate([pad(led, -1) for _, led, _ in parts])
        weights = np.concatenate([pad(w, 0.0) for _, _, w in parts])
        # In two whole numbers each: these are no parameters.
        coarse = np.round(weights * COARSE)
        kept = coarse, np.round((weights - coarse / COARSE) * FINE)
        return Followers(np.concatenate([values for values, _, _ in parts]), leaders, kept, weighted=True)

    def shares(self, space, coarse, fine):
        """The weights."""
        dtype = space.mesh.points.dtype
        return coarse.astype(dtype) / COARSE + fine.astype(dtype) / FINE

    def _check_held(self, space, held):
        own, other = (held[space.nodes_on(name)].all(axis=0) for name in (self.secondary, self.primary))
        if own.all() or (own & ~other).any():
            lost = ", ".join(map(str, np.flatnonzero(own if own.all() else own & ~other)))
            both = "both sides are" if (own & other).any() else f"all of {self.secondary!r} is"
            raise ValueError(
                f"The {self.title} would hold nothing: {both} prescribed or follow{'' if both[0] == 'b' else 's'} other "
                f"conditions (component {lost}). Leave these out on one side, or the tie."
            )

    def _joined(self, space):
        """D and M; `ValueError` where sides do not touch."""
        sides = [Side(space, name) for name in (self.secondary, self.primary)]
        flats = [flats_of(side) for side in sides]
        pieces = _near(self, flats, pieces_of(*sides, *flats, 2 * space.degree + 1))
        facets = flats[0].facet[pieces.own], flats[1].facet[pieces.other]
        return Matrices(*sides, *facets, pieces, space.mesh.dim == 3 or space.degree == 1)


def _near(tie, flats, pieces):
    """The pieces of facets that touch; `ValueError` where these leave some of the secondary side uncovered."""
    size = [np.ptp(side.corners, axis=1).max(axis=1) for side in flats]
    allowed = tie.tolerance * np.maximum(size[0][pieces.own], size[1][pieces.other])
    touches = np.abs(pieces.gap) <= allowed
    near = Pieces(*(part[touches] for part in pieces))
    count = len(size[0])
    whole = flats[0].areas()
    share = np.bincount(near.own, near.area, count) / whole
    if (bad := share < 1 - 2 * tie.tolerance).any():
        far = pieces.gap[~touches & bad[pieces.own]]
        facets, total = (len(np.unique(flats[0].facet[which])) for which in (bad, slice(None)))
        if not len(far):
            what = f"are covered by it in part only or not at all (the least to {max(share.min(), 0):.0%})"
        elif (worst := far[np.argmax(np.abs(far))]) < 0:
            what = f"reach up to {-worst:.2e} into the other body"
        else:
            what = f"are up to {worst:.2e} away"
        raise ValueError(
            f"The sides of the {tie.title} do not touch: {facets} of {total} facets of {tie.secondary!r} {what}. Name only "
            f"those that do, the longer side as `primary`, or give a larger `tolerance` than {tie.tolerance:g} of a facet."
        )
    if (bad := share > 1 + 2 * tie.tolerance).any():
        raise ValueError(
            f"The primary side of the {tie.title} lies over itself: {bad.sum()} facets of {tie.secondary!r} touch it twice."
        )
    return near
