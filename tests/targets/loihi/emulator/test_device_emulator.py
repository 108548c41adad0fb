"""The emulator in torch gives, on every device that there is, the bits of the emulator on the processor."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.measure.runs import measure_chip
from spear_deploy.targets.loihi.emulator.device_emulator import DeviceEmulator
from spear_deploy.targets.loihi.emulator.emulator import Emulator
from tests.strategies import chip_programs, split_of

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=60, deadline=None)
@given(program=chip_programs(), seed=st.integers(0, 2**32 - 1), held=st.booleans())
def test_bits_are_the_same_on_every_device(device, program, seed, held):
    """Spikes, payloads, potentials and final states, through delays, loops, resets, wraps and clips."""
    rng, (port,) = np.random.default_rng(seed), program.inputs
    x = (rng.integers(1, port.max_value + 1, (7, 3, *port.shape)) * (rng.random((7, 3, *port.shape)) < 0.5)).astype(
        np.uint8
    )
    x = np.broadcast_to(x[0], x.shape) if held else x
    ours, theirs = Emulator(program).run({"in": x}), DeviceEmulator(program, device).run({"in": x})
    for field in ("spikes", "potentials", "final_u", "final_v"):
        expected, found = getattr(ours, field), getattr(theirs, field)
        assert expected.keys() == found.keys()
        for name, array in expected.items():
            assert array.dtype == found[name].dtype
            np.testing.assert_array_equal(array, found[name], err_msg=f"{field} of {name}")


@settings(max_examples=5, deadline=None)
@given(program=chip_programs())
def test_a_split_measures_the_same_on_a_device(program):
    """Spikes, SynOps and scores of a split do not depend on where it is run."""
    x = np.random.default_rng(0).integers(0, 2, (5, 4, *program.inputs[0].shape)) / program.inputs[0].scale
    ours, theirs = measure_chip(program, split_of(x)), measure_chip(program, split_of(x), device="cpu")
    np.testing.assert_array_equal(ours.scores, theirs.scores)
    np.testing.assert_array_equal(ours.total, theirs.total)
