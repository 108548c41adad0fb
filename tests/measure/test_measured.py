"""What a budget in per cent is a share of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from spear_deploy.budgets.synops import MEAN
from spear_deploy.measure.measured import Baseline


@pytest.mark.parametrize(
    ("in_float", "on_chip", "whole"),
    [
        (1000, 1000, 1000),
        (1000, 900, 900),
        (1000, 1100, 1100),
        (1000, 899, 1000),
        (1000, 1101, 1000),
        (598.5, 6, 598.5),
    ],
)
def test_the_whole_is_the_chips_unless_quantisation_changed_it(in_float: float, on_chip: float, whole: float) -> None:
    """By more than a tenth of the float network's SynOps, either way."""
    activities: Any = (SimpleNamespace(mean_synops=in_float), SimpleNamespace(mean_synops=on_chip))
    nothing: Any = None
    baseline = Baseline(nothing, nothing, *activities, nothing, nothing)
    assert baseline.works_alike == (whole == on_chip)
    assert MEAN.ask("50%").limit(baseline) == whole / 2


def test_an_adapted_network_has_the_chips_work_and_loses_against_the_one_given() -> None:
    """It was trained as the chip computes, so its float run is no yardstick, of SynOps or of accuracy."""
    in_float, on_chip, given, test = (SimpleNamespace(mean_synops=value) for value in (1000, 400, 700, 650))
    nothing: Any = None
    activities: Any = (in_float, on_chip, test, test)
    baseline = Baseline(nothing, nothing, *activities)
    assert MEAN.ask("50%").limit(baseline) == 500
    assert baseline.on_test(nothing, nothing).in_float is test
    adapted = Baseline(nothing, nothing, *activities, given=given)  # type: ignore[arg-type]
    assert MEAN.ask("50%").limit(adapted) == 200
    assert adapted.on_test(nothing, nothing).in_float is given
