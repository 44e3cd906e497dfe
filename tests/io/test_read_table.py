"""Tables: columns by name, and file, line and column in every complaint."""

import numpy as np
import pytest

from simphys.io import read_table


def table(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    return read_table(tmp_path / "t.csv")


def test_columns(tmp_path):
    data = table(tmp_path, "\ufeff# source: somewhere\nstretch, stress_MPa\n1.0,0.5\n\n2,1e3\n")
    assert list(data) == ["stretch", "stress_MPa"]
    assert np.array_equal(data["stretch"], [1.0, 2.0]) and np.array_equal(data["stress_MPa"], [0.5, 1000.0])
    assert data["stretch"].dtype == np.float64


def test_missing_column(tmp_path):
    data = table(tmp_path, "stretch,stress\n1,2\n")
    with pytest.raises(
        ValueError,
        match=r"t.csv has no column 'strech'; there are 'stretch', 'stress'. Did you mean 'stretch'\?",
    ):
        data["strech"]
    assert data.get("strech") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,x\n", r"t.csv:3: column 'b': a finite number expected, got 'x'"),
        ("# c\n\na,b\n1,nan\n", r"t.csv:4: column 'b': a finite number expected, got 'nan'"),
        ("a,b\n1,2\n,4\n", r"t.csv:3: column 'a': a finite number expected, got ''"),
        ("a,b\ninf,2\n", r"t.csv:2: column 'a': a finite number expected, got 'inf'"),
        ("a,b\n1,2\n1,2,3\n", r"t.csv:3: 2 entries expected, got 3"),
        ("a,a\n1,2\n", r"t.csv:1: column 2 has a second name 'a'"),
        ("a,\n1,2\n", r"t.csv:1: column 2 has no name"),
        ("a,b\n", "at least one line of numbers expected"),
        ("", "at least one line of numbers expected"),
    ],
)
def test_refuses(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        table(tmp_path, text)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no table '.*none\.csv'"):
        read_table(tmp_path / "none.csv")


@pytest.mark.parametrize("text", ["a,b\n1\r,2\n3\r,4\n", "a,b\r\n1,2\r\n3,4\r\n", "a,b\r1,2\r3,4\r"])
def test_line_ends_of_all_systems(tmp_path, text):
    """Also those that were left inside lines when columns of two files were pasted together."""
    file = tmp_path / "table.csv"
    file.write_bytes(text.encode())
    table = read_table(file)
    np.testing.assert_array_equal(table["a"], [1, 3])
    np.testing.assert_array_equal(table["b"], [2, 4])
