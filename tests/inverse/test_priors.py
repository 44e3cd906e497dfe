"""Priors against integrals, methods against each other, the posterior of a field against its closed form."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.inverse import (
    H1,
    Basis,
    Bounded,
    Gaussian,
    Matern,
    Model,
    NeuralField,
    Ordered,
    Parameter,
    Parametrisation,
    Positive,
    Simplex,
    TotalVariation,
    fit,
    laplace,
    tensor_basis,
)
from simphys.inverse.parameters._penalty import Penalty


class Body(eqx.Module):
    """Something with a field on a mesh."""

    k: sp.fem.AbstractField
    space: sp.fem.FunctionSpace

    @property
    def spaces(self):
        return (self.space,)


def line(n=40):
    space = sp.fem.FunctionSpace(sp.fem.line(n, 1.0), 1)
    return Body(sp.fem.NodalField(jnp.ones(n + 1)), space)


K = lambda body: body.k
GENERATOR = np.random.default_rng(3)
A = GENERATOR.standard_normal((15, 41)) / 10
NOISE = 0.05


def linear(body):
    """Weighted means of the field."""
    return jnp.asarray(A) @ body.k.values


def measured(seed=0, noise=NOISE):
    x = np.linspace(0, 1, 41)
    return A @ (1 + np.sin(5 * x)) + noise * np.random.default_rng(seed).standard_normal(15)


def energy(prior, body, values, transform=None):
    """−ln p of a field."""
    field = eqx.tree_at(lambda b: b.k.values, body, jnp.asarray(values))
    parameters = Parametrisation([Parameter("k", K, transform=transform)], field)
    at = Penalty([prior], parameters, field).at(parameters.start)
    return at, parameters


BODIES = {
    "line": sp.fem.FunctionSpace(sp.fem.line(8, 2.0), 2),
    "triangles": sp.fem.FunctionSpace(sp.fem.rectangle((5, 4), (2.0, 1.0), cell_type="triangle"), 1),
    "hexahedra": sp.fem.FunctionSpace(sp.fem.box((3, 2, 2), (2.0, 1.0, 1.0)), 1),
}


@pytest.mark.breadth
@pytest.mark.parametrize("name", BODIES)
def test_h1_is_the_integral(name):
    """Of u = 3 + 2 x: ∫|∇u|² = 4 V, ∫(u − 1)² = ∫(2 + 2x)², V = 2 (length 2, others 1)."""
    space = BODIES[name]
    dim = space.mesh.dim
    body = Body(sp.fem.NodalField(3 + 2 * space.nodes()[:, 0]), space)
    at, _ = energy(H1("k", 0.5, 0.7, 1.0), body, body.k.values)
    volume, second = 2.0, 4 * (3.0**3 - 1) / 3
    assert at.energy == pytest.approx(0.5 * 0.7 ** (2 - dim) / 0.25 * (4 * volume + second / 0.49), rel=1e-10)
    assert 0.5 * at.residuals @ at.residuals == pytest.approx(at.energy, rel=1e-12)


def test_h1_of_cells_converges_to_the_integral():
    space = sp.fem.FunctionSpace(sp.fem.rectangle((40, 20), (2.0, 1.0)), 1)
    centres = np.asarray(space.mesh.points)[np.asarray(space.mesh.cells)].mean(axis=1)
    body = Body(sp.fem.CellField(jnp.asarray(3 + 2 * centres[:, 0])), space)
    at, _ = energy(H1("k", 1.0, 1e3, 1.0), body, body.k.values)
    # Slopes between centres: a strip of half a cell is missing at each end.
    assert at.energy == pytest.approx(0.5 * 4 * (2.0 - 0.05), rel=1e-4)


def test_total_variation_of_a_jump():
    """A step of height 2 across a line of length 1 costs 2 α, less the smoothing."""
    space = sp.fem.FunctionSpace(sp.fem.rectangle((10, 5), (2.0, 1.0)), 1)
    centres = np.asarray(space.mesh.points)[np.asarray(space.mesh.cells)].mean(axis=1)
    body = Body(sp.fem.CellField(jnp.asarray(np.where(centres[:, 0] < 1, 1.0, 3.0))), space)
    at, _ = energy(TotalVariation("k", 0.3, 1e-6), body, body.k.values)
    assert at.energy == pytest.approx(0.3 * 2.0, rel=1e-5)


@pytest.mark.parametrize("transform", [None, Positive(), Bounded(0.0, 9.0)], ids=lambda t: type(t).__name__)
@pytest.mark.parametrize("kind", ["gaussian", "h1", "matern", "tv"])
def test_gradients_of_priors(kind, transform):
    body = line(6)
    values = np.random.default_rng(0).uniform(0.5, 2.0, 7)
    prior = {
        "gaussian": Gaussian("k", 1.3, 0.4),
        "h1": H1("k", 0.5, 0.3),
        "matern": Matern("k", 0.5, 0.3, 1.2),
        "tv": TotalVariation("k", 0.7, 0.1),
    }[kind]
    at, parameters = energy(prior, body, values, transform)
    # A prior whose mean is the start keeps the start of `body`, not that of the moved field.
    penalty = Penalty([prior], parameters, eqx.tree_at(lambda b: b.k.values, body, jnp.asarray(values)))
    phi, step = parameters.start, 1e-6
    for i in range(7):
        ahead, behind = (penalty.at(phi.at[i].add(s * step)).energy for s in (1, -1))
        wanted = (ahead - behind) / (2 * step)
        assert (at.matrix.T @ at.residuals)[i] == pytest.approx(wanted, rel=1e-5, abs=1e-6)


def test_matern_has_its_deviation():
    """Far from the boundary the deviation is σ, whatever the mesh."""
    for n in (16, 32):
        space = sp.fem.FunctionSpace(sp.fem.rectangle((n, n), (4.0, 4.0), cell_type="triangle"), 1)
        body = Body(sp.fem.NodalField(jnp.ones(space.n_nodes)), space)
        at, _ = energy(Matern("k", 0.7, 1.5), body, np.ones(space.n_nodes))
        covariance = np.linalg.inv((at.matrix.T @ at.matrix).toarray())
        middle = np.argmin(np.linalg.norm(np.asarray(space.nodes()) - 2.0, axis=1))
        assert np.sqrt(covariance[middle, middle]) == pytest.approx(0.7, rel=0.06)


def closed_form(prior):
    """Mean and covariance of the linear Gaussian problem."""
    body = line()
    parameters = Parametrisation([Parameter("k", K)], body)
    form = prior.form(parameters, body)
    G = form.root.toarray()
    H = A.T @ A / NOISE**2 + G.T @ G
    return np.linalg.solve(H, A.T @ measured() / NOISE**2 + G.T @ (G @ form.mean)), np.linalg.inv(H)


@pytest.mark.breadth
@pytest.mark.parametrize("method", ["levenberg_marquardt", "newton_cg", "lbfgs"])
def test_methods_find_the_posterior_mean(method):
    prior = H1("k", 0.8, 0.3)
    mean, covariance = closed_form(prior)
    found = fit(Model(line(), linear, measured(), NOISE), [Parameter("k", K)], priors=[prior], method=method,
                max_iterations=500, gradient_tolerance=1e-8)  # fmt: skip
    assert found.successful and found.method == method
    np.testing.assert_allclose(found.values, mean, rtol=2e-4)
    assert found.gradient_agreement < 1e-10
    belief = laplace(found, cutoff=1e-6)
    np.testing.assert_allclose(belief.std, np.sqrt(np.diag(covariance)), rtol=1e-5)
    if found.uncertainty is not None:
        np.testing.assert_allclose(found.uncertainty.covariance, covariance, rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_adam_comes_near():
    prior = H1("k", 0.8, 0.3)
    mean, _ = closed_form(prior)
    found = fit(Model(line(), linear, measured(), NOISE), [Parameter("k", K)], priors=[prior], method="adam",
                max_iterations=400)  # fmt: skip
    assert found.status == "fit_unfinished"
    np.testing.assert_allclose(found.values, mean, atol=0.15)


def test_samples_have_the_covariance():
    prior = H1("k", 0.8, 0.3)
    _, covariance = closed_form(prior)
    found = fit(Model(line(), linear, measured(), NOISE), [Parameter("k", K)], priors=[prior])
    belief = laplace(found, cutoff=1e-6)
    drawn = belief.samples(4000, seed=1)
    size = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    np.testing.assert_allclose(np.cov(drawn.T) / size, covariance / size, atol=0.08)
    wide = belief.samples(4000, seed=2, prior=True)
    np.testing.assert_allclose(wide.std(axis=0), belief.prior_std, rtol=0.06)
    assert len(belief.eigenvalues) <= 15 and belief.effective == pytest.approx(found.uncertainty.effective, rel=1e-6)


def test_a_prior_that_leaves_the_level_open():
    """Total variation does, and the data tell it: R is singular, and what rounding made of its inverse was told."""
    prior, body = TotalVariation("k", 1.0, 0.5), line()
    found = fit(Model(body, linear, measured(), NOISE), [Parameter("k", K)], priors=[prior])
    belief = laplace(found, cutoff=1e-8)
    wanted = np.linalg.inv(found.local.matrix())
    np.testing.assert_allclose(belief.std, np.sqrt(np.diag(wanted)), rtol=1e-3)
    assert np.all(np.isinf(belief.prior_std))
    drawn = belief.samples(4000, seed=1)
    np.testing.assert_allclose(drawn.std(axis=0), belief.std, rtol=0.08)
    with pytest.raises(ValueError, match="leaves the level of a field open"):
        belief.samples(2, prior=True)


def test_posterior_holds_the_truth():
    """Fields drawn from the prior lie within 1.96 deviations at 95 % of the nodes, over 100 draws by one `vmap`."""
    prior, body = H1("k", 0.8, 0.3, 1.0), line()
    found = fit(Model(body, linear, measured(), NOISE), [Parameter("k", K)], priors=[prior])
    belief = laplace(found, cutoff=1e-6)
    form = prior.form(Parametrisation([Parameter("k", K)], body), body)
    G = form.root.toarray()
    H = A.T @ A / NOISE**2 + G.T @ G

    def one(key):
        a, b = jax.random.split(key)
        truth = 1.0 + jnp.asarray(np.linalg.solve(G.T @ G, G.T)) @ jax.random.normal(a, (len(G),))
        data = jnp.asarray(A) @ truth + NOISE * jax.random.normal(b, (15,))
        mean = jnp.linalg.solve(jnp.asarray(H), jnp.asarray(A.T) @ data / NOISE**2 + jnp.asarray(G.T @ (G @ form.mean)))
        return jnp.abs(truth - mean) < 1.96 * jnp.asarray(belief.std)

    held = float(jnp.mean(jax.vmap(one)(jax.random.split(jax.random.key(0), 100))))
    assert 0.90 <= held <= 0.99


def test_choice_says_why():
    few = fit(Model(line(), linear, measured(), NOISE), [Parameter("k", K)], priors=[H1("k", 0.8, 0.3)])
    assert few.method == "levenberg_marquardt" and "41 parameters, 15 data: 15 adjoints" in few.reason
    assert "15 adjoints" in str(few)
    from simphys.inverse.fits._choose import choose

    assert choose("auto", 20_000, 30_000).method == "newton_cg"
    assert choose("auto", 3, 30_000).derivatives == "tangents"
    with pytest.raises(ValueError, match="'auto'.*got 'newton'"):
        choose("newton", 3, 4)


@pytest.mark.slow
def test_basis_and_network():
    """Few functions, or a network, instead of 41 values."""
    body = line()
    x = np.asarray(body.space.nodes())
    smooth = fit(
        Model(body, linear, measured(), NOISE),
        [Parameter("k", K, transform=Basis(tensor_basis(x, (5,)), Positive()))],
        priors=[H1("k", 0.8, 0.3)],
    )
    assert smooth.successful and smooth.phi.shape == (5,) and smooth.values.shape == (41,)
    assert np.all(smooth.values > 0)
    assert smooth.uncertainty.reduced_chi2 < 2.5
    dense = laplace(smooth, cutoff=1e-8)
    np.testing.assert_allclose(dense.std, smooth.uncertainty.std, rtol=1e-5)
    network = eqx.nn.MLP(1, "scalar", 8, 1, jnp.tanh, key=jax.random.key(0))
    neural = fit(
        Model(body, linear, measured(), NOISE),
        [Parameter("k", K, transform=NeuralField(network, x))],
        max_iterations=100,
    )
    assert neural.values.shape == (41,)
    assert float(jnp.mean(neural.evaluation.residuals**2)) < 2.0
    for kind in ("legendre", "cosine"):
        B = tensor_basis(np.random.default_rng(0).random((50, 2)), (3, 2), kind)
        assert B.shape == (50, 6) and np.linalg.matrix_rank(B) == 6
    with pytest.raises(ValueError, match="orders"):
        tensor_basis(x, (3, 3))
    with pytest.raises(ValueError, match="linearly independent"):
        Basis(np.ones((41, 2)))
    with pytest.raises(ValueError, match="41 entries cannot expand a field of 7"):
        fit(
            Model(line(6), lambda b: b.k.values, np.ones(7), 1.0),
            [Parameter("k", K, transform=Basis(np.ones((41, 1))))],
        )


class Mixture(eqx.Module):
    parts: jax.Array
    times: jax.Array


def test_ordered_and_simplex():
    """Two decays: shares on a simplex, times in order."""
    t = jnp.linspace(0.0, 5.0, 60)
    decays = lambda m: jnp.sum(m.parts[None] * jnp.exp(-t[:, None] / m.times[None]), axis=1)
    truth = Mixture(jnp.array([0.3, 0.7]), jnp.array([0.4, 2.0]))
    data = decays(truth) + 1e-3 * np.random.default_rng(0).standard_normal(60)
    start = Mixture(jnp.array([0.4, 0.6]), jnp.array([0.5, 1.5]))
    sought = [
        Parameter("parts", lambda m: m.parts, transform=Simplex()),
        Parameter("times", lambda m: m.times, transform=Ordered()),
    ]
    found = fit(Model(start, decays, data, 1e-3), sought)
    assert found.successful and found.phi.shape == (3,)
    assert found.names == ["parts[0]", "parts[1]", "times[0]", "times[1]"]
    assert found.values[:2].sum() == pytest.approx(1.0) and found.values[2] < found.values[3]
    assert np.all(np.abs(found.values - [0.3, 0.7, 0.4, 2.0]) < 4 * found.uncertainty.std)
    # What is gained by one share is lost by the other.
    assert found.uncertainty.correlation[0, 1] == pytest.approx(-1.0)
    with pytest.raises(ValueError, match="sum is 1"):
        fit(Model(start, decays, data, 1e-3), [Parameter("p", lambda m: m.parts, [0.2, 0.2], Simplex())])
    with pytest.raises(ValueError, match="increase"):
        fit(Model(start, decays, data, 1e-3), [Parameter("t", lambda m: m.times, [2.0, 1.0], Ordered())])
    with pytest.raises(ValueError, match="vector of two or more"):
        fit(Model(line(6), lambda b: b.k.values, np.ones(7), 1.0),
            [Parameter("k", lambda b: b.k.values[0], transform=Ordered())])  # fmt: skip


def test_priors_are_checked():
    body, sought = line(), [Parameter("k", K)]
    run = lambda *priors, noise=NOISE: fit(Model(body, linear, measured(), noise), sought, priors=priors)
    with pytest.raises(ValueError, match="No parameter 'c'; there are 'k'"):
        run(H1("c", 1.0, 1.0))
    with pytest.raises(ValueError, match=r"`mean` of shape \(3,\); a number or shape \(41,\)"):
        run(Gaussian("k", np.ones(3), 1.0))
    with pytest.raises(ValueError, match="for 7 values on this space, the field has 41"):
        run(H1("k", 1.0, 1.0, space=line(6).space))
    with pytest.raises(ValueError, match="needs a field"):
        fit(Model(body, linear, measured(), NOISE), [Parameter("k", lambda b: b.k.values)], priors=[H1("k", 1.0, 1.0)])
    with pytest.raises(ValueError, match="`priors` must be"):
        run("smooth")
    with pytest.raises(ValueError, match="`deviation`"):
        H1("k", -1.0, 1.0)
    with pytest.raises(ValueError, match="'data' is not stated"):
        run(H1("k", 1.0, 1.0), noise=None)
    with pytest.raises(ValueError, match="none on 'k'"):
        laplace(fit(Model(body, lambda b: b.k.values, np.ones(41), 1.0), sought))
    with pytest.raises(ValueError, match=r"starts at an array of shape \(3,\)"):
        fit(Model(body, linear, measured(), NOISE), [Parameter("k", K, start=np.ones(3))])
    with pytest.raises(ValueError, match="shapes"):
        fit(Model(body, linear, measured(), NOISE), [Parameter("k", lambda b: [b.k, b.space.mesh.points])])
    with pytest.raises(ValueError, match="returns shape"):
        fit(Model(body, linear, np.ones(3), NOISE), sought)
