"""How many batches a fine-tuning takes."""

from __future__ import annotations

import pytest

from spear_deploy.search.options import EFFORTS
from spear_deploy.train.config import FinetuneConfig


@pytest.mark.parametrize(("samples", "steps"), [(64, 400), (640, 400), (1344, 840), (60_000, 1600)])
def test_small_splits_are_gone_through_more_often(samples: int, steps: int) -> None:
    """The closing fine-tuning has 40 epochs, but 400 batches at least and 1600 at most."""
    assert EFFORTS["normal"].finish.steps(samples) == steps


def test_effort_scales_the_least_too() -> None:
    """A quarter and three times; what is asked for in epochs has no least number of batches but one."""
    assert [EFFORTS[name].finish.steps(64) for name in ("quick", "thorough")] == [100, 1200]
    assert FinetuneConfig(epochs=40).steps(64) == 40
    assert FinetuneConfig(epochs=0.001).steps(64) == 1
    assert EFFORTS["normal"].finish.lasting(7).steps(64) == 7
