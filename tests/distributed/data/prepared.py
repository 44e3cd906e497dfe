"""A plate that one process has prepared, solved by those that have a part of it each; tells what it opens."""

import pathlib
import sys

import jax
import jax.numpy as jnp


jax.config.update("jax_enable_x64", True)
port, count, number = map(int, sys.argv[1:4])
folder = pathlib.Path(sys.argv[4])
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(f"127.0.0.1:{port}", count, number, initialization_timeout=60)


def seen(event, arguments):
    """Tell of files that are opened in the folder."""
    if event == "open" and str(arguments[0]).startswith(str(folder)):
        print("OPENED", pathlib.Path(arguments[0]).name)


sys.addaudithook(seen)
import simphys as sp  # noqa: E402


like = sp.physics.Heat(
    sp.fem.FunctionSpace(sp.fem.rectangle((1, 1)), degree=1),
    sp.materials.IsotropicConduction(k=sp.fem.CellField(jnp.ones(1))),
    [sp.fem.Dirichlet("left", 0.0)],
    [sp.physics.Flux("right", 1.0)],
)
parts, plate = sp.distributed.read_divided(folder, like)
value = sp.solve(plate, method=sp.Newton(rtol=1e-12)).value
print("FOUND", repr(float(jax.jit(lambda u: jnp.sum(u**2))(value))))
