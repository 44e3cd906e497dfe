"""What laws say is read off their solutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simphys import fem, materials, physics


def test_fields_of_an_equation_of_one_s_own():
    mesh = fem.rectangle((2, 1))
    high, low = fem.FunctionSpace(mesh, 2, 2), fem.FunctionSpace(mesh, 1)
    both = fem.Weak(lambda u, at, p: ((u[0].value, None), (u[1].value, None)), None)
    pair = physics.Balance((high, low), [both])
    found = pair.quantities()
    assert [(q.name, q.where, q.shown) for q in found] == [("field_1", "node", True), ("field_2", "node", True)]
    value = high.interpolate(lambda x: x), low.interpolate(lambda x: 1 + x[0])
    np.testing.assert_allclose(found[0].values(pair, value), high.nodes(), atol=1e-15)
    np.testing.assert_allclose(found[1].values(pair, value), 1 + high.nodes()[:, 0], atol=1e-14)
    one = physics.Balance(low, [fem.Energy(lambda u, at, p: u.value**2, None)])
    assert [q.name for q in one.quantities()] == ["field"]


def test_forces_on_groups_of_points_are_read_within_programs():
    """Of points and of facets, on linear and quadratic spaces, as outside of them."""
    mesh = fem.rectangle((2, 1)).with_point_group("corner", lambda x: x[0] + x[1] > 1.99)
    law = materials.PlaneStress(materials.LinearElastic(E=1.0, nu=0.3))
    for degree in (1, 2):
        space = fem.FunctionSpace(mesh, degree, 2)
        body = physics.Solid(space, law, [fem.Dirichlet("left", 0.0)])
        value = space.interpolate(lambda x: x**2)
        for name in ("corner", "right"):
            within = jax.jit(lambda body, value, name=name: body.resultant(value, name))(body, value)
            np.testing.assert_allclose(within, body.resultant(value, name), atol=1e-14)
            assert abs(within[0]) > 0.01
    with pytest.raises(ValueError, match="No point, facet or cell group 'corners'; there are 'corner'"):
        jax.jit(lambda body, value: body.resultant(value, "corners"))(body, value)


@pytest.mark.slow
def test_fields_without_nodes_are_told_at_those_that_are_shown():
    """A flux on Raviart–Thomas elements and a potential that is constant in each cell."""
    mesh = fem.rectangle((2, 1), cell_type="triangle")
    flux, level = fem.FunctionSpace(mesh, ("RT", 1)), fem.FunctionSpace(mesh, 0, continuous=False)
    both = fem.Weak(lambda u, at, p: ((u[0].value, None), (u[1].value, None)), None)
    pair = physics.Balance((flux, level), [both])
    value = flux.interpolate(lambda x: jnp.stack([x[0], x[1]])), level.interpolate(lambda x: x[0])
    found = pair.quantities()
    assert [q.where for q in found] == ["node", "node"]
    nodes = np.asarray(pair.shown_space.nodes())
    np.testing.assert_allclose(found[0].values(pair, value), nodes, atol=1e-14)
    middle = nodes.reshape(-1, 3, 2).mean(axis=1)
    np.testing.assert_allclose(found[1].values(pair, value).reshape(-1, 3), middle[:, :1] * np.ones(3), atol=1e-14)


@pytest.mark.slow
def test_stress_of_plane_bodies_is_that_in_space():
    """Of a sheet pulled along x: plane stress has the principal stress σ, plane strain a stress ν σ out of plane."""
    space = fem.FunctionSpace(fem.rectangle((1, 1)), 1, 2)
    law, sigma = materials.LinearElastic(E=100.0, nu=0.3), {}
    for plane, e in ((materials.PlaneStress, 1.0), (materials.PlaneStrain, 1 - 0.3**2)):
        solid = physics.Solid(
            space, plane(law), [fem.Dirichlet("left", [0.0, None]), fem.Dirichlet("bottom", [None, 0.0])]
        )
        across = -0.3 if plane is materials.PlaneStress else -0.3 * 1.3
        u = space.interpolate(lambda x, e=e, a=across: 0.01 * jnp.stack([e * x[0], a * x[1]]))
        read = {q.name: q.values(solid, u) for q in solid.quantities()}
        sigma[plane] = [float(read[name][0]) for name in ("von_mises", "principal_stress", "energy_density")]
    np.testing.assert_allclose(sigma[materials.PlaneStress], [1.0, 1.0, 0.005], rtol=1e-12)
    s = np.array([1.0, 0.0, 0.3])
    mises = np.sqrt(1.5 * np.sum((s - s.mean()) ** 2))
    np.testing.assert_allclose(sigma[materials.PlaneStrain], [mises, 1.0, 0.00455], rtol=1e-12)


@pytest.mark.slow
def test_a_mixed_body_that_yields():
    """Hydrostatic and shear parts of J2's stress in a mixed body: below the yield stress they are Hooke's."""
    pair = fem.taylor_hood(fem.rectangle((1, 1), cell_type="triangle"))
    law = materials.PlaneStrain(materials.J2Plasticity(E=100.0, nu=0.3, yield_stress=50.0, hardening=1.0))
    held = [fem.Dirichlet("left", 0.0)]
    solid = physics.MixedSolid(pair, law, held)
    u, E, nu = 1e-3, 100.0, 0.3
    x = pair[0].interpolate(lambda x: jnp.stack([u * x[0], 0 * x[1]]))
    bulk, shear = E / 3 / (1 - 2 * nu), E / 2 / (1 + nu)
    p = jnp.full(pair[1].n_nodes, -bulk * u)
    read = {q.name: q for q in solid.quantities()}
    largest = read["principal_stress"].values(solid, (x, p))
    np.testing.assert_allclose(largest, (bulk + 4 / 3 * shear) * u, rtol=1e-12)
    np.testing.assert_allclose(read["pressure"].values(solid, (x, p)), -bulk * u, rtol=1e-12)
