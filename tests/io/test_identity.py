"""What makes a problem another one: numbers, structure, static fields, and all that its functions are and read."""

import dataclasses
import functools
import os
import subprocess
import sys
import textwrap
import threading
import types

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import simphys as sp
from simphys.io import identity_digest
from simphys.stepping import BDF2, ODE, BackwardEuler, Drive, Equilibrium, Ramp, Sine, Theta


def digest(tree, **options):
    return identity_digest(tree, "`problem`", **options)


def decay(t, u, a):
    return -u


def growth(t, u, a):
    return +u


class Rate(eqx.Module):
    k: jax.Array
    power: int = eqx.field(static=True, default=1)

    def __call__(self, t, u, a):
        return -self.k * u**self.power


class Plain:
    def __init__(self, k):
        self.k = k

    def rate(self, t, u, a):
        return -self.k * u

    def __call__(self, t, u, a):
        return self.rate(t, u, a)


class Slotted:
    __slots__ = ("k",)

    def __init__(self, k):
        self.k = k

    def __call__(self, t, u, a):
        return -self.k * u


@dataclasses.dataclass
class Data:
    k: float

    def __call__(self, t, u, a):
        return -self.k * u


def closing_over(k):
    return lambda t, u, a: -k * u


def calling(function):
    return lambda t, u, a: function(t, u, a)


def nested(k):
    def outer(t, u, a):
        inner = lambda x: x * 2.0 if k else x * 3.0
        return inner(u)

    return outer


def with_default(k):
    def rate(t, u, a, k=k):
        return -k * u

    return rate


def with_keyword(k):
    def rate(t, u, a, *, k=k):
        return -k * u

    return rate


def with_attribute(k):
    function = lambda t, u, a: -function.k * u
    function.k = k
    return function


def reading_global(source, **names):
    """A function of a module of its own, whose globals differ."""
    module = types.ModuleType("users_module")
    module.__dict__.update(names, jnp=jnp)
    exec(textwrap.dedent(source), module.__dict__)
    return module.rate


GLOBAL = "def rate(t, u, a):\n    return -k * u"
HELPER = "def helper(u):\n    return {} * u\ndef rate(t, u, a):\n    return [helper(x) for x in u]"
MODULE = "def rate(t, u, a):\n    return other.inner.k * u"


def modules(k):
    outer, inner = types.ModuleType("outer_of_a_user"), types.ModuleType("inner_of_a_user")
    outer.inner, inner.k = inner, k
    return outer


def class_with(body):
    return reading_global(f"class Law:\n    {body}\n    def __call__(self, t, u, a):\n        return u\nrate = Law()")


OTHERS = {
    "another function": (decay, growth),
    "a lambda": (lambda t, u, a: -u, lambda t, u, a: -u * u),
    "a constant": (lambda t, u, a: -2.0 * u, lambda t, u, a: -3.0 * u),
    "a constant's type": (lambda t, u, a: -2 * u, lambda t, u, a: -2.0 * u),
    "an attribute": (lambda t, u, a: jnp.sin(u), lambda t, u, a: jnp.cos(u)),
    "a set": (lambda t, u, a: u in {1, 2}, lambda t, u, a: u in {1, 3}),
    "a closure": (closing_over(1.0), closing_over(2.0)),
    "an array in a closure": (closing_over(np.arange(3.0)), closing_over(np.array([0.0, 1.0, 2.5]))),
    "a function in a closure": (calling(decay), calling(growth)),
    "a closure within": (nested(True), nested(False)),
    "a default": (with_default(1.0), with_default(2.0)),
    "a keyword's default": (with_keyword(1.0), with_keyword(2.0)),
    "a global": (reading_global(GLOBAL, k=1.0), reading_global(GLOBAL, k=2.0)),
    "a global that is not there": (reading_global(GLOBAL, k=1.0), reading_global(GLOBAL)),
    "a global function": (reading_global(HELPER.format(1)), reading_global(HELPER.format(2))),
    "a global's attribute": (reading_global(MODULE, other=modules(1.0)), reading_global(MODULE, other=modules(2.0))),
    "an attribute of a function": (with_attribute(1.0), with_attribute(2.0)),
    "partial": (functools.partial(closing_over, 1.0), functools.partial(closing_over, 2.0)),
    "JAX's partial": (jax.tree_util.Partial(decay, k=1.0), jax.tree_util.Partial(decay, k=2.0)),
    "Equinox's partial": (eqx.Partial(decay, 1.0), eqx.Partial(growth, 1.0)),
    "grad of checkpoint": (jax.grad(jax.checkpoint(closing_over(1.0))), jax.grad(jax.checkpoint(closing_over(2.0)))),
    "a traced program": (jax.make_jaxpr(decay)(0.0, 1.0, 0.0), jax.make_jaxpr(growth)(0.0, 1.0, 0.0)),
    "a traced program's constant": tuple(
        jax.make_jaxpr(closing_over(np.full(9, k)))(0.0, 1.0, 0.0) for k in (1.0, 2.0)
    ),
    "jit": (jax.jit(decay), jax.jit(growth)),
    "vmap of jit": (jax.vmap(jax.jit(closing_over(1.0))), jax.vmap(jax.jit(closing_over(2.0)))),
    "filter_jit": (eqx.filter_jit(decay), eqx.filter_jit(growth)),
    "custom_jvp": (jax.custom_jvp(decay), jax.custom_jvp(growth)),
    "a bound method": (Plain(1.0).rate, Plain(2.0).rate),
    "a module's bound method": (Rate(jnp.ones(())).__call__, Rate(jnp.ones(()), 2).__call__),
    "a plain object": (Plain(1.0), Plain(2.0)),
    "an object with slots": (Slotted(1.0), Slotted(2.0)),
    "a dataclass": (Data(1.0), Data(2.0)),
    "an array": (Rate(jnp.asarray(1.0)), Rate(jnp.asarray(2.0))),
    "a static field": (Rate(jnp.asarray(1.0)), Rate(jnp.asarray(1.0), 2)),
    "a method of a class": (class_with("def f(self): return 1"), class_with("def f(self): return 2")),
    "an attribute of a class": (class_with("k = 1"), class_with("k = 2")),
    "an activation": (jax.nn.relu, jax.nn.silu),
    "a ufunc": (np.sin, np.cos),
    "a built-in": (max, min),
    "a precision": (np.float32(1), np.float64(1)),
    "a shape": (np.zeros((2, 3)), np.zeros((3, 2))),
    "order": ([1, 2], [2, 1]),
    "a key": ({"a": 1}, {"b": 1}),
    "a random key": (jax.random.key(0), jax.random.key(1)),
    "list and tuple": ([1], (1,)),
    "a signal": (Drive((lambda b: b.k, Sine(1.0))), Drive((lambda b: b.k, Sine(2.0)))),
    "another signal": (Drive((lambda b: b.k, Sine(1.0))), Drive((lambda b: b.k, Ramp(0.0, 1.0)))),
    "what is picked": (Drive((lambda b: b.k, Sine(1.0))), Drive((lambda b: b.h, Sine(1.0)))),
    "a stepper": (BackwardEuler(), BDF2()),
    "a stepper's number": (Theta(0.5), Theta(0.6)),
    "equilibria": (BackwardEuler(), Equilibrium()),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_differs_is_another_problem(kind):
    a, b = (ODE(function) for function in OTHERS[kind])
    assert digest(a) == digest(a) != digest(b)


def test_stored_by_and_arguments_count():
    assert len({digest(ODE(*rest)) for rest in ((decay,), (decay, 1.0), (decay, None, lambda u: u))}) == 3


def body(law="strain", side="right", value=1.0, **options):
    law = {
        "strain": lambda: sp.materials.PlaneStrain(sp.materials.LinearElastic(E=2.0, nu=0.3)),
        "stress": lambda: sp.materials.PlaneStress(sp.materials.LinearElastic(E=2.0, nu=0.3)),
        "log": lambda: sp.materials.PlaneStrain(sp.materials.NeoHooke(mu=1.0, lam=2.0)),
        "taylor": lambda: sp.materials.PlaneStrain(
            sp.materials.NeoHooke(mu=1.0, lam=2.0, volumetric=sp.materials.SimoTaylor())
        ),
    }[law]()
    space = sp.fem.FunctionSpace(sp.fem.rectangle((2, 2)), components=2)
    loads = [sp.physics.Traction(side, jnp.array([value, 0.0]))]
    return sp.physics.Solid(space, law, [sp.fem.Dirichlet("left", 0.0)], loads, density=1.0, **options)


def test_bodies_that_differ():
    kinds = (
        dict(law="stress"),
        dict(law="log"),
        dict(law="taylor"),
        dict(side="top"),
        dict(value=2.0),
        dict(thickness=2.0),
        {},
    )
    assert len({digest(body(**given)) for given in kinds}) == len(kinds)
    # Built anew, with other random keys, it is the same.
    assert digest(body()) == digest(body())


def test_what_changes_nothing():
    """Where a function stands, what its variables are called, what was computed before."""
    for a, b in (
        (lambda t, u, a: -u * 2.0, lambda s, y, b: -y * 2.0),
        (closing_over(1.0), closing_over(1.0)),
        (reading_global(GLOBAL, k=1.0, unused=3), reading_global(GLOBAL, k=1.0, other=4)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (jax.jit(lambda t, u, a: u), jax.jit(lambda t, u, a: u)),
    ):
        assert digest(a) == digest(b)
    used = jax.jit(decay)
    before = digest(used)
    used(0.0, 1.0, None)
    assert digest(used) == before


def test_what_refers_to_itself():
    loop = []
    loop.append(loop)
    recursive = reading_global("def rate(t, u, a):\n    return rate(t, u, a)")
    assert digest(loop) == digest(loop) and digest(recursive) == digest(recursive)


@pytest.mark.parametrize(
    "thing", [threading.Lock(), sys.stdout, (x for x in ()), np.random.default_rng(0)], ids=lambda x: type(x).__name__
)
def test_what_cannot_be_compared_is_refused_unless_vouched_for(thing):
    function = lambda t, u, a: thing or u
    with pytest.raises(ValueError, match=r"`problem`\.function → .*<lambda> → `thing` is a .* give a `name=`"):
        digest(ODE(function))
    assert digest(ODE(function), functions=False) == digest(ODE(decay), functions=False)


def test_vouched_for_functions_leave_numbers():
    assert digest(ODE(decay, 1.0), functions=False) == digest(ODE(growth, 1.0), functions=False)
    assert digest(ODE(decay, 1.0), functions=False) != digest(ODE(decay, 2.0), functions=False)
    assert digest(body(), functions=False) != digest(body("stress"), functions=False)


def test_traced_problems_are_refused():
    with pytest.raises(ValueError, match="is traced"):
        jax.jit(lambda k: digest(ODE(decay, k)) and k)(1.0)


SCRIPT = """
    import sys; sys.path.insert(0, {folder!r})
    import jax; jax.config.update("jax_enable_x64", True)
    import test_identity as here
    print(here.digest(here.body()), here.digest([pair for pair in here.OTHERS.values()]))
"""


@pytest.mark.slow
def test_the_same_in_another_process():
    script = textwrap.dedent(SCRIPT).format(folder=os.path.dirname(__file__))
    env = os.environ | {"PYTHONHASHSEED": "7"}
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=env).stdout
    assert found.split() == [digest(body()), digest([pair for pair in OTHERS.values()])]
