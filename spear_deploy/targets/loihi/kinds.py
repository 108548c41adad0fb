"""The kinds of programs that Loihi runs, and the emulator of each.  A new kind is an entry here and one in a backend.

Backends say themselves which kinds they run: :mod:`spear_deploy.backends.lava`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from spear_deploy.execution import Execution
from spear_deploy.targets.loihi.program import LoihiProgram
from spear_deploy.targets.loihi.sigma_delta.program import SigmaDeltaProgram
from spear_deploy.targets.protocol import Emulator


def emulator_of(program: object, execution: Execution) -> Emulator:
    """Return what emulates a program of any kind, on this processor or on another device of torch's."""
    return _EMULATORS[type(program)](program, execution)


def _spiking(program: LoihiProgram, execution: Execution) -> Emulator:
    if execution.device == "cpu":
        from spear_deploy.targets.loihi.emulator.emulator import LoihiEmulator

        return LoihiEmulator(program, execution)
    from spear_deploy.targets.loihi.emulator.device_emulator import DeviceEmulator

    return DeviceEmulator(program, execution.device)


def _sigma_delta(program: SigmaDeltaProgram, execution: Execution) -> Emulator:
    from spear_deploy.targets.loihi.sigma_delta.emulator import SigmaDeltaEmulator

    return SigmaDeltaEmulator(program, execution.device)


_EMULATORS: Mapping[type, Callable[[Any, Execution], Emulator]] = MappingProxyType(
    {LoihiProgram: _spiking, SigmaDeltaProgram: _sigma_delta}
)
"""By the type of the program."""
