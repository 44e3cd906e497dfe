"""A body that touches itself in space."""

import numpy as np
import pytest

import simphys as sp
from simphys import fem, materials, physics
from simphys.physics import Contact, contact


@pytest.mark.slow
def test_a_c_in_space_closes_as_one_in_the_plane():
    """Held in its plane, .2 wide: the force is .2 of that of the plane's C on the same cells, .0030056, to .5 %."""
    whole = fem.box((11, 1, 10), (1.1, 0.2, 0.5))
    middle = np.asarray(whole.points)[np.asarray(whole.cells)].mean(axis=1)
    kept = ~((middle[:, 0] > 0.1) & (np.abs(middle[:, 2] - 0.25) < 0.15))
    used, cells = np.unique(np.asarray(whole.cells)[kept], return_inverse=True)
    mesh = fem.Mesh(np.asarray(whole.points)[used], cells.reshape(-1, 8), "hexahedron")
    mesh = mesh.with_facet_group("left", lambda x: x[0] < 1e-9).with_facet_group("skin", lambda x: x[0] > -1)
    mesh = mesh.with_point_group("pulled", lambda x: (np.abs(x[0] - 1.0) < 1e-9) & (x[2] > 0.5 - 1e-9))
    mesh = mesh.with_point_group("every", lambda x: x[0] > -1)
    ends = [
        fem.Dirichlet("every", (None, 0.0, None)),
        fem.Dirichlet("left", 0.0),
        fem.Dirichlet("pulled", (None, None, -0.4)),
    ]
    touch = Contact("skin", stiffness=1.0, reach=0.01, travel=0.6)
    law = materials.NeoHooke.from_young(E=10.0, nu=0.3)
    body = physics.Solid(fem.FunctionSpace(mesh, 1, 3), law, ends, touch)
    solution = sp.solve(body)
    value, touching = solution.value, solution.certificate.touching
    assert float(body.resultant(value, "pulled")[2]) == pytest.approx(-0.2 * 0.0030056, rel=5e-3)
    assert 0 < float(touching.smallest) < 0.01 and int(touching.pairs) > 2
    lower = np.asarray(body.space.nodes())[:, 2] < 0.101
    assert np.asarray(value)[lower, 2].min() < -0.15
    np.testing.assert_allclose(contact(body, value).force, 0.0, atol=1e-15)
