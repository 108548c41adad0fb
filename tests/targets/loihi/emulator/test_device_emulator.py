"""The emulator in torch gives, on every device that there is, the bits of the emulator on the processor."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.execution import Execution
from spear_deploy.measure.runs import measure_program
from spear_deploy.targets.loihi.emulator.device_emulator import DeviceEmulator
from spear_deploy.targets.loihi.emulator.emulator import LoihiEmulator
from spear_deploy.targets.loihi.target import LOIHI
from tests.strategies import chip_programs, split_of

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=60, deadline=None)
@given(program=chip_programs(), seed=st.integers(0, 2**32 - 1), held=st.booleans())
def test_bits_are_the_same_on_every_device(device, program, seed, held):
    """Spikes, payloads, membranes and final states, through delays, loops, resets, wraps and clips."""
    rng, (port,) = np.random.default_rng(seed), program.inputs
    x = (rng.integers(1, port.max_value + 1, (7, 3, *port.shape)) * (rng.random((7, 3, *port.shape)) < 0.5)).astype(
        np.uint8
    )
    x = np.broadcast_to(x[0], x.shape) if held else x
    on_cpu, on_device = LoihiEmulator(program), DeviceEmulator(program, device)
    ours, theirs = on_cpu.run({"in": x}), on_device.run({"in": x})
    counted = [emulator.run({"in": x}, clips=True).clips for emulator in (on_cpu, on_device)]
    assert counted[0] == counted[1]
    assert counted[0].keys() == {population.name for population in program.populations}
    assert ours.final.keys() == theirs.final.keys() == {"u", "v"}
    pairs = [("spikes", ours.spikes, theirs.spikes), ("membrane", ours.membrane, theirs.membrane)]
    pairs += [(f"final {register}", ours.final[register], theirs.final[register]) for register in ("u", "v")]
    traced = [emulator.run({"in": x}, membranes=True).membrane for emulator in (on_cpu, on_device)]
    for field, expected, found in [*pairs, ("traced membrane", *traced)]:
        assert expected.keys() == found.keys()
        for name, array in expected.items():
            assert array.dtype == found[name].dtype
            np.testing.assert_array_equal(array, found[name], err_msg=f"{field} of {name}")


@settings(max_examples=5, deadline=None)
@given(program=chip_programs())
def test_a_split_measures_the_same_on_a_device(program):
    """Spikes, SynOps and scores of a split do not depend on where it is run: ``cpu:0`` is torch's emulator."""
    assert isinstance(LOIHI.emulator(program, Execution(device="cpu")), LoihiEmulator)
    assert isinstance(LOIHI.emulator(program, Execution(device="cpu:0")), DeviceEmulator)
    x = np.random.default_rng(0).integers(0, 2, (5, 4, *program.inputs[0].shape)) / program.inputs[0].scale
    ours, theirs = (measure_program(program, split_of(x), Execution(device=device)) for device in ("cpu", "cpu:0"))
    np.testing.assert_array_equal(ours.scores, theirs.scores)
    np.testing.assert_array_equal(ours.total, theirs.total)
