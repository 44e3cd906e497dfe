"""Time and memory against unknowns, on logarithmic axes."""

import pathlib


PANELS = (
    ("t_forward", "forward, warm (s)"),
    ("t_grad", "forward + gradient, warm (s)"),
    ("rss_mb", "peak memory (MB)"),
)
COLOURS = {
    "simphys": "#111111", "torch-fem": "#d1495b", "jax-fem": "#e08e1b", "feax": "#7b4fa6", "tatva": "#2a7fba",
    "autopdex": "#3a9d5d", "felupe": "#b5651d", "scikit-fem": "#8c8c8c", "ngsolve": "#5f9ea0", "dolfinx": "#c45ab3",
}  # fmt: skip


def draw(rows: list[dict], out: pathlib.Path) -> list[pathlib.Path]:
    """Write one picture for each case into the folder `out`; return their paths."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    paths = []
    for case in sorted({row["problem"] for row in rows if "failed" not in row}):
        here = [row for row in rows if row["problem"] == case and "failed" not in row]
        figure, axes = plt.subplots(1, len(PANELS), figsize=(13, 4.6), layout="constrained")
        for axis, (key, label) in zip(axes, PANELS):
            _panel(axis, here, key, label)
        figure.suptitle(case)
        # Packages that cannot give a gradient are in the other panels only.
        handles = {t: h for axis in axes for h, t in zip(*axis.get_legend_handles_labels())}
        figure.legend(
            handles.values(), handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=8
        )
        paths.append(out / f"{case}.png")
        figure.savefig(paths[-1], dpi=130)
        plt.close(figure)
    return paths


def _panel(axis, rows, key, label):
    rows = [row for row in rows if row.get(key)]
    if not rows:
        return axis.set_axis_off()
    low, high = min(row["dofs"] for row in rows), max(row["dofs"] for row in rows)
    for package in [name for name in COLOURS if any(row["package"] == name for row in rows)]:
        mine = [row for row in rows if row["package"] == package]
        points = sorted((row["dofs"], row[key]) for row in mine)
        own = package == "simphys"
        style = dict(lw=2.6, ms=6, zorder=3) if own else dict(lw=1.2, ms=4)
        axis.loglog(*zip(*points), "o-", color=COLOURS[package], label=package, **style)
        if own and high > low and key != "rss_mb":
            (_, y0) = points[0]
            guide = [0.6 * y0, 0.6 * y0 * high / low]
            axis.loglog([low, high], guide, ":", color="#999999", lw=1)
            place = dict(xytext=(0, -22), textcoords="offset points", ha="right", va="top")
            axis.annotate("∝ unknowns", (high, guide[1]), fontsize=7, color="#777777", **place)
    _ticks(axis, sorted({row["dofs"] for row in rows}))
    axis.set_xlabel("unknowns")
    axis.set_title(label, fontsize=10)
    axis.grid(True, which="major", color="#e4e4e4", lw=0.7)
    axis.spines[["top", "right"]].set_visible(False)


def _ticks(axis, sizes):
    """Mark the sizes that were run, in thousands, leaving out what would overlap; plain numbers for values."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

    apart = (sizes[-1] / sizes[0]) ** 0.12
    shown = []
    for size in reversed(sizes):
        if not shown or shown[-1] / size > apart:
            shown.append(size)
    axis.xaxis.set_major_locator(FixedLocator(shown))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x / 1000:.3g}k" if x >= 1000 else f"{x:.0f}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    axis.yaxis.set_minor_formatter(NullFormatter())
