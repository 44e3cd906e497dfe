"""Data with named columns: dictionaries of arrays, and tables that look like pandas' without being one."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.inverse import Model, Parameter, PointValues, fit


class Frame:
    """What fits look at in a DataFrame: its columns, by name."""

    def __init__(self, **columns):
        self._columns, self.columns = columns, list(columns)

    def __getitem__(self, name):
        return [self._columns[n] for n in name] if isinstance(name, list) else self._columns[name]


class Line(eqx.Module):
    slope: jax.Array
    level: jax.Array


X = np.linspace(0.0, 1.0, 8)
START = Line(jnp.array(1.0), jnp.array(0.0))
BOTH = [Parameter("slope", lambda m: m.slope), Parameter("level", lambda m: m.level)]


def predicted(line):
    return {"rise": line.slope * jnp.asarray(X), "sum": (line.slope + line.level).reshape(1), "unused": jnp.zeros(3)}


@pytest.mark.parametrize("table", [dict, Frame])
def test_columns_are_sets_of_data(table):
    data = table(rise=3.0 * X + 0.01 * np.cos(9 * X), sum=np.array([5.0]))
    found = fit(Model(START, predicted, data, noise={"rise": 0.01, "sum": 0.1}), BOTH)
    assert found.successful
    np.testing.assert_allclose(found.values, [3.0, 2.0], atol=0.05)
    names = [name for name, *_ in Model(START, predicted, data, 0.1).blocks()]
    assert names == ["rise", "sum"]
    shapes = [measured.shape for _, measured, _ in Model(START, predicted, data, 0.1).blocks()]
    assert shapes == [(8,), (1,)]


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="must return a dictionary with 'fall', got 'rise', 'sum', 'unused'"):
        fit(Model(START, predicted, {"fall": X}, 0.1), BOTH)
    with pytest.raises(ValueError, match=r"'rise' of shape \(8,\), measured is \(3,\)"):
        fit(Model(START, predicted, {"rise": X[:3]}, 0.1), BOTH)
    with pytest.raises(ValueError, match="`noise` says nothing of 'sum'"):
        Model(START, predicted, {"rise": X, "sum": X[:1]}, {"rise": 0.1})
    with pytest.raises(ValueError, match="no columns"):
        Model(START, predicted, {}, 0.1)


def test_positions_and_measurements_by_columns():
    space = sp.fem.FunctionSpace(sp.fem.rectangle((2, 2)), components=2)
    points, values = np.array([[0.2, 0.3], [0.7, 0.9]]), np.array([[1.0, 2.0], [3.0, 4.0]])
    plain = PointValues(space, points, values, 0.1)
    named = PointValues(space, Frame(x=points[:, 0], y=points[:, 1]), {"ux": values[:, 0], "uy": values[:, 1]}, 0.1)
    for one, other in zip(jax.tree.leaves(plain), jax.tree.leaves(named), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match=r"its columns must be of one shape, 'x' \(2,\), 'y' \(1,\)"):
        PointValues(space, {"x": points[:, 0], "y": points[:1, 1]}, values, 0.1)
    scalar = PointValues(sp.fem.FunctionSpace(sp.fem.line(2)), {"x": [0.2, 0.7]}, {"T": [1.0, 2.0]}, 0.1)
    assert scalar.measured.shape == (1, 2)
