"""A fit that ends at a kink of a law says so: its derivatives are one-sided."""

import jax.numpy as jnp
import pytest

import simphys as sp
from simphys.fem import Dirichlet, FunctionSpace
from simphys.inverse import Joint, LoadSteps, Parameter, PointValues, Positive, Sampled, TimeSeries, fit
from simphys.materials import IsotropicConduction, Table
from simphys.stepping import BackwardEuler


FLUX = 1e-7


def rod(ends, capacity=None):
    """T differs from that of its ends by 1e-8; k is kinked at 1."""
    law = IsotropicConduction(k=Table([0.0, 1.0, 2.0], [1.0, 1.0, 2.0]))
    held = [Dirichlet(side, ends) for side in ("left", "right")]
    return sp.physics.Heat(FunctionSpace(sp.fem.line(2)), law, held, [sp.physics.Source(FLUX)], capacity=capacity)


@pytest.mark.slow
@pytest.mark.breadth
@pytest.mark.parametrize("ends, kinks", [(0.5, 0), (1.0, 4)])
def test_load_steps(ends, kinks):
    body = rod(ends)
    sensor = PointValues(body.space, [[0.5]], [[ends + FLUX / 8 / 1.1]], 1e-10)
    experiment = LoadSteps(body, lambda p: p.loads[0].value, [FLUX], [sensor])
    found = fit(experiment, [Parameter("k", lambda p: p.material.k.values, transform=Positive())], max_iterations=1)
    assert found.evaluation.weakly_active == kinks
    assert any("kink" in remark for remark in found.quality.remarks) == (kinks > 0)


@pytest.mark.slow
def test_marches_and_several_experiments():
    times = jnp.asarray([0.0, 1.0, 2.0])
    body = rod(1.0, capacity=1.0)
    sensor = Sampled(PointValues(body.space, [[0.5]], [[1.0]], 1e-10), times[1:2])
    march = TimeSeries(BackwardEuler(), body, 1.0, times, [sensor])
    sought = [Parameter("k", lambda p: [part.material.k.values for part in p], transform=Positive())]
    assert fit(Joint([march]), sought, max_iterations=1).evaluation.weakly_active == 2 * 4
