"""Jacobians with respect to maps are those that a tangent for each cell gives, from a few tangents of the forces."""

import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.inverse import Basis, LoadSteps, Parameter, PointValues, Positive, Resultant
from simphys.inverse.experiments._description import AbstractDescription
from simphys.inverse.experiments._gathered import gathered_jacobian, maps_of
from simphys.inverse.parameters._parameters import Parametrisation
from simphys.inverse.parameters._transforms import AbstractTransform
from simphys.linalg._factors import FactorStore


CELLS = 2 * 5 * 4
GENERATOR = np.random.default_rng(0)


def plate():
    """Conduction with maps of the conductivity, of sources and of the coefficient of heat transfer on a side."""
    space = sp.fem.FunctionSpace(sp.fem.rectangle((5, 4), cell_type="triangle"), degree=2)
    maps = [sp.fem.CellField(jnp.asarray(GENERATOR.uniform(1.0, 2.0, CELLS))) for _ in range(3)]
    law = sp.materials.IsotropicConduction(k=maps[0])
    loads = [sp.physics.Source(maps[1]), sp.physics.Convection("right", maps[2], 1.0), sp.physics.Flux("top", 1.0)]
    return sp.physics.Heat(space, law, [sp.fem.Dirichlet("left", 0.0)], loads)


def experiment(body):
    places = GENERATOR.uniform(0.1, 0.9, (9, 2))
    observations = [
        PointValues(body.space, places, np.zeros((2, 9)), 0.01),
        PointValues(body.space, np.tile(places, (2, 1)), np.zeros((2, 18)), 0.01),
        Resultant(body.space, "left", np.zeros(2), 0.1),
    ]
    return LoadSteps(body, lambda s: s.constraints[0].value, jnp.array([0.1, 0.2]), observations)


K = Parameter("k", lambda s: s.material.k, transform=Positive())
SOURCE = Parameter("source", lambda s: s.loads[0].value.values)
TRANSFER = Parameter("transfer", lambda s: s.loads[1].h)
FLUX = Parameter("flux", lambda s: s.loads[2].value)


class Spread(AbstractTransform):
    """θ = φ + mean(φ) / 10, which says that it is pointwise and is not."""

    def forward(self, phi):
        return phi + 0.1 * jnp.mean(phi)

    def inverse(self, theta):
        return theta - 0.1 / 1.1 * jnp.mean(theta)

    def latent(self, phi):
        return phi

    def latent_of(self, theta):
        return theta

    def reach(self, size):
        return np.full(size, np.inf)


def evaluated(parameters, body):
    tests = experiment(body)
    found = Parametrisation(parameters, body)
    return tests, found, tests.evaluate(found, found.start, None, lambda text: None, False)


def by_columns(tests, parameters, evaluation):
    return tests.push(parameters, parameters.start, evaluation, jnp.eye(parameters.size))


@pytest.mark.slow
def test_jacobians_of_maps_are_those_of_single_tangents(monkeypatch):
    """Three maps and a load between them, in blocks that the cells do not fill, by one factor for each step."""
    monkeypatch.setattr("simphys.inverse.experiments._gathered.COLUMNS", 12)
    tests, parameters, evaluation = evaluated([K, FLUX, SOURCE, TRANSFER], plate())
    made, factorise = [], FactorStore._factorise
    monkeypatch.setattr(FactorStore, "_factorise", lambda *given: made.append(1) or factorise(*given))
    found = gathered_jacobian(tests, parameters, parameters.start, evaluation)
    assert len(made) <= tests.n_steps
    wanted = by_columns(tests, parameters, evaluation)
    assert found.shape == (2 * 9 + 2 * 18 + 2, 3 * CELLS + 1)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12 * float(jnp.max(jnp.abs(wanted))))


@pytest.mark.slow
@pytest.mark.parametrize("parameter", ["flux", "spread"])
def test_what_is_no_map_is_left_to_single_tangents(parameter):
    """Of a transform that claims to act cell by cell the tangent along a random direction tells that it does not."""
    spread = Parameter("k", lambda s: s.material.k, transform=Spread())
    tests, parameters, evaluation = evaluated([FLUX if parameter == "flux" else spread], plate())
    assert gathered_jacobian(tests, parameters, parameters.start, evaluation) is None


class Described(AbstractDescription):
    """A body that is made of what it holds."""

    body: sp.physics.Heat

    def made(self):
        return self.body


def test_maps_are_seen_in_bodies_and_in_their_descriptions():
    body = plate()
    known = lambda body, *parameters: maps_of(Parametrisation(parameters, body), body)
    assert known(body, FLUX, SOURCE, K) == [slice(1, 1 + CELLS), slice(1 + CELLS, 1 + 2 * CELLS)]
    of_description = Parameter("k", lambda d: d.body.material.k, transform=Positive())
    assert known(Described(body), of_description) == [slice(0, CELLS)]
    few = Parameter("k", lambda s: s.material.k, transform=Basis(np.eye(CELLS)[:, :3] + 1.0))
    assert known(body, few) == [] and known({"k": body.material.k}, Parameter("k", lambda d: d["k"])) == []
