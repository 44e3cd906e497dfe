"""A few of the cases of `gradients.py`: a body in time, a batch of plates that conduct."""

import pytest
from gradients import campaign


@pytest.mark.slow
def test_gradients_agree_with_differences_or_are_refused():
    counts, wrong = campaign(cases=8, seed=38, per_structure=4)
    assert not wrong, wrong
    assert counts["agrees"] >= 6
