"""Ensembles under `vmap` beside a loop: `python -m tests.benchmarks ensemble [linear|neo-Hooke|block] [--members 8 64]`.

A sheet of 50 × 50 quadrilaterals (5,202 unknowns) under plane strain, or a block of 11³ hexahedra (5,184), clamped and
stretched by a tenth; members differ in the stiffness of each element, exp(0.3 ξ). Loss mean(u²), gradient with respect to
all stiffnesses. A call comes with other members each time. CPU seconds tell what a shared machine does not blur.
"""

import argparse
import functools
import os
import statistics
import time


CASES = ("linear", "neo-Hooke", "block")


def main(arguments: list[str]) -> int:
    """Run the command line."""
    import jax

    jax.config.update("jax_enable_x64", True)
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks ensemble", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--members", type=int, nargs="+", default=[8, 64])
    parser.add_argument("--calls", type=int, default=3)
    options = parser.parse_args(arguments)
    print(f"load {os.getloadavg()[0]:.1f}; ms for each member, loop / vmap, on the clock (of CPU time)\n")
    for name in options.cases or CASES:
        if name not in CASES:
            raise SystemExit(f"There is no case {name!r}; there are {', '.join(CASES)}.")
        ensemble = Ensemble(name)
        for members in options.members:
            print(line(name, ensemble.measure(members, options.calls)), flush=True)
    return 0


def line(name: str, row: dict) -> str:
    """Put a measurement into words."""
    parts = [f"{name}, {row['members']} of {row['unknowns']:,} unknowns:"]
    for what in ("forward", "gradient"):
        (loop, loop_cpu), (many, many_cpu) = row[what]["loop"], row[what]["vmap"]
        parts.append(
            f"{what} {1e3 * loop:.1f} / {1e3 * many:.1f} ({1e3 * loop_cpu:.1f} / {1e3 * many_cpu:.1f}), "
            f"{many / loop:.2f} ({many_cpu / loop_cpu:.2f}) of the loop;"
        )
    parts.append(f"first call {row['first_s']:.1f} s; factors {row['factors_mb']:.0f} MB; differs {row['differs']:.0e}")
    return " ".join(parts)


class Ensemble:
    """A body whose members differ in the stiffness of each element, and the programs that are timed."""

    def __init__(self, name: str, cells: int | None = None):
        import equinox as eqx
        import jax.numpy as jnp

        import simphys as sp

        block = name == "block"
        mesh = sp.fem.box((cells or 11,) * 3) if block else sp.fem.rectangle((cells or 50,) * 2)
        space = sp.fem.FunctionSpace(mesh, components=mesh.dim)
        field = sp.fem.CellField(jnp.ones(mesh.n_cells))
        law = (
            sp.materials.NeoHooke(mu=field, lam=1.0)
            if name == "neo-Hooke"
            else sp.materials.LinearElastic(E=field, nu=0.3)
        )
        law = law if block else sp.materials.PlaneStrain(law)
        ends = [sp.fem.Dirichlet("left", 0.0), sp.fem.Dirichlet("right", (0.1, *(None,) * (mesh.dim - 1)))]
        self.solid = sp.physics.Solid(space, law, ends)
        self.size, self.unknowns = mesh.n_cells, space.n_dofs

        def stiffness(solid):
            own = solid.material if block else solid.material.material
            return (own.mu if name == "neo-Hooke" else own.E).values

        def loss(x, solid):
            return jnp.mean(sp.solve(eqx.tree_at(stiffness, solid, x)).value ** 2)

        gradient = eqx.filter_value_and_grad(loss)
        self.one = {"forward": eqx.filter_jit(loss), "gradient": eqx.filter_jit(gradient)}
        many = functools.partial(eqx.filter_vmap, in_axes=(0, None))
        self.many = {"forward": eqx.filter_jit(many(loss)), "gradient": eqx.filter_jit(many(gradient))}

    def members(self, count: int, seed: int):
        """Return the stiffnesses of so many members."""
        import jax.numpy as jnp
        import numpy as np

        return jnp.asarray(np.exp(0.3 * np.random.default_rng(seed).standard_normal((count, self.size))))

    def measure(self, count: int, calls: int = 3) -> dict:
        """Return seconds of a member, (on the clock, of CPU time), by a loop and by `vmap`; and how far both differ."""
        import jax
        import numpy as np

        import simphys as sp

        x = self.members(count, 0)
        started = time.perf_counter()
        jax.block_until_ready(self.many["gradient"](x, self.solid))
        row = {"members": count, "unknowns": self.unknowns, "first_s": time.perf_counter() - started}
        looped = lambda what: lambda x: [self.one[what](member, self.solid) for member in x]
        together = lambda what: lambda x: self.many[what](x, self.solid)
        for what in ("forward", "gradient"):
            ways = {"loop": looped(what), "vmap": together(what)}
            row[what] = {way: self._timed(f, count, calls) for way, f in ways.items()}
        each, whole = looped("gradient")(x), together("gradient")(x)
        far = [np.max(np.abs(g - w)) / np.max(np.abs(g)) for (_, g), w in zip(each, np.asarray(whole[1]), strict=True)]
        return row | {"differs": float(max(far)), "factors_mb": sp.linalg.caches()["factors"].size / 1e6}

    def _timed(self, function, count, calls):
        import jax

        jax.block_until_ready(function(self.members(count, 1)))
        found = []
        for k in range(calls):
            x = jax.block_until_ready(self.members(count, 2 + k))
            wall, cpu = time.perf_counter(), time.process_time()
            jax.block_until_ready(function(x))
            found.append(((time.perf_counter() - wall) / count, (time.process_time() - cpu) / count))
        return tuple(statistics.median(column) for column in zip(*found, strict=True))
