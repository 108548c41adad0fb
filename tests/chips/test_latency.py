"""The time of a step by the floorline model: the core with most to do, bound by what takes it longest."""

from __future__ import annotations

import numpy as np
import pytest

from spear_deploy.chips.latency import CoreWork, step_time
from spear_deploy.targets import load_chip


def work(synops: list[float], neurons: list[float], spikes: list[float], messages: list[float]) -> CoreWork:
    return CoreWork(*(np.array(each, float) for each in (synops, neurons, spikes, messages)))


def test_the_busiest_core_sets_the_step() -> None:
    """By hand with Loihi 1's figures: memory on the second core, and the barrier; the low end is one part, the high end
    all of one core's."""
    found = step_time(load_chip("loihi1"), work([10, 1000], [100, 50], [5, 0], [20, 10]))
    assert found is not None
    assert found.low == pytest.approx((1000 * 3.1 + 113) * 1e-9)
    assert found.high == pytest.approx((1000 * 4.7 + 50 * 9.7 + 10 * 16 + 1800) * 1e-9)
    assert found.bound == ("memory",)
    assert found.estimate is True
    assert "Davies" in found.source
    assert "SANA-FE" in found.source


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        (work([100], [1000], [0], [1]), ("compute",)),
        (work([10], [10], [0], [1000]), ("traffic",)),
        (work([1000], [500], [0], [0]), ("memory", "compute")),
    ],
)
def test_what_bounds_a_step(given: CoreWork, bound: tuple[str, ...]) -> None:
    """The longest part by either end of the figures: two where they say otherwise."""
    found = step_time(load_chip("kapoho_bay"), given)
    assert found is not None
    assert found.bound == bound


@pytest.mark.parametrize("chip", ["loihi2", "speck2e", "xylo_audio2", "truenorth"])
def test_no_table_no_time(chip: str) -> None:
    """A chip without published times gives None, not zero."""
    assert step_time(load_chip(chip), work([1], [1], [1], [1])) is None
