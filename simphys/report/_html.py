"""Pieces of HTML, with everything that comes from outside escaped."""

import html
import math
from typing import Any


def text(value: Any) -> str:
    """Return a value as it is read: numbers in six digits, lists in parentheses, nothing as a dash."""
    return html.escape(_plain(value))


def _plain(value):
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else "–"
    if isinstance(value, list | tuple):
        shown = ", ".join(map(_plain, value[:12]))
        return f"({shown}{', ...' if len(value) > 12 else ''})"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_plain(entry)}" for name, entry in value.items())
    return str(value)


def table(caption: str, head, rows) -> str:
    """Return a table; columns in which nothing stands are left out."""
    rows = [list(row) for row in rows]
    kept = [i for i in range(len(head)) if any(row[i] not in (None, "") for row in rows)]
    if not rows or not kept:
        return ""
    names = "".join(f'<th scope="col">{text(head[i])}</th>' for i in kept)
    lines = "".join(f"<tr>{_row(row, kept)}</tr>" for row in rows)
    title = f"<caption>{text(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>"


def _row(row, kept):
    cell = lambda value: f'<td class="number">{text(value)}</td>' if _is_number(value) else f"<td>{text(value)}</td>"
    return "".join(
        f'<th scope="row">{text(row[i])}</th>' if i == kept[0] and isinstance(row[i], str) else cell(row[i])
        for i in kept
    )


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def pairs(caption: str, entries: dict) -> str:
    """Return a table of names and values."""
    return table(caption, ("", "value"), [(name.replace("_", " "), value) for name, value in entries.items()])


def section(title: str, *parts: str, folded: bool = False) -> str:
    """Return a section of those parts that are not empty; nothing without any."""
    body = "".join(part for part in parts if part)
    if not body:
        return ""
    if folded:
        return f"<section><details><summary><h2>{text(title)}</h2></summary>{body}</details></section>"
    return f"<section><h2>{text(title)}</h2>{body}</section>"
