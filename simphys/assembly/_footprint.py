"""What the layout of a matrix knows of the terms that it was made for."""

from typing import NamedTuple

from ._term import AbstractTerm


class Footprint(NamedTuple):
    """What of a term decides where the entries of its tangent go."""

    where: str
    fields: tuple[int, ...]
    shapes: tuple[tuple[int, int], ...]
    """For each piece and field the number of items (cells or facets), and of nodes that each has."""
    symmetric: bool
    name: str

    @staticmethod
    def of(term: AbstractTerm, spaces) -> "Footprint":
        """Take it from a term of today; needs shapes only, so that it works on traced problems."""
        shapes = tuple(nodes.shape for piece, own in term.pieces(spaces) for nodes in piece.unknowns(own))
        return Footprint(term.where, term.fields, shapes, term.symmetric, term.name)  # pyright: ignore

    def fits(self, layout: "Footprint", symmetric: bool) -> bool:
        """Whether a term can go where the layout has room for another; `symmetric`: the layout is of symmetric matrices."""
        same = (self.where, self.fields, self.shapes) == (layout.where, layout.fields, layout.shapes)
        return same and (self.symmetric or not symmetric)

    def __str__(self):
        kind = "" if self.symmetric else ", not symmetric"
        return f"`{self.name}` over {self.where} (field {', '.join(map(str, self.fields))}{kind})"


def footprints(terms, spaces) -> tuple[Footprint, ...]:
    """Return the footprints of the terms that move: those that have a tangent."""
    return tuple(Footprint.of(term, spaces) for term in terms if not term.constant)


def check_footprints(layout: tuple[Footprint, ...], terms, spaces, symmetric: bool):
    """Raise `ValueError`, naming a term, unless terms are those that a layout was made for, one by one.

    Terms are made anew from the problem's parts whenever they are needed, but the layout only once: parts that were
    replaced since may have given a problem other terms.
    """
    found = footprints(terms, spaces)
    for k in range(max(len(found), len(layout))):
        now = found[k] if k < len(found) else None
        then = layout[k] if k < len(layout) else None
        if now is None or then is None or not now.fits(then, symmetric):
            raise ValueError(
                f"Term {k + 1} of those with a tangent is {now or 'missing'}; the problem's matrix was laid out for "
                f"{then or 'no such term'}. Loads, laws or spaces that change which terms there are, or what is stored, "
                "need a new problem: build it with them instead of replacing parts of another."
            )
