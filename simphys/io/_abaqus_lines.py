"""The text of Abaqus input files: keywords, options, data lines, included files."""

import pathlib
from typing import NamedTuple

import numpy as np


class Keyword(NamedTuple):
    """A keyword with its options (names in capitals) and its data lines."""

    name: str
    options: dict[str, str]
    lines: list[str]

    def rows(self) -> list[list[str]]:
        """The entries of each data line, blanks between commas kept, what follows the last comma left out if blank."""
        rows = [[entry.strip() for entry in line.split(",")] for line in self.lines]
        return [row[:-1] if len(row) > 1 and not row[-1] else row for row in rows]

    def entries(self) -> list[str]:
        """All entries that are not blank."""
        return [entry for row in self.rows() for entry in row if entry]

    def whole_numbers(self, entries=None) -> np.ndarray:
        """Entries as integers; `ValueError` names the keyword and what is none."""
        entries = self.entries() if entries is None else entries
        for entry in entries:
            if not is_number(entry):
                raise ValueError(f"*{self.name}: a whole number expected, got {entry[:40]!r}.")
        return np.array([int(entry) for entry in entries], dtype=np.int64)

    def numbers(self, entries) -> list[float]:
        """Entries as floating numbers, a blank one 0, also with Fortran's exponents (1.D0)."""
        try:
            return [float(entry.upper().replace("D", "E")) if entry else 0.0 for entry in entries]
        except ValueError as error:
            raise ValueError(f"*{self.name}: {error}.") from None


def is_number(entry: str) -> bool:
    """Whether an entry of a set is a number (of at most 18 digits), not a name."""
    return entry.lstrip("+-").isdecimal() and len(entry) <= 18


def keywords(path: pathlib.Path, within: pathlib.Path | None):
    """Yield each `Keyword` of a file, with included files in place.

    **Arguments:**

    - `path`: the file.
    - `within`: folder outside which nothing is read; None for no such limit.

    **Raises:** `ValueError` if a file includes itself, or one outside `within`; `FileNotFoundError`.
    """
    current = None
    for line in _lines(path, within, ()):
        if line.startswith("*"):
            if current is not None:
                yield _with_input(current, path, within)
            name, *options = line[1:].split(",")
            pairs = [option.partition("=") for option in options if option.strip()]
            values = {key.strip().upper(): value.strip().strip('"') for key, _, value in pairs}
            current = Keyword(" ".join(name.upper().split()), values, [])
        elif current is not None:
            current.lines.append(line)
    if current is not None:
        yield _with_input(current, path, within)


def _with_input(keyword, path, within):
    """INPUT= of a keyword that is read names a file of further data lines."""
    if keyword.name not in ("NODE", "ELEMENT") or "INPUT" not in keyword.options:
        return keyword
    further = _lines(_beside(path, keyword.options["INPUT"], within), within, (path,))
    return keyword._replace(lines=[*keyword.lines, *further])


def _lines(path, within, above):
    if path.resolve() in {p.resolve() for p in above}:
        raise ValueError(f"{path} includes itself.")
    pending = ""
    for raw in path.read_text(encoding="utf-8", errors="replace").splitlines():
        line = pending + raw.strip()
        pending = ""
        if not line or line.startswith("**"):
            continue
        if line.startswith("*") and line.endswith(","):
            pending = line  # a keyword line goes on after a trailing comma
        elif line.upper().replace(" ", "").startswith("*INCLUDE,INPUT="):
            name = line.split("=", 1)[1].split(",")[0].strip().strip('"')
            yield from _lines(_beside(path, name, within), within, (*above, path))
        else:
            yield line


def _beside(path, name, within):
    """A file named in another one, which is read only inside `within`."""
    found = path.parent / name
    if within is not None and not found.resolve().is_relative_to(within.resolve()):
        raise ValueError(f"{path.name} names the file {name!r} outside its folder, which is not read.")
    if not found.is_file():
        raise FileNotFoundError(f"{path.name} includes {name!r}, but there is no such file.")
    return found
