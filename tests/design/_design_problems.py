"""Small design problems that several tests share."""

import numpy as np

import simphys as sp
from simphys import design


def mbb(nx=60, ny=20, law=None):
    """Half of the MBB beam: unit cells, a unit load downwards at the upper left, a roller at the lower right."""
    mesh = sp.fem.rectangle((nx, ny), (float(nx), float(ny)))
    mesh = mesh.with_point_group("roller", lambda x: (x[0] > nx - 0.5) & (x[1] < 0.5))
    mesh = mesh.with_point_group("tip", lambda x: (x[0] < 0.5) & (x[1] > ny - 0.5))
    space = sp.fem.FunctionSpace(mesh, components=2)
    forces = np.zeros(space.shape)
    forces[space.nodes_on("tip"), 1] = -1.0
    law = sp.materials.PlaneStress(sp.materials.LinearElastic(E=1.0, nu=0.3)) if law is None else law
    held = [sp.fem.Dirichlet("left", 0.0, components=0), sp.fem.Dirichlet("roller", 0.0, components=1)]
    return sp.physics.Solid(space, law, held, [sp.physics.NodalForces(forces)])


def half_full(goal=None):
    """At most half of the volume."""
    return design.AtMost(design.Volume() if goal is None else goal, 0.5)
