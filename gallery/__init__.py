"""Short examples: a problem, its equation, the code, a picture, and a number that is checked.

    python -m gallery            # run all, draw their pictures, write the page of the docs and the notebooks
    python -m gallery wall       # those that are named

Each file is a literate script in the percent format: it runs by itself, and opens as a notebook with jupytext.
"""

FAMILIES = {
    "Heat": ["warm_wall", "cooled_plate", "swinging_end", "freezing_wall", "heated_grid"],
    "Elasticity": [
        "cook_membrane", "elliptic_membrane", "thick_tube", "bimetal", "beam_frequencies", "incompressible_panel",
    ],
    "Large strains and contact": ["rubber_tube", "elastica", "hertz", "third_medium", "torn_beam"],
    "Laws with a memory": ["steel_cycle", "plastic_tube", "relaxation"],
    "Heat and deformation together": ["pulled_body_cools"],
    "Phases": ["travelling_front", "shrinking_grain"],
    "Flow": ["lid_driven_cavity", "natural_convection", "decaying_vortices"],
    "Conservation laws": ["shock_tube", "dam_break", "traffic"],
    "Your own equation, and elements": ["clamped_plate", "porous_flow", "cavity_resonances"],
    "Constraints": ["tied_halves"],
    "Paths": ["snap_through", "buckling", "bratu_fold"],
    "Can I trust it": ["goal_error", "adapted_corner"],
    "From data to parameters": ["noisy_rod", "biased_stiffness"],
    "Designs and shapes": ["mbb", "laminate", "shape_gradient"],
    "Layers and networks": ["simplex_projection", "equilibrium_network", "learned_reaction", "robertson"],
    "Batches and other packages": ["random_plates", "diffrax_split"],
}  # fmt: skip
"""Names of the examples, in the order of the page."""

NOTEBOOKS = (
    "warm_wall", "cook_membrane", "elliptic_membrane", "elastica", "steel_cycle", "travelling_front", "lid_driven_cavity",
    "shock_tube", "bratu_fold", "goal_error", "noisy_rod", "mbb", "equilibrium_network",
)  # fmt: skip
"""Those that are written out as notebooks, too."""
