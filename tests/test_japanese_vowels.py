"""The recurrent example on the time series of aeon: what its page says of it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

import spear_deploy
from spear_deploy.data import DataOptions, load_data
from spear_deploy.network.normalisation import InputTransform, fold_transform


@pytest.mark.skipif(find_spec("aeon") is None, reason="needs aeon (pip install --no-deps aeon)")
def test_its_accuracy() -> None:
    """The file reaches the accuracy and SynOps of its page, its input shifted and the first layer unshifting it."""
    from spear_deploy.measure.runs import measure_float

    file = Path(__file__).parents[1] / "examples" / "japanese_vowels" / "japanese_vowels.nir"
    data = load_data("aeon:JapaneseVowels", DataOptions(transform=InputTransform.of("3,1", None)))
    activity = measure_float(fold_transform(spear_deploy.load(file).network, data.transform), data.test)
    assert activity.accuracy == pytest.approx(0.9162, abs=0.003)


@pytest.mark.skipif(find_spec("aeon") is None, reason="needs aeon (pip install --no-deps aeon)")
def test_accuracy_of_the_network_on_events() -> None:
    """That of its page, on at most 15 events a step, which is what an input of Xylo takes."""
    from spear_deploy.measure.runs import measure_float

    example = Path(__file__).parents[1] / "examples" / "japanese_vowels"
    data = load_data(f"{example / 'counts.py'}:counts", DataOptions())
    assert data.test.samples.shape == (16,)
    assert data.test.samples.integral
    assert data.test.samples.maximum <= 15
    network = spear_deploy.load(example / "japanese_vowels_counts.nir").network
    assert measure_float(network, data.test).accuracy == pytest.approx(0.9730, abs=0.003)
