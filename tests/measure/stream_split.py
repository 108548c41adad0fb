"""Measures splits of event recordings that are made on the fly: ``stream_split.py SAMPLES...``.

Of the size of N-MNIST: 2x34x34, 300 steps.  Prints, for one split after the other, the largest resident size that
this process has reached, in bytes.
"""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data import Split
from spear_deploy.measure.runs import measure_program
from spear_deploy.network.ops import Shape
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses
from spear_deploy.targets.loihi.program import InputPort, LoihiPopulation, LoihiProgram, LoihiProjection

EVENTS = 4000
"""Of a sample; N-MNIST has as many."""


@dataclass(frozen=True)
class Recordings:
    """Samples of random events, each made when it is asked for."""

    count: int
    steps: int = 300
    shape: Shape = (2, 34, 34)
    maximum: float = 1.0
    integral: bool = True

    def __len__(self) -> int:
        return self.count

    def batch(self, indices: NDArray[np.intp]) -> NDArray[np.uint8]:
        frames = np.zeros((self.steps, len(indices), int(np.prod(self.shape))), np.uint8)
        for column, index in enumerate(indices):
            rng = np.random.default_rng(index)
            frames[rng.integers(0, self.steps, EVENTS), column, rng.integers(0, frames.shape[2], EVENTS)] = 1
        return frames.reshape(self.steps, len(indices), *self.shape)


def program() -> LoihiProgram:
    """2x34x34 - 16x17x17 - 32x9x9 - 10."""
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> NDArray[np.int16]:
        return rng.integers(-60, 128, shape).astype(np.int16)

    def neurons(name: str, shape: Shape, depth: int) -> LoihiPopulation:
        registers = {"du": 4095, "dv": 400, "vth": 150, "bias_mant": 0, "bias_exp": 0}
        arrays = {register: np.asarray(value, np.int32) for register, value in registers.items()}
        return LoihiPopulation(name, shape, "lif", depth, np.asarray(1.0), **arrays)

    synapses: tuple[Synapses, ...] = (
        ConvSynapses("w1", "in", "a", weights(16, 2, 3, 3), (2, 2), (1, 1)),
        ConvSynapses("w2", "a", "b", weights(32, 16, 3, 3), (2, 2), (1, 1)),
        DenseSynapses("w3", "b", "c", weights(10, 32 * 9 * 9)),
    )
    populations = (neurons("a", (16, 17, 17), 1), neurons("b", (32, 9, 9), 2), neurons("c", (10,), 3))
    projections = tuple(LoihiProjection(item, 0, 0) for item in synapses)
    return LoihiProgram("loihi2", (InputPort("in", (2, 34, 34), 1),), populations, projections, ("c",))


def main() -> None:
    for count in map(int, sys.argv[1:]):
        split = Split(Recordings(count), np.zeros(count, np.int64), np.arange(count))
        activity = measure_program(program(), split)
        assert len(activity.total) == count
        assert all(spikes.all() for spikes in activity.spikes.values())
        sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}\n")


if __name__ == "__main__":
    main()
