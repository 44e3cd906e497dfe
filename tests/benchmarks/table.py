"""Results as tables, one for each case and size."""

COLUMNS = (
    ("package", "package"), ("to first", "time_to_first"), ("import", "t_import"), ("set-up", "t_setup"),
    ("first call", "t_compile_first"), ("forward", "t_forward"), ("scaled", "t_forward_scaled"),
    ("same", "t_forward_same"), ("fwd+grad", "t_grad"), ("same", "t_grad_same"), ("cpu fwd", "cpu_f"),
    ("cpu grad", "cpu_g"), ("Newton", "newton_iters"), ("linear", "linear_iters"), ("solver", "solver"),
    ("residual", "residual"), ("MB", "rss_mb"), ("kB/unknown", "per_unknown"), ("check", "check"), ("off by", "off"),
    ("gradient off by", "grad_off"), ("load", "load"),
)  # fmt: skip


def tables(rows: list[dict]) -> str:
    """Return Markdown: seconds, iterations, peak memory, check values and how far they are from simphys's."""
    parts = []
    for case, size in sorted({(row["problem"], row["size"]) for row in rows}):
        here = [row for row in rows if (row["problem"], row["size"]) == (case, size)]
        done = [row for row in here if "failed" not in row]
        dofs = f", {done[0]['dofs']:,} unknowns" if done else ""
        parts.append(f"### {case}, N = {size}{dofs}\n")
        if done:
            reference = next((row for row in done if row["package"] == "simphys"), done[0])
            parts.append(_table([_cells(row, reference) for row in done]))
        parts += [f"{row['package']} failed: {row['failed']}\n" for row in here if "failed" in row]
    return "\n".join(parts)


def deviation(row: dict, reference: dict, key: str) -> float | None:
    """|a − b| / |b| for a row's value and the reference's, None where one of them is missing."""
    a, b = row.get(key), reference.get(key)
    return None if a is None or b is None else abs(a - b) / max(abs(b), 1e-300)


def _cells(row, reference):
    cpu = row.get("cpu_s") or {}
    more = {
        "cpu_f": cpu.get("f"),
        "cpu_g": cpu.get("g"),
        "per_unknown": row["rss_mb"] * 1024 / row["dofs"],
        "off": deviation(row, reference, "check"),
        "grad_off": deviation(row, reference, "grad_check"),
        "solver": row.get("solver") or row.get("variant"),
    }
    return [_text(key, (row | more).get(key)) for _, key in COLUMNS]


def _text(key, value):
    if value is None:
        return "-"
    if key == "check":
        return f"{value:.9g}"
    if key in ("residual", "off", "grad_off"):
        return f"{value:.1e}"
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)


def _table(lines):
    lines = [[name for name, _ in COLUMNS], *lines]
    widths = [max(len(line[k]) for line in lines) for k in range(len(COLUMNS))]
    draw = lambda line: "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |"
    rule = "| " + " | ".join("-" * width for width in widths) + " |"
    return "\n".join([draw(lines[0]), rule, *map(draw, lines[1:])]) + "\n"
