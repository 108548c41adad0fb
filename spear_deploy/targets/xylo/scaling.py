"""Choose what the integers stand for: how far weights are shifted, and the scale of each neuron that follows.

A larger shift gives states finer steps and less room: what saturates is seen on samples.  So programs of all shifts
are run on samples of the input, and the one whose spikes are nearest to the float network's is taken; bins whose
registers are at their limit count against it.  How the shifts of inputs and of recurrent weights lie to each other
follows from their sizes: where both have most levels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network import Network
from spear_deploy.recording import Clips, Recording
from spear_deploy.targets.observation import Observation
from spear_deploy.targets.xylo.layer import Layer
from spear_deploy.targets.xylo.program import Shifts, XyloProgram
from spear_deploy.targets.xylo.registers import Registers
from spear_deploy.targets.xylo.rounding import round_network

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Followed:
    """How a population follows the float network on the chip, on the same samples.

    ``moved`` are the spikes that a neuron fires too many or too few in a sample, summed over all, of ``in_float``.
    """

    on_chip: int
    in_float: int
    moved: int
    clips: Clips

    @property
    def loss(self) -> float:
        """The spikes that moved, as a share of those in float, and the share of bins at a register's limit."""
        at_limit = (self.clips.currents + self.clips.membranes) / max(1, self.clips.bins)
        return self.moved / max(1, self.in_float) + at_limit


def choose(
    network: Network, layers: Sequence[Layer], seen: Observation, registers: Registers, spare: float = 0.0
) -> XyloProgram:
    """Return the program that follows the float network best on what was ``seen``.

    Of those whose loss (:attr:`Followed.loss`) is greater by ``spare`` at most, the one with the least shifts is taken:
    what it loses by rounding is little beside what training makes of the room.
    """
    inputs = frozenset(port.name for port in network.inputs)
    hidden = [layer.name for layer in layers if layer.name not in network.outputs]
    most = registers.max_shift
    apart = _shifts_apart([layer for layer in layers if layer.name in hidden], inputs, registers)

    def lower(shifts: Shifts) -> XyloProgram:
        scales = {
            layer.name: _scale(layer, shifts, inputs, registers, layer.name in network.outputs) for layer in layers
        }
        return round_network(network, layers, scales, shifts, registers)

    programs = [lower(Shifts(into, into + apart)) for into in range(max(0, -apart), most + 1 - max(0, apart))]
    best = _nearest(programs, hidden, seen, spare).shifts
    programs = [lower(Shifts(best.input, best.recurrent, shift)) for shift in range(most + 1)]
    return _nearest(programs, network.outputs, seen, spare)


def follow(program: XyloProgram, seen: Observation) -> dict[str, Followed]:
    """Run a program on what was seen; return how each of its populations follows."""
    from spear_deploy.targets.xylo.emulator import XyloEmulator  # numba, which reading a profile does without

    recording = XyloEmulator(program).run(_coded(program, seen), clips=True)
    return {p.name: _followed(p.name, recording, seen) for p in program.populations}


def _nearest(programs: Sequence[XyloProgram], names: Sequence[str], seen: Observation, spare: float) -> XyloProgram:
    """Return the first program that loses about the least in the populations of these names."""
    losses = []
    for program in programs:
        followed = follow(program, seen)
        losses.append(sum(followed[name].loss for name in names))
    return next(each for each, loss in zip(programs, losses, strict=True) if loss <= min(losses) + spare)


def _coded(program: XyloProgram, seen: Observation) -> Mapping[str, NDArray[np.integer]]:
    return {port.name: port.encode(seen.inputs[port.name]) for port in program.inputs}


def _followed(name: str, recording: Recording, seen: Observation) -> Followed:
    chip = recording.spikes[name].sum(axis=0, dtype=np.int64)
    wanted = seen.sent[name].sum(axis=0, dtype=np.float64).astype(np.int64)
    return Followed(int(chip.sum()), int(wanted.sum()), int(np.abs(chip - wanted).sum()), recording.clips[name])


def _shifts_apart(hidden: Sequence[Layer], inputs: frozenset[str], registers: Registers) -> int:
    """Return how much further recurrent weights are shifted than those of inputs: where rounding loses least."""
    peaks = [(layer.peak(inputs, among=True), layer.peak(inputs, among=False)) for layer in hidden]
    most = registers.max_shift

    def lost(apart: int) -> float:
        """Return the largest rounding error relative to the largest weight, (into + recurrent), over the neurons."""
        total = 0.0
        for into, recurrent in peaks:
            step = np.maximum(into, np.ldexp(recurrent, -apart))  # of an input's mantissa, times the largest
            shares = np.divide(step, into, out=np.zeros_like(step), where=into > 0)
            shares += np.divide(np.ldexp(step, apart), recurrent, out=np.zeros_like(step), where=recurrent > 0)
            total += float(np.square(shares).sum())
        return total

    return min(sorted(range(-most, most + 1), key=abs), key=lost)


def _scale(layer: Layer, shifts: Shifts, inputs: frozenset[str], registers: Registers, is_output: bool) -> Array:
    """Return the largest scale of each neuron at which weights, threshold and bias fit: (n,)."""
    limit, mantissa = registers.arithmetic.limit, registers.max_mantissa
    other = shifts.output if is_output else shifts.recurrent
    room = [(layer.peak(inputs, among=True), mantissa << shifts.input)]
    room += [(layer.peak(inputs, among=False), mantissa << other), (np.abs(layer.bias), limit)]
    scale = (limit - 1) / layer.theta
    for values, most in room:
        scale = np.minimum(scale, np.divide(most, values, out=np.full_like(scale, np.inf), where=values > 0))
    steps = np.floor(scale * layer.theta)
    return np.where(steps >= 1, steps / layer.theta, scale)  # whole thresholds
