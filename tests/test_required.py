"""What a constructor cannot do without is refused by name where it is left to None."""

import pytest

from simphys import fem, materials, physics


LAW = materials.LinearElastic(E=1.0, nu=0.3)
WITHOUT = {
    "E": lambda: materials.LinearElastic(E=None, nu=0.3),
    "mu": lambda: materials.Ogden(mu=None, alpha=[1.0], kappa=1.0),
    "coefficients": lambda: materials.Polynomial(None),
    "expansion": lambda: materials.ThermalStrain(LAW, None, temperature=1.0),
    "value": lambda: physics.Traction("top", None),
    "values": lambda: physics.NodalForces(None),
    "ambient": lambda: physics.Convection("top", 1.0, None),
    "reach": lambda: physics.Obstacle("top", physics.Sphere((0.0, 0.0), 1.0), stiffness=1.0, reach=None),
    "centre": lambda: physics.Sphere(None, 1.0),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_nothing_is_no_value(name):
    with pytest.raises(ValueError, match=f"`{name}` of .* must be a number or a field, got None"):
        WITHOUT[name]()
    with pytest.raises(ValueError, match="`value` must be numbers or a function of positions, got None"):
        fem.Dirichlet("left", None)
    assert physics.Obstacle("top", physics.Sphere((0.0, 0.0), 1.0), stiffness=1.0, reach=1.0).friction is None
