"""Curves y(x; a, b) through points: the smallest models that are fitted."""

import equinox as eqx
import jax
import jax.numpy as jnp

from simphys.inverse import Parameter


class Curve(eqx.Module):
    a: jax.Array
    b: jax.Array


def curve(a=1.0, b=1.0):
    return Curve(jnp.array(a), jnp.array(b))


X = jnp.linspace(0.0, 2.0, 30)
BOTH = [Parameter("a", lambda c: c.a), Parameter("b", lambda c: c.b)]
