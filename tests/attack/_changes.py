"""How valid inputs are made invalid."""

import io
import pathlib
import random
import re

import numpy as np


HOSTILE = (
    "0", "-1", "1", "3", "0.0", "-0.0", "1e308", "-1e308", "1e-308", "1e400", "nan", "inf", "-inf", "true",
    '""', '"x"', '"1"', "[]", "[[]]", "[1.0]", "[1.0, 2.0]", "[1.0, 2.0, 3.0, 4.0]", "{}", "{ a = 1 }",
    "9223372036854775807", "9" * 30, "9" * 400, "99999999", "1_0", "1979-05-27", "[" * 50,
    '"../../evil"', '"/etc/hostname"', '"."', '"' + "a" * 300 + '"', '"\\u0000"', '"²"',
)  # fmt: skip


def mutated_scene(text: str, rng: random.Random) -> bytes:
    """Change entries, lines or bytes of a scene."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        how = rng.random()
        lines = text.split("\n")
        filled = [i for i, line in enumerate(lines) if line.strip()]
        i = rng.choice(filled)
        if how < 0.55:
            entries = [n for n in filled if "=" in lines[n]]
            i = rng.choice(entries)
            key = lines[i].split("=")[0]
            lines[i] = f"{key}= {rng.choice(HOSTILE)}"
        elif how < 0.65:
            del lines[i]
        elif how < 0.75:
            lines.insert(rng.choice(filled), lines[i])
        elif how < 0.85:
            lines[i] = re.sub(
                r"\w+", rng.choice(("x", "..", "../x", '"../../evil"', "é", "title", "a b")), lines[i], count=1
            )
        else:
            return mutated_bytes("\n".join(lines).encode(), rng)
        text = "\n".join(lines)
    return text.encode(errors="replace")


def override(text: str, rng: random.Random) -> str:
    """A `key=value` for `--set`: of a scene's keys and hostile values, or neither."""
    table, keys = "", []
    for line in text.split("\n"):
        if line.startswith("["):
            table = line.strip("[]") + "."
        elif "=" in line:
            keys.append(table + line.split("=")[0].strip())
    key = rng.choice(keys)
    if rng.random() < 0.3:
        i = rng.randrange(len(key) + 1)
        key = key[:i] + rng.choice((".", "..", ".0", ".²", "[0]", "é", " ", "=", "\0", "/../", "9" * 400)) + key[i:]
    return f"{key}={rng.choice(HOSTILE)}"


def mutated_text(content: bytes, rng: random.Random) -> bytes:
    """Change numbers or lines of a text, or bytes."""
    found = list(re.finditer(rb"[-+.\w]+", content))
    if rng.random() < 0.3 or not found:
        return mutated_bytes(content, rng)
    lines = content.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    how = rng.random()
    if how < 0.6:
        values = (
            b"0",
            b"-1",
            b"7",
            b"1e308",
            b"nan",
            b"inf",
            b"99999999",
            b"9" * 40,
            b"x",
            b"",
            b"1 2",
            b"-5",
            b"0.25",
            b"1.5",
        )
        at = rng.choice(found)
        return content[: at.start()] + rng.choice(values) + content[at.end() :]
    if how < 0.75:
        del lines[i]
    elif how < 0.9:
        lines.insert(j, lines[i])
    else:
        lines[i], lines[j] = lines[j], lines[i]
    return b"\n".join(lines)


def mutated_bytes(content: bytes, rng: random.Random) -> bytes:
    """Flip, cut out, repeat, insert or cut off bytes."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5))):
        i = rng.randrange(len(data) + 1)
        n = rng.choice((1, 1, 4, 8, 40))
        how = rng.randrange(5)
        if how == 0 and i < len(data):
            data[i] ^= 1 << rng.randrange(8)
        elif how == 1:
            del data[i : i + n]
        elif how == 2:
            data[i:i] = data[i : i + n]
        elif how == 3:
            data[i:i] = bytes(rng.randrange(256) for _ in range(n))
        elif rng.random() < 0.3:
            del data[i:]
    return bytes(data)


def mutated_arrays(path: pathlib.Path, rng: random.Random) -> bytes:
    """The content of an `.npz` file, changed: an array of it, its entries, or its bytes."""
    if rng.random() < 0.4:
        return mutated_bytes(path.read_bytes(), rng)
    with np.load(path) as file:
        arrays = dict(file)
    name = rng.choice(sorted(arrays))
    value = arrays[name]
    how = rng.randrange(8)
    if how == 0:
        del arrays[name]
    elif how == 1:
        arrays[rng.choice(("x", "leaf 99", "done", "../evil"))] = value
    elif how == 2 and value.dtype.kind in "fiu" and value.size:
        flat = value.copy().reshape(-1)
        flat[rng.randrange(flat.size)] = rng.choice((0, 1, 2, 3, 100))
        arrays[name] = flat.reshape(value.shape)
    elif how == 3 and value.dtype.kind == "f":
        arrays[name] = np.full_like(value, rng.choice((np.nan, np.inf, 1e300)))
    elif how == 4:
        arrays[name] = np.zeros((*value.shape, 2), value.dtype)
    elif how == 5:
        arrays[name] = (
            value.astype(rng.choice(("U5", "complex128", "float32", "int8"))) if value.dtype.kind != "U" else value
        )
    elif how == 6:
        arrays[name] = np.array(rng.choice(("x", "-1", "")))
    else:
        arrays[name] = value.reshape(-1)[:-1] if value.size else value
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()
