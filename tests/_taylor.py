"""Taylor tests by one program."""

import functools

import equinox as eqx

import simphys as sp
from simphys.implicit._taylor import of_strong_types


@functools.lru_cache(maxsize=4)
def program(f):
    """Return x ↦ f(x), its gradient and certificate, compiled as `check_gradient` has it."""
    return eqx.filter_jit(sp.value_and_grad(f))


def check_gradient(f, x, **options):
    """As `simphys.check_gradient`, with all values and the gradient from one program: their compilation is what counts."""
    both, x = program(f), of_strong_types(x)
    return sp.check_gradient(lambda x: both(x)[0], x, known=both(x)[:2], **options)
