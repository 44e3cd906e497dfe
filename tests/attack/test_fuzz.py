"""A part of the inputs of `fuzz.py`: those that compile little."""

import pytest
from fuzz import attack


@pytest.mark.slow
def test_whatever_is_read_the_command_line_ends_well():
    counts, wrong = attack(inputs=22, seed=2026, scenes=("heat", "march", "kinetics", "signal"))
    assert not wrong, "\n".join(wrong)
    assert sum(codes[2] for codes in counts.values()) > 9
