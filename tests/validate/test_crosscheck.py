"""Cross-check of two recordings: every difference counted, the first one named."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from spear_deploy.recording import Recording
from spear_deploy.validate.crosscheck import Divergence, Validation, cross_check

PROGRAM: Any = SimpleNamespace(
    counted=frozenset(),
    populations=(
        SimpleNamespace(name="z_first", is_readout=False),
        SimpleNamespace(name="a_second", is_readout=False),
        SimpleNamespace(name="out", is_readout=True),
    ),
)
"""Execution order differs from the order of names."""


@pytest.fixture
def rasters() -> dict[str, np.ndarray]:
    """Four samples of five steps, (N, T, *shape): a map, a vector, and a readout's membrane."""
    rng = np.random.default_rng(0)
    return {
        "z_first": (rng.random((4, 5, 2, 3, 3)) < 0.5).astype(np.uint8),
        "a_second": (rng.random((4, 5, 6)) < 0.5).astype(np.uint8),
        "out": rng.integers(-5000, 5000, (4, 5, 3), dtype=np.int32),
    }


def changed(rasters: dict[str, np.ndarray], *places: tuple[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Copy the rasters with the values at some places changed by 1."""
    copy = {name: raster.copy() for name, raster in rasters.items()}
    for name, index in places:
        copy[name][index] ^= 1
    return copy


def compared(emulated: dict[str, np.ndarray], recorded: dict[str, np.ndarray]) -> Validation:
    """Cross-check recordings, which have the steps first."""

    def recording(rasters: dict[str, np.ndarray]) -> Recording:
        by_step = {name: np.moveaxis(raster, 1, 0) for name, raster in rasters.items()}
        return Recording({n: x for n, x in by_step.items() if n != "out"}, {"out": by_step["out"]})

    return cross_check(PROGRAM, recording(emulated), recording(recorded), "lava")


def test_equal_recordings(rasters: dict[str, np.ndarray]) -> None:
    """All bins are compared, the spikes of spiking populations counted, and nothing differs."""
    found = compared(rasters, changed(rasters))
    assert (found.backend, found.samples, found.steps) == ("lava", 4, 5)
    assert found.populations == ("z_first", "a_second", "out")
    assert found.bins == 4 * 5 * (18 + 6 + 3)
    assert found.spikes == rasters["z_first"].sum() + rasters["a_second"].sum()
    assert (found.mismatches, found.first_divergence) == (0, None)


def test_a_single_flipped_spike(rasters: dict[str, np.ndarray]) -> None:
    """One wrong bin is found, with sample, step, population, neuron and both values."""
    other = changed(rasters, ("z_first", (2, 3, 1, 0, 2)))
    found = compared(rasters, other)
    expected = int(rasters["z_first"][2, 3, 1, 0, 2])
    assert found.mismatches == 1
    assert found.first_divergence == Divergence(2, 3, "z_first", (1, 0, 2), expected, 1 - expected)
    text = str(found.first_divergence)
    assert "sample 2, step 3, population 'z_first', neuron (1, 0, 2)" in text


def test_readouts_are_compared_too(rasters: dict[str, np.ndarray]) -> None:
    """A membrane that is off by one in one step is a mismatch."""
    found = compared(rasters, changed(rasters, ("out", (0, 4, 1))))
    assert found.mismatches == 1
    assert found.first_divergence is not None
    assert (found.first_divergence.population, found.first_divergence.neuron) == ("out", (1,))


@pytest.mark.parametrize(
    ("places", "first"),
    [
        # an earlier step wins over an earlier sample
        ([("a_second", (0, 3, 0)), ("a_second", (3, 1, 5))], ("a_second", 3, 1, (5,))),
        # at the same step the population that runs first wins, whatever its name or the sample
        ([("a_second", (0, 2, 0)), ("z_first", (3, 2, 1, 1, 1))], ("z_first", 3, 2, (1, 1, 1))),
        # then the lower sample, then the lower neuron
        ([("a_second", (2, 2, 0)), ("a_second", (1, 2, 4))], ("a_second", 1, 2, (4,))),
        ([("z_first", (1, 2, 1, 0, 0)), ("z_first", (1, 2, 0, 2, 2))], ("z_first", 1, 2, (0, 2, 2))),
    ],
)
def test_first_divergence(places: list[Any], first: tuple[Any, ...], rasters: dict[str, np.ndarray]) -> None:
    """The earliest step is named; of several populations the first in execution order, where the cause must lie."""
    found = compared(rasters, changed(rasters, *places))
    assert found.mismatches == 2
    assert found.first_divergence is not None
    d = found.first_divergence
    assert (d.population, d.sample, d.step, d.neuron) == first
