"""Constants that are no numbers are named where they are given."""

import pytest

import simphys as sp


@pytest.mark.parametrize("make, text", [
    (lambda: sp.materials.LinearElastic(E="2e5", nu=0.3), "`E` must be numbers, got '2e5'"),
    (lambda: sp.materials.LinearElastic(E={"steel": "stiff"}, nu=0.3), "`E` must be numbers, got 'stiff'"),
    (lambda: sp.materials.IsotropicConduction(k=lambda T: 1.0), "must be numbers, got <function"),
    (lambda: sp.physics.Traction("right", lambda x: x), "`value` must be numbers, got <function"),
    (lambda: sp.fem.Dirichlet("left", "fast"), "must be"),
])  # fmt: skip
def test_is_named(make, text):
    with pytest.raises(ValueError) as error:
        make()
    assert text in str(error.value)
