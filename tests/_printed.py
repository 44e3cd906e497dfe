"""Code of a page is run, and what its prints say is compared with the comments behind them."""

import ast
import re
import sys


NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])")


def agrees(printed: str, comment: str) -> bool:
    """Tell whether a line reads as its comment, numbers to the digits that stand there.

    The comment is what is printed, … for anything, behind which a colon and words may follow.
    """
    heads = [comment, *(comment[: found.start()] for found in re.finditer(r": ", comment))]
    return any(_reads_as(printed.strip(), head.strip()) for head in heads)


def _reads_as(printed, wanted):
    spaces = [".*".join(map(re.escape, part.split("…"))) for part in NUMBER.split(wanted)]
    found = re.fullmatch(f"({NUMBER.pattern})".join(spaces), printed)
    return found is not None and all(map(_to_its_digits, found.groups(), NUMBER.findall(wanted)))


def _to_its_digits(printed, wanted):
    mantissa, _, exponent = wanted.lower().partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    return abs(float(printed) - float(wanted)) <= unit * (0.5 + 1e-6)


def run(block: str, scope: dict, name: str):
    """Run a block of code; `AssertionError` where a line does not print what its comment says, or prints nothing."""
    said: dict[int, list[str]] = {}

    def recorded(*parts, sep=" ", **options):
        frame = sys._getframe(1)
        if frame.f_code.co_filename == name:
            said.setdefault(frame.f_lineno, []).append(sep.join(map(str, parts)))
        print(*parts, sep=sep, **options)

    scope["print"] = recorded
    tree = ast.parse(block)
    exec(compile(tree, name, "exec"), scope)
    lines = block.splitlines()
    for call in filter(_prints, ast.walk(tree)):
        comment = re.match(r"\s*#\s*(.*)", lines[call.end_lineno - 1].encode()[call.end_col_offset :].decode())
        if comment:
            found = said.get(call.lineno, [])
            wrong = [text for text in found if not agrees(text, comment.group(1))]
            assert found and not wrong, f"{lines[call.end_lineno - 1]}\nprinted {wrong or 'nothing'}"


def _prints(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
