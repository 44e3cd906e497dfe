"""Values that users' functions hold (closures, defaults, attributes) are differentiated as if they had been handed over."""

import dataclasses
import functools
from collections.abc import Callable

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import numpy as np
import pytest
from jax.tree_util import Partial

import simphys as sp
from simphys import design, fem, inverse, layers, materials, physics, stepping
from simphys._hidden import can_hide


K = 1.3


class Plain:
    """An object that JAX knows nothing of."""

    def __init__(self, function, k):
        self.function, self.k = function, k

    def method(self, *arguments):
        return self.function(self.k, *arguments)


@dataclasses.dataclass
class Record:
    """As `Plain`, but called itself; it cannot be hashed."""

    function: object
    k: object

    def __call__(self, *arguments):
        return self.function(self.k, *arguments)


def nested(function, k):
    deep = {"k": [k]}
    inner = lambda: lambda *arguments: function(deep["k"][0], *arguments)
    return lambda *arguments: inner()(*arguments)


def by_default(function, k):
    def called(*arguments, k=k):
        return function(k, *arguments)

    return called


def local_class(function, k):
    class Local(eqx.Module):
        def __call__(self, *arguments):
            return function(k, *arguments)

    return Local()


def class_attribute(function, given):
    class Local(eqx.Module):
        k = given

        def __call__(self, *arguments):
            return function(self.k, *arguments)

    return Local()


STYLES = dict(
    handed_over=Partial,
    closure=lambda function, k: lambda *arguments: function(k, *arguments),
    partial=functools.partial,
    method=lambda function, k: Plain(function, k).method,
    default=by_default,
    nested=nested,
    record=Record,
    local_class=local_class,
)


def root(hide, k):
    residual = hide(lambda k, y, args: y**2 - k, k)
    y = sp.solve(sp.RootProblem(residual, guess=jnp.ones_like(k))).value
    return y + k * y


SLOPE, CURVATURE = 0.5 * K**-0.5 + 1.5 * K**0.5, -0.25 * K**-1.5 + 0.75 * K**-0.5


@pytest.mark.slow
def test_every_way_of_hiding():
    f = lambda k: jnp.stack([root(hide, k) for hide in STYLES.values()])
    np.testing.assert_allclose(jax.jit(jax.jacrev(f))(K), np.full(len(STYLES), SLOPE), rtol=1e-9)


TRANSFORMATIONS = dict(
    grad=(jax.grad, SLOPE),
    jacfwd=(jax.jacfwd, SLOPE),
    filtered=(lambda f: eqx.filter_jit(eqx.filter_grad(f)), SLOPE),
    mapped=(lambda f: lambda k: jax.jit(jax.vmap(jax.grad(f)))(k[None])[0], SLOPE),
    grad_of_mapped=(lambda f: jax.grad(lambda k: jax.vmap(f)(k[None])[0]), SLOPE),
    hessian=(jax.hessian, CURVATURE),
)


@pytest.mark.breadth
@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_every_transformation(name):
    derivative, exact = TRANSFORMATIONS[name]
    hide = STYLES["record"]
    np.testing.assert_allclose(derivative(lambda k: root(hide, k))(jnp.asarray(K)), exact, rtol=1e-9)


@pytest.mark.slow
def test_in_float32():
    with jax.enable_x64(False):
        found = jax.jit(jax.grad(lambda k: root(functools.partial, k)))(jnp.float32(K))
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, SLOPE, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("adjoint", [sp.Unrolled(), sp.OneStep(3)], ids=lambda a: type(a).__name__)
def test_under_other_rules(adjoint):
    def f(k):
        problem = sp.RootProblem(functools.partial(lambda k, y, _: y**2 - k, k), guess=jnp.ones(()))
        return sp.solve(problem, adjoint=adjoint, method=sp.Newton(rtol=1e-13)).value

    np.testing.assert_allclose(jax.grad(f)(K), 0.5 * K**-0.5, rtol=1e-6)


@pytest.mark.slow
def test_in_a_loop_differentiated_after_it_was_traced():
    """What a function held has died with the trace of the loop's body by then."""

    def f(k):
        body = lambda y, _: (root(functools.partial, y), None)
        return jax.lax.scan(body, k, length=2)[0]

    given = lambda k: jax.lax.scan(lambda y, _: (y**0.5 + y**1.5, None), k, length=2)[0]
    np.testing.assert_allclose(jax.jit(jax.grad(f))(K), jax.grad(given)(K), rtol=1e-8)


def test_arguments_hide_as_well():
    def f(k):
        problem = sp.RootProblem(lambda y, args: y**2 - args[0](y) / y, guess=jnp.ones(()))
        return sp.solve(problem, args=(Record(lambda k, y: k * y, k), "label")).value

    np.testing.assert_allclose(jax.grad(f)(K), 0.5 * K**-0.5, rtol=1e-9)


@pytest.mark.slow
def test_second_derivatives_see_what_a_tangent_holds():
    def f(k):
        jacobian = lambda y, _: lx.MatrixLinearOperator(jnp.reshape(3 * k * y**2, (1, 1)))
        problem = sp.RootProblem(functools.partial(lambda k, y, _: k * y**3 - 2, k), jacobian=jacobian)
        return sp.solve(problem, jnp.ones(1)).value[0]

    np.testing.assert_allclose(jax.grad(jax.grad(f))(K), 2 ** (1 / 3) * 4 / 9 * K ** (-7 / 3), rtol=1e-8)


def minimiser(hide, k):
    return layers.Argmin(hide(lambda k, y, x: y**4 / 4 - k * y, k))(jnp.ones(())).value + k


def fixed_point(hide, k):
    return layers.FixedPoint(hide(lambda k, z, x: k / (1 + z), k))(None, jnp.ones(())).value + k


def layer(hide, k):
    return layers.Root(hide(lambda k, y, x: y**2 - k * x, k))(jnp.ones(()), jnp.ones(())).value + k


def ode(hide, k):
    equation = stepping.ODE(hide(lambda k, t, u, args: -k * u, k))
    watch = hide(lambda k, t, u, problem: k * u, k)
    found = stepping.march(stepping.BackwardEuler(), equation, 1.0, jnp.linspace(0.0, 0.3, 4), observe=watch)
    return found.observed[-1]


def adaptive(hide, k):
    equation = stepping.ODE(hide(lambda k, t, u, args: -k * u, k))
    found = stepping.march_adaptively(
        stepping.BackwardEuler(), equation, 1.0, (0.0, 0.3), rtol=0.1, first_step=0.1, max_steps=8
    )
    return found.final.u


SPACE = fem.FunctionSpace(fem.line(2, 1.0))
HELD = (fem.Dirichlet("left", 0.0),)


def heat(source, **options):
    return physics.Heat(SPACE, materials.IsotropicConduction(k=1.0), HELD, (physics.Closure(source),), **options)


def driven(hide, k):
    def drive(k, problem, t):
        return eqx.tree_at(lambda p: p.loads[0].scale, problem, k * t)

    body = heat(hide(lambda k, local, point: k * (1 - local.value**2), k), capacity=1.0)
    found = stepping.march(stepping.BackwardEuler(), body, 0.0, jnp.linspace(0.0, 0.1, 3), drive=hide(drive, k))
    return jnp.sum(found.final.u)


def phases(hide, k):
    law = materials.FreeEnergy(hide(lambda k, c: k * (c**2 - 1) ** 2 / 4, k))
    problem = physics.AllenCahn(SPACE, law, gradient_energy=0.1)
    found = stepping.march(stepping.BackwardEuler(), problem, 0.3, jnp.linspace(0.0, 0.1, 3))
    return jnp.sum(found.final.u**2)


def memory(hide, k):
    rate, potential = hide(lambda k, v: v[:6] - k * v[6:], k), hide(lambda k, e, z: k * jnp.sum((e - z) ** 2), k)
    law = materials.NeuralViscoelastic(materials.LinearElastic(E=1.0, nu=0.3), rate, potential)
    return law.update(jnp.diag(jnp.asarray([0.1, 0.0, -0.02])), law.initial() + 0.1, 0.5)[0][0, 0]


class Cell(layers.AbstractCell):
    function: Callable

    def inject(self, x):
        return x

    def start(self, u):
        return jnp.zeros_like(u)

    def __call__(self, z, u):
        return self.function(z, u)


def equilibrium(hide, k):
    network = layers.DeepEquilibrium(Cell(hide(lambda k, z, u: jnp.tanh(0.3 * k * z + u), k)))
    return jnp.sum(network(jnp.ones((1, 2))).value)


# (`driven` holds a closure as well.)
DOORS = [minimiser, fixed_point, layer, ode, adaptive, driven, phases, memory, equilibrium]


def test_a_fit_has_no_derivative():
    def fitted(k):
        model = inverse.Model(jnp.ones(1), lambda p: k * p, [2.0], 0.1)
        return inverse.fit(model, [inverse.Parameter("p", lambda p: p)]).values[0]

    for transformed, k in ((jax.grad(fitted), 1.0), (jax.jit(jax.grad(fitted)), 1.0), (jax.vmap(fitted), jnp.ones(1))):
        with pytest.raises(ValueError, match="has no derivative"):
            transformed(k)


@pytest.mark.slow
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_every_door_under_jit(door):
    # Times that were found are held fixed, which differences do not do; and a network is solved to a few digits.
    if door in (adaptive, equilibrium):
        check_door(jax.jit, door, STYLES["closure"])
    else:
        check_slope(door, STYLES["closure"])


@pytest.mark.breadth
@pytest.mark.parametrize("door", [minimiser, ode], ids=lambda door: door.__name__)
def test_doors_without_jit(door):
    check_door(lambda f: f, door, STYLES["record"])


def check_slope(door, hide):
    """As `check_door` under `jit`, by differences: one program, and one door in it."""
    both = jax.jit(jax.value_and_grad(lambda k: door(hide, k)))
    expected = (both(K + 1e-4)[0] - both(K - 1e-4)[0]) / 2e-4
    assert abs(expected) > 1e-2
    np.testing.assert_allclose(both(K)[1], expected, rtol=1e-5)


def check_door(compiled, door, hide):
    """What is hidden has the derivative that it has where it is handed over."""
    derivative = compiled(jax.jacrev(lambda k: jnp.stack([door(Partial, k), door(hide, k)])))
    expected, found = derivative(jnp.asarray(K))
    assert abs(expected) > 1e-2
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.slow
def test_a_march_that_failed_has_no_derivative_by_what_is_hidden():
    def last(hide, k):
        equation = stepping.ODE(hide(lambda k, t, u, args: k * u**2 + k, k))
        times = jnp.linspace(0.0, 4.0, 3)
        return stepping.march(stepping.BackwardEuler(), equation, 1.1, times, throw=False).values[-1] + k

    assert jnp.isnan(jax.jit(jax.grad(lambda k: last(functools.partial, k)))(K))


@pytest.mark.slow
def test_envelope_of_a_sheet():
    """The energy of plane stress is stationary with respect to the strain across the sheet."""

    def slope(hide, k):
        network = hide(lambda k, q, J: k * q[0] ** 2 + q[0] + q[1] * J[0] ** 2, k)
        law = materials.PlaneStress(materials.NeuralHyperelastic(mu=1.0, kappa=2.0, network=network))
        return law.energy(jnp.array([[2.0, 0.3], [0.0, 0.8]]))

    expected, found = jax.jit(jax.jacfwd(lambda k: jnp.stack([slope(Partial, k), slope(functools.partial, k)])))(K)
    assert abs(expected) > 1e-3
    np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("hide", [local_class, class_attribute], ids=lambda hide: hide.__name__)
def test_classes_are_as_opaque_as_functions(hide):
    """The envelope theorem's rule refuses nothing: what it does not see counts as 0."""
    at = lambda k: design.stationary(hide(lambda k, p, y: p * y**2 / 2 - k * y, k), jnp.asarray(2.0), k / 2.0)
    np.testing.assert_allclose(jax.grad(at)(K), -K / 2, rtol=1e-12)


def test_what_libraries_made_of_functions_is_looked_into():
    seen = []

    def look(k):
        layer = eqx.tree_at(lambda n: n.weight, eqx.nn.Linear(1, 1, key=jax.random.key(0)), k.reshape(1, 1))
        seen.extend(map(can_hide, (jax.jit(layer), jnp.tanh, jax.nn.relu, layer)))
        return k

    jax.grad(look)(jnp.asarray(K))
    assert seen == [True, False, False, False]


def applied(function, *arguments):
    return function(*arguments)


@pytest.mark.slow
def test_on_the_way_from_another_problem():
    """A path between two problems that hide the same."""

    def led(hide, k):
        function = hide(lambda k, q, y, args: y**3 + y - k * q, k)
        at = lambda q: sp.RootProblem(Partial(applied, function, q), guess=jnp.ones(()))
        return sp.solve(at(2.0 * k), jnp.ones(()), start=at(jnp.asarray(1.0))).value

    check_slope(led, STYLES["partial"])


class Own(sp.implicit.AbstractRootProblem):
    """A problem of a user's own, whose only arrays are traced ones."""

    function: Callable
    linear = False

    def residual(self, y, args):
        return self.function(y)

    def jacobian(self, y, args):
        return lx.JacobianLinearOperator(self.residual, y, args)

    def evaluate(self, y, args):
        return sp.implicit.Evaluated(self.function(y), jnp.ones(()), None)

    def unknowns(self, guess):
        return jnp.ones(()) if guess is None else guess

    def value(self, y):
        return self.function(2 * y)

    def unloaded(self):
        return None


@pytest.mark.slow
def test_a_problem_of_ones_own():
    check_slope(lambda hide, k: sp.solve(Own(hide(lambda k, y: y**2 - k, k))).value, STYLES["closure"])


def test_values_at_stationary_points():
    """f = p y² / 2 − k y at y = k / p: df/dk = −k / p, and y follows k in the second derivative."""

    def envelope(k):
        p = jnp.asarray(2.0)
        return design.stationary(functools.partial(lambda k, p, y: p * y**2 / 2 - k * y, k), p, k / p)

    np.testing.assert_allclose(jax.grad(envelope)(K), -K / 2, rtol=1e-12)
    np.testing.assert_allclose(jax.jit(jax.grad(jax.grad(envelope)))(K), -0.5, rtol=1e-12)


def test_what_is_hidden_from_a_rule_is_refused_by_name(monkeypatch):
    monkeypatch.setattr("simphys.implicit._captured.hides_values", lambda *_: False)
    with pytest.raises(ValueError, match=r"program of `root` depends on 1 traced value.*`args`"):
        jax.jit(jax.grad(lambda k: root(functools.partial, k)))(K)


def test_nothing_is_traced_again_outside_of_transformations():
    calls = []

    def residual(y, args):
        calls.append(None)
        return y**2 - args

    problem = sp.RootProblem(residual, guess=jnp.ones(()))
    sp.solve(problem, args=jnp.asarray(2.0))
    before = len(calls)
    sp.solve(problem, args=jnp.asarray(3.0))
    assert len(calls) == before


class OwnSignal(stepping.AbstractSignal):
    """A signal of a user's own."""

    function: Callable

    def __call__(self, t):
        return self.function(t)


def signal(hide, k):
    drive = stepping.Drive((lambda p: p.loads[0].value, OwnSignal(hide(lambda k, t: jnp.sin(k * t) + k, k))))
    body = physics.Heat(SPACE, materials.IsotropicConduction(k=1.0), HELD, (physics.Source(1.0),), capacity=1.0)
    return jnp.sum(stepping.march(stepping.BackwardEuler(), body, 0.0, jnp.linspace(0.0, 0.1, 2), drive=drive).final.u)


SQUARE = fem.rectangle((2, 1))
LAYOUT = design.Layout(SQUARE)


class Mine(design.AbstractGoal):
    """A goal of a user's own, with a solve within."""

    function: Callable

    @property
    def name(self):
        return "mine"

    def begin(self):
        return None

    def check(self, layout):
        pass

    def __call__(self, layout, x, memory):
        problem = sp.RootProblem(lambda y, _: y - self.function(jnp.sum(layout(x))) * jnp.cos(y), guess=jnp.ones(()))
        return sp.solve(problem).value, memory


def goal(hide, k):
    return design.AtMost(Mine(hide(lambda k, rho: 0.3 * k * rho, k)), 1.0)(LAYOUT, jnp.full(2, 0.5), None)[0]


def forced(hide, k):
    wave = stepping.sampled(np.sin(np.arange(4.0)), "linear")
    system = hide(lambda k, x, u: jnp.stack([x[1], u - k * x[0]]), k)
    return jnp.sum(stepping.simulate(system, wave, jnp.array([0]), 4, 1.0, adjoint=diffrax.DirectAdjoint()))


def corrected(hide, k):
    stepper = stepping.Hypersolver(stepping.BackwardEuler(), hide(lambda k, u, rate: k * u * rate, k))
    equation = stepping.ODE(lambda t, u, args: -u)
    return 100 * stepping.march(stepper, equation, jnp.ones(1), jnp.linspace(0.0, 0.3, 3)).final.u[0]


@pytest.mark.slow
@pytest.mark.parametrize("door", [signal, goal, forced, corrected], ids=lambda door: door.__name__)
def test_doors_of_marches_and_designs(door):
    """What cannot be hashed, too: programs that were compiled by Equinox and Diffrax asked for it."""
    check_slope(door, STYLES["record"])


def test_values_at_points_take_functions_without_a_hash():
    source = Record(lambda k, local, point: k * (1 - local.value**2), K)
    body, value = heat(source), jnp.linspace(0.0, 1.0, 3)
    np.testing.assert_allclose(body.resultant(value, "left"), heat(lambda *a: source(*a)).resultant(value, "left"))
    assert jnp.all(jnp.isfinite(body.residual(body.unknowns(None))))


@pytest.mark.slow
def test_gradient_of_many_tangents_of_a_march():
    """Checkpoints of steps ask what to keep of primitives that have a parameter called as JAX's own argument."""

    def last(u, k):
        equation = stepping.ODE(lambda t, u, args: -k * u**2)
        return stepping.march(stepping.BackwardEuler(), equation, u, jnp.linspace(0.0, 0.1, 3)).final.u

    slope = lambda k: jax.jacfwd(last)(jnp.ones(()), k)
    ends = jax.jit(jax.vmap(slope))(K + jnp.array([1e-4, -1e-4]))
    np.testing.assert_allclose(jax.grad(slope)(K), (ends[0] - ends[1]) / 2e-4, rtol=1e-6)


def test_what_runs_on_the_host_is_refused_by_name():
    refused = dict(
        measured=lambda k: inverse.Model(jnp.ones(1), lambda p: p, k[None], 0.1).measured[0],
        noise=lambda k: inverse.Model(jnp.ones(1), lambda p: p, [1.0], k).measured[0],
        check=lambda k: jnp.asarray(sp.check_gradient(lambda x: k * x**2, jnp.ones(())).order),
    )
    for name, function in refused.items():
        with pytest.raises(ValueError, match="has no derivative"):
            jax.grad(function)(jnp.asarray(K))
            pytest.fail(name)
