"""Every way in which a solve can end, each with a name and a sentence."""

import optimistix as optx


class RESULTS(optx.RESULTS):  # pyright: ignore[reportGeneralTypeIssues]
    """Status of a solve or of a gradient; extends `optimistix.RESULTS`."""

    successful = ""
    diverged = "The residual grows without bound: the iteration diverged."
    line_search_failed = "No step along the Newton direction decreases the energy or the residual."
    stagnated = (
        "The residual stopped decreasing above its tolerance: rounding has been reached. Loosen `rtol`, or compute in "
        "float64."
    )
    lost_in_rounding = (
        "The solution is rounding of the numbers that the equation is made of: a law of finite strain sees positions, "
        "beside which these displacements are nothing. Compute in float64, or take a law of small strain."
    )
    parameters_inadmissible = (
        "A parameter lies outside the range in which its law means something (a stiffness or conductivity of 0 or less, a "
        "Poisson's ratio of 0.5 or more): the numbers of such a solution would be plausible, and wrong."
    )
    state_inadmissible = (
        "A density, depth or pressure became negative, or a number is none: a state that means nothing (a vacuum, a step "
        "that is too long, or a start that is wrong)."
    )
    inadmissible_guess = "The residual is not finite at the initial guess: it lies outside the feasible set."
    tangent_singular = (
        "The tangent is singular or not finite: a body that is not held, a limit point, a parameter without effect, or a "
        "sparsity pattern that misses entries, a claim of symmetry that is not true."
    )
    tangent_wrong = (
        "The Jacobian is not the derivative of the residual: gradients taken with it would be wrong (a matrix that misses "
        "a term, or a `jacobian` that is another function's)."
    )
    load_limit = "No equilibrium was found beyond the load factor reached; the last converged state is returned."
    step_too_small = "The step in time was cut back to nothing: the solution is not smooth there, or ends."
    step_too_long = (
        "The step is longer than an explicit method holds: `problem.longest_step(flow)` says what it may be."
    )
    steps_used_up = "The steps that were allowed did not lead to the end of the time span."
    contact_overflow = (
        "More pairs are in contact than there is room for, or nodes that are further apart than `travel` in the undeformed "
        "mesh: give the `Contact` more `pairs`, or a longer `travel`."
    )
    path_unfinished = "The steps that were allowed did not lead along the path to where it was to end."
    path_lost = (
        "The path could not be followed any further: steps were cut back to nothing (a tangent that is singular beyond "
        "limit points, a residual that is not smooth or has no solution there)."
    )
    not_a_root = "The gradient was asked for at a point that is not a root: the forward solve had not converged."
    unidentifiable = "The data do not determine every parameter: there is a direction along which nothing changes."
    fit_stalled = "The fit stopped before its gradient vanished: no step decreases the misfit any more."
    fit_unfinished = (
        "The iterations that were allowed ran out before the gradient of the misfit vanished; the best parameters so far "
        "are returned."
    )
    fit_interrupted = "The fit was interrupted; the best parameters so far are returned."
    eigenvalue_not_simple = (
        "The eigenvalue after the lowest ones that were asked for equals them: they have no gradient. Ask for more "
        "`modes`."
    )
    eigenvalues_not_found = "The eigenvalue solver did not find eigenvectors to its tolerance."
    design_unfinished = "The iterations that were allowed ran out while the design still changed."
    design_stalled = "The design keeps changing, but its objective does not improve any more; the best design is kept."
    design_infeasible = "The design does not satisfy every constraint."
    design_interrupted = "The optimisation was interrupted; the last design that was evaluated is kept."
    infeasible = "No point satisfies the constraints: multipliers that prove it are returned."
    unbounded = "The objective falls without end along a ray within the constraints; the ray is returned."
    not_finite = (
        "The data of the program are not finite: a NaN, or an infinite number that is no bound left open (+inf in `h`)."
    )
    not_convex = "The program is not convex: Q has a negative eigenvalue."
    not_a_minimum = (
        "The point is stationary but no strict minimum: a saddle, a maximum or a flat valley (the Hessian is not positive "
        "definite)."
    )
    adjoint_failed = "The tangent or adjoint system was not solved to its tolerance."
    nearly_singular = (
        "The Jacobian is so nearly singular that the root, and with it the gradient, is not determined by a residual of "
        "this size: a fold, a double root, or a forward tolerance that is too loose."
    )
    contraction_lost = (
        "The residual of the iteration does not decrease any more: the map contracts no longer (a spectral radius of 1 or "
        "more), or it has no fixed point."
    )


def name_of(result) -> str:
    """Return the name of a concrete status, "successful" or that of the failure."""
    return next(name for name, item in RESULTS._name_to_item.items() if bool(item == result))
