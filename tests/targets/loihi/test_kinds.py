"""Kinds of programs: each has what runs it, in the emulators and in the backend on Lava."""

from __future__ import annotations

import numpy as np
import pytest

from spear_deploy.backends import lava
from spear_deploy.execution import Execution
from spear_deploy.targets.loihi import kinds
from spear_deploy.targets.loihi.emulator.device_emulator import DeviceEmulator
from spear_deploy.targets.loihi.emulator.emulator import LoihiEmulator
from spear_deploy.targets.loihi.program import LoihiProgram
from spear_deploy.targets.loihi.sigma_delta.emulator import SigmaDeltaEmulator
from spear_deploy.targets.loihi.sigma_delta.program import SigmaDeltaProgram
from tests.targets.loihi.sigma_delta.networks import random_network

SPIKING = LoihiProgram("loihi2", (), (), (), ())


@pytest.mark.parametrize(("device", "kind"), [("cpu", LoihiEmulator), ("cpu:0", DeviceEmulator)])
def test_spiking_programs_are_emulated_where_asked(device: str, kind: type) -> None:
    """By this processor's own kernels, or on a device of torch's."""
    assert isinstance(kinds.emulator_of(SPIKING, Execution(device=device)), kind)


def test_sigma_delta_programs_have_an_emulator_of_their_own() -> None:
    """On any device."""
    program = SigmaDeltaProgram("loihi2", random_network(np.random.default_rng(0)))
    assert isinstance(kinds.emulator_of(program, Execution()), SigmaDeltaEmulator)


def test_a_further_kind_is_an_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the emulators' table and of the backend's: neither asks what else a program might be."""

    class Other:
        chip = "loihi2"

    assert {*kinds._EMULATORS} == {*lava.KINDS} == {LoihiProgram, SigmaDeltaProgram}
    monkeypatch.setattr(kinds, "_EMULATORS", {**kinds._EMULATORS, Other: lambda program, _: (program.chip, "emulated")})
    monkeypatch.setitem(lava.KINDS, Other, lava.Kind(lambda _: (), lambda program, _, **__: (program.chip, "run")))
    assert kinds.emulator_of(Other(), Execution()) == ("loihi2", "emulated")
    assert lava.LAVA.run(Other(), {}) == ("loihi2", "run")
