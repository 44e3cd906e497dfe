"""What the command line keeps on disk is bounded."""

import os

from simphys.cli._programs import trim_programs


def test_the_oldest_programs_go(tmp_path):
    for age, name in enumerate(("new-cache", "old-cache", "oldest-cache", "notes.txt")):
        (tmp_path / name).write_bytes(bytes(100))
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    trim_programs(tmp_path, 300)
    assert len(os.listdir(tmp_path)) == 4
    trim_programs(tmp_path, 150)
    assert sorted(os.listdir(tmp_path)) == ["new-cache", "notes.txt"]
