"""The event emulator against a real Speck: the first layer's spike counts of ten N-MNIST recordings.

speck_activity.npy of the NIR paper's repository (Pedersen et al. 2024, github.com/neuromorphs/NIR, paper/) holds them
for nmnist_scnn.nir: entry d is the first sample of digit d in N-MNIST's test set.  Other layers were not recorded.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spear_deploy import load, lower
from spear_deploy.targets.speck.emulator.events import EventEmulator
from spear_deploy.targets.speck.program import SpeckProgram

RECORDED = ("60004", "60003", "60002", "60019", "60005", "60009", "60012", "60001", "60062", "60008")


@pytest.fixture(scope="module")
def program(shared: Path) -> SpeckProgram:
    imported = load(shared / "nir" / "nmnist_scnn.nir", "sinabs", floor=-1.0)
    found = lower(imported, chip="speck2f").program
    assert isinstance(found, SpeckProgram)
    return found


@pytest.fixture(scope="module")
def events(shared: Path) -> dict[str, np.ndarray]:
    with np.load(shared / "data" / "nmnist-small" / "nmnist_small_events.npz") as file:
        return dict(file)


def stream(events: dict[str, np.ndarray], sample: int) -> np.ndarray:
    """Return the events (n, 3) of a sample: polarity, y, x."""
    some = slice(*events["offsets"][sample : sample + 2])
    return np.stack([events[name][some].astype(np.int64) for name in "pyx"], axis=1)


def test_the_first_layer_of_a_real_speck(program: SpeckProgram, events: dict[str, np.ndarray], shared: Path) -> None:
    """In total within 0.1 %, and at least 97 % of 40,960 neurons fire as often; none is off by more than 2."""
    chip = np.load(shared / "nir" / "speck_silicon" / "speck_activity.npy")[0].astype(np.int64)
    emulator = EventEmulator(program)
    tests = np.flatnonzero(events["is_test"])
    samples = [tests[np.argmax(events["label"][tests] == digit)] for digit in range(10)]
    assert tuple(str(events["sample_id"][sample]) for sample in samples) == RECORDED
    emulated = np.stack([emulator.run_stream(stream(events, s))[program.populations[0].name] for s in samples])
    assert chip.shape == emulated.shape == (10, 16, 16, 16)
    assert abs(int(emulated.sum()) / int(chip.sum()) - 1) < 0.001
    assert (emulated == chip).mean() >= 0.97
    assert np.abs(emulated - chip).max() <= 2


def test_bins_of_a_millisecond_are_as_good_as_the_stream(program: SpeckProgram, events: dict[str, np.ndarray]) -> None:
    """The order of events within 1 ms, which the data do not keep, moves SynOps by less than a per cent."""
    emulator, totals = EventEmulator(program), []
    for sample in np.flatnonzero(events["is_test"])[:4]:
        cells = stream(events, sample)
        t = events["t"][slice(*events["offsets"][sample : sample + 2])]
        x = np.zeros(((t[-1] - t[0]) // 1000 + 1, 1, 2, 34, 34), np.uint8)
        np.add.at(x, ((t - t[0]) // 1000, 0, *cells.T), 1)
        exact, binned = emulator.run_stream(cells), emulator.run({"input": x}).spikes
        totals.append(
            [
                sum(
                    int(each[fan.source].reshape(-1, len(fan.every)).sum(axis=0) @ fan.every)
                    for fan in program.fan_outs
                )
                for each in (exact, binned)
            ]
        )
    stream_total, binned_total = np.sum(totals, axis=0)
    assert abs(binned_total / stream_total - 1) < 0.01
