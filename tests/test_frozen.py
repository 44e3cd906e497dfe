"""An ordinary training loop moves what the user named, and nothing else."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.layers import Root


optax = pytest.importorskip("optax")


def bar():
    space = sp.fem.FunctionSpace(sp.fem.line(3))
    ends = [sp.fem.Dirichlet("left", 0.5)]
    return sp.physics.Heat(space, sp.materials.IsotropicConduction(k=2.0), ends, [sp.physics.Source(1.0)])


class Net(eqx.Module):
    """A weight that is a source of heat, and the body."""

    weight: jax.Array
    heat: sp.physics.Heat | sp.Frozen

    def __call__(self, x):
        heat = sp.thawed(self.heat)
        return sp.solve(eqx.tree_at(lambda h: h.loads[0].value, heat, self.weight * x)).value[-1]


def trained(net, steps=3):
    """Optax and Equinox as their manuals put it; AdamW also decays what it sees."""
    optimiser = optax.adamw(0.05, weight_decay=0.1)
    state = optimiser.init(eqx.filter(net, eqx.is_inexact_array))

    @eqx.filter_jit
    def step(net, state):
        loss, gradient = eqx.filter_value_and_grad(lambda net: (net(1.0) - 3.0) ** 2)(net)
        updates, state = optimiser.update(gradient, state, eqx.filter(net, eqx.is_inexact_array))
        return eqx.apply_updates(net, updates), state, loss

    losses = []
    # Optax mixes types.
    with jax.numpy_dtype_promotion("standard"):
        for _ in range(steps):
            net, state, loss = step(net, state)
            losses.append(float(loss))
    assert losses[-1] < losses[0]
    return net


def same(a, b):
    return np.asarray(a).tobytes() == np.asarray(b).tobytes()


@pytest.mark.slow
def test_a_frozen_body_is_not_moved():
    before = bar()
    net = trained(Net(jnp.array(1.0), sp.frozen(before)))
    after = net.heat.value
    for one, other in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        assert same(one, other)
    assert net.weight != 1.0


@pytest.mark.slow
def test_only_what_is_named_is_trained():
    before = bar()
    net = trained(Net(jnp.array(1.0), sp.trainable(lambda heat: heat.material, before)))
    after = net.heat.value
    assert after.material.k.value != before.material.k.value
    assert same(after.space.mesh.points, before.space.mesh.points)
    assert same(after.constraints[0].value, before.constraints[0].value)
    assert same(net.heat.loads[0].value, before.loads[0].value)
    with pytest.raises(ValueError, match="must pick floating arrays"):
        sp.trainable(lambda heat: heat.space.mesh.cells, before)


def test_frozen_bits():
    tree = {
        "a": jnp.array([1.5, -0.0, jnp.nan]),
        "b": jnp.float32(2.0),
        "c": jnp.array(1 + 2j),
        "n": jnp.arange(3),
        "s": "x",
    }
    held = sp.frozen(tree)
    assert not [leaf for leaf in jax.tree.leaves(held) if eqx.is_inexact_array(leaf)]
    for name in "abcn":
        assert same(held.value[name], tree[name]) and held.value[name].dtype == tree[name].dtype
    assert float(jax.grad(lambda x: sp.frozen(x).value * x)(3.0)) == 3.0


@pytest.mark.slow
def test_a_solve_takes_a_frozen_problem():
    heat = bar()
    np.testing.assert_array_equal(sp.solve(sp.frozen(heat)).value, sp.solve(heat).value)


class Excess(eqx.Module):
    """y = weight · (heat at the end)."""

    heat: sp.physics.Heat
    weight: jax.Array

    def __call__(self, y, x):
        return y - self.weight * x * jnp.sum(self.heat.space.mesh.points) * self.heat.material.k.value


def test_layers_freeze_geometry_constraints_and_loads():
    layer = Root(Excess(bar(), jnp.array(2.0)))
    free = [leaf.shape for leaf in jax.tree.leaves(eqx.filter(layer.function, eqx.is_inexact_array))]
    assert len(free) == 2  # the weight and the conductivity
    gradient = eqx.filter_grad(lambda layer: layer(jnp.array(0.0), 1.0).value)(layer)
    np.testing.assert_allclose(gradient.function.tree.weight, 2.0 * jnp.sum(bar().space.mesh.points))
    asked = Root(sp.trainable(lambda f: f.heat.space.mesh.points, layer.function.value))
    assert [a.shape for a in jax.tree.leaves(eqx.filter(asked.function, eqx.is_inexact_array))] == [(4, 1)]


class BodyCell(sp.layers.AbstractCell):
    """z = u + weight · z · (heat at the end)."""

    heat: sp.physics.Heat
    weight: jax.Array

    def inject(self, x):
        return x * self.heat.material.k.value

    def start(self, u):
        return jnp.zeros_like(u)

    def __call__(self, z, u):
        return u + self.weight * z * self.heat.space.mesh.points[-1]


def test_an_equilibrium_network_freezes_them_before_it_is_called():
    network = sp.layers.DeepEquilibrium(BodyCell(bar(), jnp.array(0.25)))
    free, _ = eqx.partition(network, eqx.is_inexact_array)
    assert len(jax.tree.leaves(free)) == 2
    value = lambda network: jnp.sum(network(jnp.ones((1, 1))).value)
    gradient = eqx.filter_grad(value)(network)
    np.testing.assert_allclose(gradient.cell.tree.weight, 2.0 / 0.75**2, rtol=1e-4)
    np.testing.assert_allclose(gradient.cell.tree.heat.material.k.value, 1 / 0.75, rtol=1e-4)


def test_torch_trains_no_mesh():
    pytest.importorskip("torch")
    net = Net(jnp.array(1.0), bar())
    module = sp.layers.to_torch(lambda net, x: net(x), net)
    assert list(dict(module.named_parameters())) == ["weight", "heat_material_k_value"]
    assert same(module.jax_model().heat.space.mesh.points, net.heat.space.mesh.points)
    chosen = sp.layers.to_torch(lambda net, x: net(x), sp.trainable(lambda net: net.weight, net))
    assert list(dict(chosen.named_parameters())) == ["weight"]


def test_a_flax_module_trains_what_is_made_a_parameter():
    """As docs/networks.md puts it; a body that is data alone is not moved."""
    nnx = pytest.importorskip("flax.nnx")

    class Rod(nnx.Module):
        def __init__(self, body):
            free, rest = eqx.partition(sp.trainable(lambda body: body.material, body), eqx.is_inexact_array)
            leaves, self.structure = jax.tree.flatten(free)
            self.free, self.rest = nnx.List([nnx.Param(leaf) for leaf in leaves]), nnx.data(rest)

        def body(self):
            return eqx.combine(jax.tree.unflatten(self.structure, [leaf[...] for leaf in self.free]), self.rest)

        def __call__(self):
            return sp.solve(self.body()).value[-1]

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        rod = Rod(bar())
        optimiser = nnx.Optimizer(rod, optax.adamw(0.05, weight_decay=0.1), wrt=nnx.Param)

        @nnx.jit
        def step(rod, optimiser):
            loss, gradient = nnx.value_and_grad(lambda rod: (rod() - 0.6) ** 2)(rod)
            optimiser.update(rod, gradient)
            return loss

        losses = [float(step(rod, optimiser)) for _ in range(3)]
    assert losses[-1] < losses[0]
    before, after = (
        jax.tree_util.tree_leaves_with_path(eqx.filter(b, eqx.is_inexact_array)) for b in (bar(), rod.body().value)
    )
    moved = [jax.tree_util.keystr(where) for (where, a), (_, b) in zip(before, after, strict=True) if not same(a, b)]
    assert moved == [".material.k.value"]
