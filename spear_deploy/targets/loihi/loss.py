"""Run a whole program on the samples that its ranges were measured on, and compare it with the float network.

No network changes silently: a population whose output is off by more than a few per cent is a note with the amount.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.targets.loihi.layer import Layer
from spear_deploy.targets.loihi.program import LoihiProgram
from spear_deploy.targets.observation import Observation

Array = NDArray[Any]


@dataclass(frozen=True)
class Followed:
    """How a population follows the float network on the chip, with everything before it on the chip too.

    Of spikes, ``on_chip`` and ``in_float`` are their numbers; of a readout ``error`` is the root mean square error
    of its membrane, summed over the steps of a sample, as a share of that sum's own.  ``decided_otherwise`` counts
    the samples in which the largest sum is another neuron's, of an output on the user's ``samples``.
    """

    name: str
    samples: str
    on_chip: int = 0
    in_float: int = 0
    error: float = 0.0
    decided_otherwise: int = 0
    decisions: int = 0


def follow(program: LoihiProgram, seen: Observation, layers: Mapping[str, Layer]) -> Iterator[Followed]:
    """Run a program on what was observed; yield how each of the network's populations follows."""
    from spear_deploy.targets.loihi.emulator.emulator import LoihiEmulator

    inputs = {port.name: port.encode(seen.inputs[port.name]) for port in program.inputs}
    recording = LoihiEmulator(program).run(inputs)
    for population in program.populations:
        name = population.name
        chip, wanted = recording.output(name), seen.sent[name].astype(np.float64)
        followed = Followed(name, seen.source)
        if population.is_readout:
            unit = np.ldexp(population.scale, program.arithmetic.shift)
            chip, wanted = chip / unit, _membrane(wanted, layers[name])
            followed = replace(followed, error=_relative_error(chip.sum(axis=0), wanted.sum(axis=0)))
        else:
            followed = replace(followed, on_chip=int(chip.sum(dtype=np.int64)), in_float=int(wanted.sum()))
        if seen.given and name in program.outputs:
            others = _decisions(chip) != _decisions(wanted)
            followed = replace(followed, decided_otherwise=int(np.count_nonzero(others)), decisions=len(others))
        yield followed


def _membrane(sent: Array, layer: Layer) -> Array:
    """Return a readout's membrane from its reset value, its gain divided out, as the chip has it."""
    return np.asarray((sent - layer.neuron.reset_value) / np.where(layer.neuron.gain == 0, 1, layer.neuron.gain))


def _relative_error(chip: Array, wanted: Array) -> float:
    own = float(np.sqrt(np.mean(wanted**2)))
    wrong = float(np.sqrt(np.mean((chip - wanted) ** 2)))
    return wrong / own if own else wrong


def _decisions(sent: Array) -> Array:
    """Return the neuron with the largest sum over time of each sample."""
    return np.asarray(sent.sum(axis=0, dtype=np.float64).reshape(sent.shape[1], -1).argmax(axis=1))
