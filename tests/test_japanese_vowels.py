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
