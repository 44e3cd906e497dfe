"""What is asked of a balance law that is led in time."""

from ._balance import AbstractBalance


def refuse_stepwise(problem: AbstractBalance, who: str):
    """Raise `ValueError` if a load has friction, or it or the law a memory: steps would all begin at the virgin body."""
    names = [type(load).__name__ for load in problem.loads if load.stepwise or load.remembers]
    names += [type(problem.material).__name__] if getattr(problem, "state", None) is not None else []
    if names:
        raise ValueError(
            f"{who} do not tell what has friction or a memory where a step begins, and this problem has "
            f"{', '.join(names)}: lead it by load increments with `physics.stepped`, or in time by `Newmark()`, "
            "`GeneralisedAlpha()` or `Equilibrium()`."
        )


def check_storage(problem: AbstractBalance):
    """Raise `ValueError` if a problem's storage is integrated so coarsely that its mass matrix may be singular."""
    term = problem.terms().stored
    if term is None:
        return
    stored = (f for f, slots in zip(term.fields, term.slots, strict=True) if slots != "gradient")
    needed = 2 * max((problem.spaces[f].degree for f in stored), default=0)
    if term.domain.degree < needed:
        raise ValueError(
            f"What a `{type(problem).__name__}` stores is integrated with degree {term.domain.degree}, but products of "
            f"values need {needed} for a definite mass matrix: `cells_of(space, degree=space.mass_degree)`."
        )
