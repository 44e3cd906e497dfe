"""Strains that a body has of its own: `thermal` and `eigenstrain` of a solid's material."""

import jax.numpy as jnp
import numpy as np
from scipy.spatial import cKDTree

from .. import fem, io, materials
from .._typing import PyTree
from ._error import SceneError
from ._strain_section import GivenField


STRAINS = ("thermal", "eigenstrain")


def strained(law, section, find, space: fem.FunctionSpace | None):
    """Return a law with the strains that its section gives it; numbers may be traced.

    **Arguments:**

    - `find`: gives the paths of files.
    - `space`: of the displacement; None where there is no body.
    """
    if section.thermal is not None:
        thermal = section.thermal
        temperature = _field(thermal.temperature, find, space)
        law = materials.ThermalStrain(law, thermal.expansion, temperature=temperature, reference=thermal.reference)
    if section.eigenstrain is not None:
        law = materials.Eigenstrain(law, section.eigenstrain.strain)
    return law


def strain_of(law, name: str) -> PyTree:
    """Return the law within a law that has the strain of this name; None if there is none."""
    while isinstance(law, materials.AbstractEigenstrain):
        if (law.temperature is not None) == (name == "thermal"):
            return law
        law = law.material
    return None


def inner_law(law):
    """Return the law within a plane one."""
    plane = (
        materials.AbstractFiniteStrain,
        materials.AbstractSmallStrain,
        materials.AbstractHistory,
        materials.Axisymmetric,
    )
    return law.material if isinstance(law, plane) and law.dimension == 2 else law


def _field(given, find, space):
    if not isinstance(given, GivenField):
        return given
    if space is None:
        raise SceneError("`temperature` of the nodes needs a body: [mesh].")
    if given.file is not None:
        return fem.NodalField(_column(io.read_table(find(given.file)), given, np.asarray(space.nodes())))
    values = jnp.full(space.n_nodes, given.value)
    for name, value in given.groups.items():
        values = values.at[space.nodes_on(name)].set(value)
    return fem.NodalField(values)


def _column(table, given, nodes):
    places = np.stack([table[axis] for axis in "xyz"[: nodes.shape[1]]], axis=1)
    distance, row = cKDTree(places).query(nodes)
    size = np.linalg.norm(np.ptp(nodes, axis=0))
    missing = np.flatnonzero(distance > 1e-6 * size)
    if missing.size:
        raise SceneError(
            f"{given.file!r} has no row for {missing.size} of {len(nodes)} nodes, the first at {nodes[missing[0]]}."
        )
    return table[given.column][row]
