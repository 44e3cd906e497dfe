"""Which method suits a fit."""

from typing import NamedTuple

from ._objective import Derivatives


METHODS = ("levenberg_marquardt", "newton_cg", "lbfgs", "adam")
MOST_SOLVES = 1500
MOST_DENSE = 4000


class Choice(NamedTuple):
    """A method, the derivatives it needs, and why it was taken."""

    method: str
    derivatives: Derivatives
    reason: str


def choose(method: str, p: int, n: int) -> Choice:
    """Choose by the numbers of parameters p and of data n; raise `ValueError` for a name that is not known.

    A dense Jacobian costs min(p, n) solves that share one factorisation and are done some at a time; a Gauss–Newton step
    by conjugate gradients some 20 to 200 times two solves, one after the other.
    """
    if method not in ("auto", *METHODS):
        raise ValueError(f"`method` must be one of {', '.join(map(repr, ('auto', *METHODS)))}, got {method!r}.")
    side = "tangents" if p <= n else "adjoints"
    count = f"{p} parameters, {n} data"
    rows = f"{min(p, n)} {side} that share a factor form the Jacobian"
    if method == "levenberg_marquardt":
        return Choice(method, side, f"asked for; {count}: {rows}")
    if method != "auto":
        return Choice(method, "products", f"asked for; {count}")
    if min(p, n) <= MOST_SOLVES and p <= MOST_DENSE:
        return Choice("levenberg_marquardt", side, f"{count}: {rows}")
    return Choice("newton_cg", "products", f"{count}: too many for a Jacobian, products with it are taken instead")
