"""Random equations without a mesh: layers of networks, convex programs, functions that hide what they depend on."""

import functools
import types

import jax
import jax.numpy as jnp
import numpy as np
from _cases import Case, cast, pick, precision

import simphys as sp
from simphys import layers


NONE = jnp.zeros((), jnp.int32)


class _Plain:
    def __init__(self, function, k):
        self.function, self.k = function, k

    def method(self, *arguments):
        return self.function(self.k, *arguments)

    __call__ = method


def _default(function, k):
    return lambda *arguments, k=k: function(k, *arguments)


def _nested(function, k):
    box = {"k": [k]}
    inner = lambda *arguments: function(box["k"][0], *arguments)
    return lambda *arguments: inner(*arguments)


WAYS = {
    "closure": lambda function, k: lambda *arguments: function(k, *arguments),
    "partial": functools.partial,
    "jax partial": lambda function, k: jax.tree_util.Partial(function, k),
    "method": lambda function, k: _Plain(function, k).method,
    "callable object": _Plain,
    "default argument": _default,
    "namespace": lambda function, k: types.SimpleNamespace(f=_default(function, k)).f,
    "nested": _nested,
}


def root(rng):
    """Roots and minimisers of functions that hide θ."""
    hidden, kind = pick(rng, WAYS), pick(rng, ["RootProblem", "Root", "Argmin", "energy"])
    way, drawn = WAYS[hidden], jnp.asarray(rng.uniform(-0.3, 0.3, (3, 3)))

    def residual(k, y, a):
        return y**3 * k[0] + 2 * y + drawn.astype(y.dtype) @ jnp.sin(y) - k

    def energy(k, y, a):
        return jnp.sum(k[0] ** 2 * y**4 / 4 + y**2 - k * y) + jnp.sum(jnp.cos(drawn.astype(y.dtype) @ y))

    def function(k):
        dtype, method = precision(k)
        guess = jnp.full(3, 0.4, dtype)
        if kind == "RootProblem":
            y = sp.solve(sp.RootProblem(way(residual, k)), guess, method=method).value
        elif kind == "energy":
            y = sp.solve(sp.RootProblem(energy=way(energy, k)), guess, method=method).value
        elif kind == "Root":
            y = layers.Root(way(residual, k), method)(guess).value
        else:
            y = layers.Argmin(way(energy, k), rtol=1e-10 if dtype == jnp.float64 else 1e-4)(guess).value
        return y, NONE

    return Case(f"{kind}, {hidden}", jnp.array([0.9, 0.3, -0.5]), function)


ITERATIONS = {
    "Anderson": layers.Anderson,
    "Broyden": layers.Broyden,
    "Damped": layers.Damped,
    "Newton–Krylov": layers.newton_krylov,
}


def fixed_point(rng):
    """Fixed points: of a function that hides θ, or deep-equilibrium networks for a batch."""
    iteration = pick(rng, ITERATIONS)
    kind, rule, only = pick(
        rng,
        [
            ("by default", None, "first"),
            ("implicit", sp.Implicit(rtol=1e-9), None),
            ("unrolled", sp.Unrolled(), "reverse"),
            ("one step of many", sp.OneStep(steps=12), "first"),
        ],
    )
    if iteration == "Newton–Krylov" and kind == "unrolled":
        kind, rule, only = "by default", None, "first"
    tight = lambda dtype: 1e-11 if dtype == jnp.float64 else 1e-5
    rule_for = lambda dtype: sp.Implicit(rtol=1e-4) if kind == "implicit" and dtype != jnp.float64 else rule
    method = lambda dtype: ITERATIONS[iteration](rtol=tight(dtype))
    if rng.random() < 0.5:
        hidden, drawn = pick(rng, WAYS), jnp.asarray(rng.uniform(-0.3, 0.3, (3, 3)))

        def contraction(k, z, a):
            return jnp.tanh(drawn.astype(z.dtype) @ z + k)

        def function(k):
            layer = layers.FixedPoint(WAYS[hidden](contraction, k), method(k.dtype), rule_for(k.dtype))
            y = layer(guess=jnp.full(3, 0.4, k.dtype)).value
            return y, NONE

        return Case(f"FixedPoint {iteration}, {hidden}, {kind}", jnp.array([0.9, 0.3, -0.5]), function, only)
    cell = layers.DenseCell(3, 4, key=jax.random.key(int(rng.integers(1000))))
    x = jnp.asarray(rng.uniform(-1, 1, (2, 3)))

    def network(parameters):
        dtype, _ = precision(parameters)
        cell, x = parameters
        z = layers.DeepEquilibrium(cell, method(dtype), rule_for(dtype))(x).value
        return z, NONE

    return Case(f"DeepEquilibrium {iteration}, {kind}", (cast(cell, jnp.float64), x), network, only)


def qp(rng):
    """Convex programs with active and with far bounds: dense, sparse, with second-order cones."""
    n, m = 5, 6
    draw = lambda *shape: jnp.asarray(rng.uniform(-1, 1, shape))
    factor, far = draw(n, n), pick(rng, [1.0, 1e6, 1e9])
    kind = pick(rng, ["QP", "QP", "SparseQP", "cones"])
    rule = pick(rng, [sp.Implicit(), sp.OneStep()])
    data = dict(Q=factor @ factor.T + jnp.eye(n), q=draw(n), A=draw(1, n), b=draw(1), G=draw(m, n), h=jnp.ones(m))
    data["h"] = data["h"].at[0].mul(far).at[1].set(0.3)
    if kind == "cones":
        data["h"] = data["h"].at[m - 2 :].set(0.1)
    sparse = (
        layers.SparseQP(**{k: np.asarray(v) for k, v in data.items()}, adjoint=rule) if kind == "SparseQP" else None
    )

    def function(data):
        data = {**data, "Q": (data["Q"] + data["Q"].T) / 2}
        if sparse is not None:
            found = sparse(throw=False, **{k: v.ravel() for k, v in data.items()})
        else:
            found = layers.QP(**data, second_order=(3,) if kind == "cones" else (), adjoint=rule)(throw=False)
        return found.value, found.weakly_active

    only = None if isinstance(rule, sp.Implicit) else "first"
    return Case(f"{kind}, far bound {far:g}, {type(rule).__name__}", data, function, only, single=sparse is None)
