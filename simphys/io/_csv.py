"""Tables of numbers with named columns."""

import csv
import difflib
import io
import pathlib

import numpy as np


class Table(dict):
    """Columns by name, each an array; asking for a column that is not there says which ones are."""

    def __init__(self, columns, source: str):
        """**Arguments:**

        - `columns`: name to values.
        - `source`: where they are from, for messages.
        """
        dict.__init__(self, columns)
        self._source = source

    def __missing__(self, name):
        near = difflib.get_close_matches(str(name), list(self), n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{self._source} has no column {name!r}; there are {', '.join(map(repr, self))}.{hint}")


def read_table(path) -> Table:
    """Read a comma-separated file: one line of column names, then lines of finite numbers.

    **Arguments:**

    - `path`: the file. Empty lines and lines that start with `#` are passed over.

    **Returns:** a dict of column name to array (row,), float64.

    **Raises:** `FileNotFoundError` if there is no such file; `ValueError`, naming file, line and column, if
    an entry is not a finite number, a line has too many or too few of them, a name occurs twice, or there are
    no rows; also on asking for a column that is not there.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not a table.")
    if not path.is_file():
        raise FileNotFoundError(f"There is no table {str(path)!r}.")
    lines, rows = _rows(path)
    if len(rows) < 2:
        raise ValueError(f"{path}: a line of column names and at least one line of numbers expected.")
    names = [name.strip() for name in rows[0]]
    for i, name in enumerate(names):
        if not name or name in names[:i]:
            raise ValueError(f"{path}:{lines[0]}: column {i + 1} has {'a second' if name else 'no'} name {name!r}.")
    for line, row in zip(lines[1:], rows[1:], strict=True):
        if len(row) != len(names):
            raise ValueError(f"{path}:{line}: {len(names)} entries expected, got {len(row)}.")
    values = _numbers(path, lines[1:], names, rows[1:])
    return Table({name: np.ascontiguousarray(column) for name, column in zip(names, values.T, strict=True)}, str(path))


def _rows(path):
    """Line numbers and entries of the lines that count."""
    content = path.read_bytes()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in content[:1000]:
        raise ValueError(f"{path}: this is no text in UTF-8 (UTF-16, or no text at all): save it as CSV in UTF-8.")
    text = content.decode("utf-8-sig", errors="replace")
    # Where lines end in \n, a \r is no end of line: tables joined from files of two systems carry some inside lines.
    text = text.replace("\r", "") if "\n" in text else text.replace("\r", "\n")
    reader = csv.reader(io.StringIO(text), skipinitialspace=True)
    try:
        kept = [(reader.line_num, row) for row in reader if any(x.strip() for x in row) and row[0][:1] != "#"]
    except csv.Error as error:
        raise ValueError(f"{path}:{reader.line_num}: no line of a table: {error}.") from None
    return [line for line, _ in kept], [row for _, row in kept]


def _numbers(path, lines, names, rows):
    try:
        values = np.array(rows, dtype=np.float64)
        if np.all(np.isfinite(values)):
            return values
    except ValueError:
        pass
    for line, row in zip(lines, rows, strict=True):
        for name, entry in zip(names, row, strict=True):
            if not _is_finite(entry):
                raise ValueError(f"{path}:{line}: column {name!r}: a finite number expected, got {_shown(entry)}.")
    raise ValueError(f"{path}: unreadable numbers.")


def _shown(entry) -> str:
    return repr(entry if len(entry) <= 40 else f"{entry[:37]}...")


def _is_finite(entry):
    try:
        return bool(np.isfinite(float(entry)))
    except ValueError:
        return False
