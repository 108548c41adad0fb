"""The cost of rounding in a sigma-delta network: its integers compared with real numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spear_deploy.data import Split
from spear_deploy.execution import Execution
from spear_deploy.progress import Tick
from spear_deploy.targets import emulated_target
from spear_deploy.targets.sigma_delta import LoweredSigmaDelta


@dataclass(frozen=True)
class Rounding:
    """A population on all samples: messages in real numbers and in integers (None for a decoder), and its sums.

    ``error`` is the largest difference between its sums in any step of any sample (the values of an encoder), and
    ``largest`` the largest of them in real numbers, in units of the input's integers.
    """

    messages_float: int | None
    messages: int | None
    error: float
    largest: float

    def __add__(self, other: Rounding) -> Rounding:
        def both(mine: int | None, theirs: int | None) -> int | None:
            return None if mine is None or theirs is None else mine + theirs

        return Rounding(
            both(self.messages_float, other.messages_float),
            both(self.messages, other.messages),
            max(self.error, other.error),
            max(self.largest, other.largest),
        )


def measure_rounding(lowered: LoweredSigmaDelta, split: Split, *, tick: Tick | None = None) -> Mapping[str, Rounding]:
    """Run a split both ways; return the figures of each population by name."""
    program, found = lowered.program, dict[str, Rounding]()
    (port,) = program.inputs
    emulator, done = emulated_target(program.target).emulator(program, Execution()), 0
    for x, labels in split.batches(emulator.batch_size(split.samples.steps)):
        real, chip = lowered.simulate(x), emulator.run({port.name: port.encode(x)}, membranes=True)
        for population in lowered.network.populations:
            name, is_readout = population.name, population.is_readout
            held = chip.membrane[name] / float(1 << population.shift)
            seen = Rounding(
                None if is_readout else int(np.count_nonzero(real.spikes[name])),
                None if is_readout else int(np.count_nonzero(chip.spikes[name])),
                float(np.abs(held - real.membrane[name]).max()),
                float(np.abs(real.membrane[name]).max()),
            )
            found[name] = found[name] + seen if name in found else seen
        done += len(labels)
        if tick:
            tick(done, len(split))
    return found
