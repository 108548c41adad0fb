"""Integers as sinabs' discretisation makes them: what must hold of the scale, and who sets it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy import Imported, Semantics, lower
from spear_deploy.errors import UnsupportedError
from spear_deploy.network import AvgPool2d, Conv2d, Network, Scale
from spear_deploy.targets.speck.program import SpeckProgram
from spear_deploy.targets.speck.quantise import scale_of
from tests.targets.speck.networks import chain, random_network

FLOATS = st.floats(-1000, 1000, width=32).filter(lambda value: value == 0 or abs(value) > 1e-3)


@given(st.lists(FLOATS, min_size=1, max_size=20), st.sampled_from([8, 16]))
def test_the_scale_fills_the_register(values: list[float], bits: int) -> None:
    """The rounded integers lie within the register, and the largest fills it."""
    floats = np.array(values, np.float32)
    if not floats.any():
        assert np.isinf(scale_of(floats, bits))
        return
    integers = np.rint(floats * scale_of(floats, bits))
    assert integers.min() >= -(2 ** (bits - 1))
    assert integers.max() <= 2 ** (bits - 1) - 1
    assert np.abs(integers).max() >= 2 ** (bits - 1) - 1


def lowered(*ops: object, threshold: float = 1.0, floor: float = -1.0) -> tuple[SpeckProgram, list[str]]:
    network = chain((2, 2, 2), ops, threshold=threshold, floor=floor)  # type: ignore[arg-type]
    return program_of(network)


def program_of(network: Network) -> tuple[SpeckProgram, list[str]]:
    found = lower(Imported(network, Semantics(dt=1.0)), chip="speck2e")
    assert isinstance(found.program, SpeckProgram)
    return found.program, [finding.code for finding in found.notes]


WEIGHT = np.linspace(-1, 0.9, 2 * 3 * 4).reshape(3, 2, 2, 2).astype(np.float32)


def test_weights_bias_and_thresholds_share_a_scale() -> None:
    """The weights fill 8 bits, threshold and limit are on the same scale."""
    program, notes = lowered(Conv2d(WEIGHT))
    (layer,) = program.populations
    assert (layer.weight.min(), layer.threshold, layer.low, layer.scale, notes) == (-128, 128, -128, 128.0, [])


def test_a_large_bias_takes_levels_from_the_weights() -> None:
    """A bias of ten times the weights leaves them a tenth of their levels, which is told (N035)."""
    program, notes = lowered(Conv2d(WEIGHT, np.array([10, 0, 0], np.float32)))
    (layer,) = program.populations
    assert (int(np.abs(layer.weight).max()), notes) == (13, ["N035", "N037"])


@pytest.mark.parametrize(("factor", "told"), [(10, []), (1000, ["N036", "N021"])])
def test_an_outlier_that_rounds_the_others_to_zero(factor: float, told: list[str]) -> None:
    """One weight a thousand times the others leaves them nothing, which is told (N021)."""
    weight = np.where(np.arange(24).reshape(3, 2, 2, 2) == 0, factor, 1).astype(np.float32) * WEIGHT[-1, -1, -1, -1]
    program, notes = lowered(Conv2d(weight), threshold=100.0, floor=-100.0)
    (layer,) = program.populations
    assert np.count_nonzero(layer.weight == 0) == (23 if told else 0)
    assert sorted(notes) == sorted(told)


def test_a_low_limit_far_below_leaves_no_threshold() -> None:
    """sinabs' default of -32768 makes the scale 1, which is told; a limit that rounds the threshold away is E034."""
    program, notes = lowered(Conv2d(WEIGHT), floor=-32768.0)
    assert (program.populations[0].scale, notes[0]) == (1.0, "N035")
    with pytest.raises(UnsupportedError) as caught:
        lowered(Conv2d(WEIGHT), floor=-(2.0**17))
    assert [finding.code for finding in caught.value.findings] == ["E034"]


def test_mean_pooling_and_factors_are_in_the_weights() -> None:
    """What pools by the mean sums on the chip, with weights divided; a factor of each channel is one of the weights."""
    factor = np.broadcast_to(np.array([0.5, 2.0], np.float32)[:, None, None], (2, 2, 2))
    first = Conv2d(np.ones((2, 2, 1, 1), np.float32))
    program, _ = program_of(chain((2, 4, 4), (first,), (AvgPool2d((2, 2), (2, 2)), Scale(factor), Conv2d(WEIGHT))))
    originals = program.populations[1].originals
    np.testing.assert_array_equal(originals.weight, WEIGHT * np.array([0.125, 0.5], np.float32)[:, None, None])
    assert program.populations[1].sources[0].pool == 2


@pytest.mark.parametrize("seed", range(6))
def test_integers_stand_for_the_floats(seed: int) -> None:
    """Composed synapses, integer times step, are the network's, to half a step."""
    network = random_network(seed)
    found = lower(Imported(network, Semantics(dt=1.0)), chip="speck2f")
    for before, after in zip(network.synapses, found.program.synapses, strict=True):
        grid = found.grids.weights[before.name]
        assert before.weight.shape == after.weight.shape
        assert np.abs(grid.to_float(after.weight) - before.weight).max() <= 0.5001 * float(grid.step)
