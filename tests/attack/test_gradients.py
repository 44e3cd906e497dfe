"""A few of the cases of `gradients.py`."""

import pytest
from gradients import campaign


@pytest.mark.slow
def test_gradients_agree_with_differences_or_are_refused():
    counts, wrong = campaign(cases=20, seed=7, per_structure=3)
    assert not wrong, wrong
    assert counts["agrees"] >= 12
