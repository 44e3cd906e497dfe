"""PyTorch modules made of simphys solves: gradients, memory, failures."""

import gc

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest

import simphys as sp
from simphys.layers import GradientFailed, to_torch


torch = pytest.importorskip("torch")


def cubic(a, b):
    """y³ + a y = b, entry by entry."""
    problem = sp.RootProblem(lambda y, args: y**3 + args[0] * y - args[1])
    return sp.solve(problem, jnp.zeros_like(b), (a, b)).value


def doubles(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


def test_gradcheck_of_a_solve():
    module = to_torch(cubic)
    a, b = doubles(3), doubles(3, seed=1)
    y = module(a, b)
    torch.testing.assert_close(y**3 + a * y, b, rtol=1e-9, atol=1e-10)
    assert torch.autograd.gradcheck(module, (a, b))
    module(a, b).sum().backward()
    torch.testing.assert_close(b.grad, 1 / (3 * y**2 + a))
    assert float(module.certificate.solves) >= 1 and float(module.certificate.failures) == 0


class Rod(eqx.Module):
    """A solve with parameters of its own; k is trained, source is an input."""

    heat: sp.physics.Heat

    def __init__(self):
        space = sp.fem.FunctionSpace(sp.fem.line(4))
        ends = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", 1.0)]
        self.heat = sp.physics.Heat(space, sp.materials.IsotropicConduction(k=2.0), ends, [sp.physics.Source(1.0)])

    def __call__(self, source):
        return sp.solve(eqx.tree_at(lambda heat: heat.loads[0].value, self.heat, source)).value


def test_a_model_s_arrays_are_parameters_and_are_trained():
    model = Rod()
    free = eqx.tree_at(lambda m: m.heat.material.k.value, jax.tree.map(lambda _: False, model), True)
    trained, rest = eqx.partition(model, free)
    module = to_torch(lambda trained, source: eqx.combine(trained, rest)(source), trained)
    names = dict(module.named_parameters())
    assert list(names) == ["heat_material_k_value"]
    source = torch.tensor(3.0, dtype=torch.float64)
    # A source of 2 at k = 2 looks like one of 3 at k = 3.
    target = torch.from_dlpack(Rod()(jnp.asarray(2.0))).to(source.device)
    optimiser = torch.optim.LBFGS(module.parameters(), line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = torch.sum((module(source) - target) ** 2)
        loss.backward()
        return loss

    for _ in range(3):
        optimiser.step(closure)
    np.testing.assert_allclose(module.jax_model().heat.material.k.value, 3.0, rtol=1e-3)
    np.testing.assert_allclose(model.heat.material.k.value, 2.0)


def test_memory_is_shared_but_never_a_given_tensor_s():
    seen = {}

    def function(x, y):
        seen["x"] = x
        return x, x + y

    module = to_torch(function)
    x, y = torch.ones(64), torch.ones(64)
    array = jnp.from_dlpack(x)
    assert array.unsafe_buffer_pointer() == x.data_ptr(), "from PyTorch nothing is copied"
    back = torch.from_dlpack(jnp.ones(64))
    assert back.shape == (64,)
    same, total = module(x, y)
    x += 1
    torch.testing.assert_close(same, torch.ones(64))
    torch.testing.assert_close(total, 2 * torch.ones(64))
    del array, back
    gc.collect()
    torch.testing.assert_close(total, 2 * torch.ones(64))


def test_what_is_changed_in_place_before_backward_is_noticed():
    a, b = torch.ones(3, dtype=torch.float64), doubles(3)
    y = to_torch(cubic)(a, b)
    a += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_integers_batches_and_no_grad():
    module = to_torch(lambda x, n: (x[n], n + 1))
    x, n = doubles(4), torch.tensor([2, 0])
    picked, more = module(x, n)
    picked.sum().backward()
    assert x.grad.tolist() == [1, 0, 1, 0] and more.tolist() == [3, 1] and not more.requires_grad
    with torch.no_grad():
        assert not module(x, n)[0].requires_grad


def test_a_failed_solve_raises_in_the_forward_pass():
    module = to_torch(lambda b: sp.solve(sp.RootProblem(lambda y, b: y**2 + b), jnp.ones(1), b).value)
    with pytest.raises(Exception, match="[Nn]o step|singular|stopped decreasing|diverged|residual"):
        module(torch.ones(1, dtype=torch.float64, requires_grad=True))


def test_a_gradient_that_failed_is_no_number():
    """Newton stops after one step: y is no root, and has no gradient."""
    newton = sp.Newton(max_steps=1)
    problem = sp.RootProblem(lambda y, b: y**3 - b)
    function = lambda b: sp.solve(problem, jnp.ones(1), b, method=newton, throw=False).value
    b = torch.full((1,), 50.0, dtype=torch.float64, requires_grad=True)
    y = to_torch(function)(b)
    with pytest.raises(GradientFailed, match="not a root") as caught:
        y.sum().backward()
    assert caught.value.status == "not_a_root" and b.grad is None


def test_an_adjoint_that_failed_raises_its_own_status():
    """Two sweeps of GMRES do not solve ten equations; the forward pass has a solver of its own."""
    weak = sp.Implicit(lx.GMRES(rtol=1e-12, atol=0.0, restart=1, max_steps=2))
    matrix = jnp.asarray(np.eye(10) + 0.3 * np.random.default_rng(0).standard_normal((10, 10)))
    problem = sp.RootProblem(lambda y, b: matrix @ y - b)
    b = doubles(10)
    y = to_torch(lambda b: sp.solve(problem, jnp.zeros(10), b, adjoint=weak).value)(b)
    with pytest.raises(GradientFailed, match="adjoint system was not solved") as caught:
        y.sum().backward()
    assert caught.value.status == "adjoint_failed" and b.grad is None


def test_a_gradient_that_is_not_finite_raises():
    x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    y = to_torch(lambda x: jnp.sqrt(x))(x)
    with pytest.raises(GradientFailed, match="input 0 is not finite"):
        y.sum().backward()
    assert x.grad is None


def test_second_derivatives_raise():
    a, b = doubles(2), doubles(2, seed=1)
    (first,) = torch.autograd.grad(to_torch(cubic)(a, b).sum(), b, create_graph=True)
    with pytest.raises(RuntimeError, match="second derivative"):
        (first.sum() + b.sum()).backward()
    assert b.grad is None


def test_misuse():
    with pytest.raises(ValueError, match="`function` must be callable, got 3"):
        to_torch(3)
    with pytest.raises(TypeError, match="tensors expected, got float"):
        to_torch(cubic)(1.0, 2.0)
    with pytest.raises(ValueError, match="same name"):
        to_torch(lambda m, x: x, {"a.b": jnp.zeros(1), "a_b": jnp.zeros(1)})


def test_batches_go_along_an_axis_and_share_the_model():
    """As one by one: values, gradients by inputs and by the model; lanes of one tensor among shared others."""
    one, many = to_torch(cubic), to_torch(cubic, vmap=(0, None))
    a, b = doubles(4, 3), doubles(3, seed=1)
    y = many(a, b)
    torch.testing.assert_close(y, torch.stack([one(each, b) for each in a]), rtol=1e-10, atol=1e-12)
    assert torch.autograd.gradcheck(many, (a, b))
    y.sum().backward()
    assert float(many.certificate.solves) == 4 and float(many.certificate.failures) == 0
    torch.testing.assert_close(b.grad, (1 / (3 * y**2 + a)).sum(dim=0))
    shared = to_torch(lambda k, x: k * x**2, jnp.asarray(3.0), vmap=1)
    x = doubles(2, 5)
    shared(x).sum().backward()
    (k,) = shared.parameters()
    torch.testing.assert_close(k.grad, (x**2).sum().detach())
    with pytest.raises(ValueError, match="inconsistent sizes"):
        to_torch(cubic, vmap=0)(a, doubles(2, 3))
    with pytest.raises(ValueError, match="in_axes"):
        to_torch(cubic, vmap=(0, 0, 0))(a, b)


def test_float32_stays_float32_whatever_is_computed_in_between():
    """A model of float64: results and gradients of float32 tensors are float32 ones, close to those of float64."""
    module = to_torch(lambda k, x: (k * x.astype(float) ** 2, jnp.arange(2)), jnp.asarray(3.0))
    x = torch.tensor([1.0, 2.0], dtype=torch.float32, requires_grad=True)
    y, count = module(x)
    assert y.dtype == torch.float32 and not count.is_floating_point()
    y.sum().backward()
    assert x.grad.dtype == torch.float32
    torch.testing.assert_close(x.grad, 6 * x.detach())
    assert next(module.parameters()).grad.dtype == torch.float64
    assert module(x.double())[0].dtype == torch.float64


def test_functional_transformations_are_refused_by_name():
    module = to_torch(cubic)
    a, b = doubles(4, 3), doubles(4, 3, seed=1)
    for transformed in (torch.func.vmap(module), lambda a, b: torch.func.jacrev(module)(a, b)):
        with pytest.raises(RuntimeError, match=r"to_torch\(…, vmap=0\)"):
            transformed(a.detach(), b.detach())
