"""Fidelity of the chip's integers: the float network compared with its program, population by population.

Agreement of emulator and backend proves only the last step of the way; this measures quantisation, the step before.
Both run on the same samples, batch by batch, so that memory is bounded by the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data import Split
from spear_deploy.execution import Execution
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.runs import FloatRun, ProgramRun, float_recorder, program_recorder
from spear_deploy.network import Network
from spear_deploy.progress import Tick
from spear_deploy.recording import Clips, Recording
from spear_deploy.targets import Grid, Lowered

_ROUNDING = 0.5 + 1e-6
"""Steps by which rounding to the nearest integer may move a weight."""


@dataclass(frozen=True)
class WeightLoss:
    """The effect of rounding on the weights into a population: ``nonzero`` ones in float; shares of these, 0..1.

    ``zeroed`` became 0; ``clipped`` lie beyond the largest integer by more than rounding; None if the target does not
    say what its integers stand for.
    """

    nonzero: int
    zeroed: float
    clipped: float | None


@dataclass(frozen=True)
class PopulationFidelity:
    """One population in float beside the chip.

    Attributes:
        name: of the population.
        float_spikes, chip_spikes: of all its neurons, a sample; None for a readout.
        rate_distance: earth mover's distance between the rates of its neurons, in spikes a step; None for a readout.
        readout_error: rms difference of a readout's membranes relative to the rms of the float ones; None for others,
            and where the float ones are all 0 or the target does not say what its integers stand for.
        weights: what rounding did to the weights into it.
        clips: bins whose registers were too narrow; None where the target's emulator does not count them.
        moved: spikes that a neuron fires too many or too few in a sample, summed over all, as a share of those in
            float; None for a readout, and where none are fired.
    """

    name: str
    float_spikes: float | None
    chip_spikes: float | None
    rate_distance: float | None
    readout_error: float | None
    weights: WeightLoss
    clips: Clips | None
    moved: float | None = None

    @property
    def ratio(self) -> float | None:
        """Spikes on the chip for each in float; None where there are none in float."""
        if self.float_spikes is None or self.chip_spikes is None or not self.float_spikes:
            return None
        return self.chip_spikes / self.float_spikes

    @property
    def deviation(self) -> float:
        """Deviation of the population, 0..1: the share of spikes lost or added, or a readout's error."""
        if self.float_spikes is None or self.chip_spikes is None:
            return min(1.0, self.readout_error or 0.0)
        most = max(self.float_spikes, self.chip_spikes)
        return abs(self.chip_spikes - self.float_spikes) / most if most else 0.0

    @property
    def departure(self) -> float:
        """Deviation of single neurons, 0..1: at least :attr:`deviation`, more where excess and lack cancel."""
        return max(self.deviation, min(1.0, self.moved or 0.0))


@dataclass(frozen=True, eq=False)
class Fidelity:
    """A network in float beside its program, on the same N samples; ``populations`` in order of execution.

    ``inputs`` counts of each input the values that were clipped to the largest payload.
    """

    populations: tuple[PopulationFidelity, ...]
    in_float: Activity
    on_chip: Activity
    inputs: Mapping[str, Clips] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """Number of samples, N."""
        return len(self.in_float.labels)

    @property
    def differing(self) -> int:
        """Number of samples that the two decide differently."""
        return int(np.count_nonzero(self.in_float.answers != self.on_chip.answers))

    @property
    def agreement(self) -> float:
        """Share of samples that the two decide equally."""
        return 1 - self.differing / self.samples

    @property
    def loss(self) -> Loss:
        """The accuracy that the chip loses against the float network."""
        return Loss.between(self.in_float, self.on_chip)


@dataclass(frozen=True)
class Loss:
    """Percentage points of accuracy that one network loses against another on the same samples; negative for a gain.

    ``error`` is the standard error of the paired difference: samples on which both agree contribute nothing.
    """

    points: float
    error: float

    @classmethod
    def between(cls, before: Activity, after: Activity) -> Loss:
        """Compare the activities of two networks on the same samples."""
        lost = before.correct.astype(np.int64) - after.correct.astype(np.int64)
        # Under the null hypothesis: the sample deviation would be 0 if all of a few samples fail.
        return cls(100 * float(lost.mean()), 100 * sqrt(float(np.square(lost).sum())) / len(lost))


def measure_fidelity(
    network: Network,
    lowered: Lowered,
    split: Split,
    execution: Execution | None = None,
    *,
    tick: Tick | None = None,
    decide: str | None = None,
) -> Fidelity:
    """Run a float network of one input and its program on a split, and compare them.

    ``decide`` names the decision rule (None: the output's usual one); raises :class:`InputError` (E008, E015) for an
    unknown rule, or one that does not suit the output.
    """
    program = lowered.program
    in_float, on_chip = FloatRun(network, execution), ProgramRun(program, execution)
    recorders = float_recorder(network, decide, program.counted), program_recorder(program, decide)
    tallies = {p.name: _Tally(lowered.grids.membranes.get(p.name)) for p in network.neurons}
    batch = min(each.together(split.samples.steps) for each in (in_float, on_chip))
    inputs, done = {port.name: Clips() for port in network.inputs}, 0
    for x, labels in split.batches(batch):
        recordings = in_float(x), on_chip.with_clips(x)
        for recorder, recording in zip(recorders, recordings, strict=True):
            recorder.add(recording.spikes, recording.output(recorder.output), labels)
        for name, tally in tallies.items():
            tally.add(name, *recordings)
        inputs = {name: clips + recordings[1].clips.get(name, Clips()) for name, clips in inputs.items()}
        done += len(labels)
        if tick:
            tick(done, len(split))
    losses = weight_losses(network, lowered)
    bins = done * split.samples.steps
    rows = tuple(tally.row(name, losses[name], done, bins) for name, tally in tallies.items())
    return Fidelity(rows, recorders[0].activity(), recorders[1].activity(), inputs)


def weight_losses(network: Network, lowered: Lowered) -> dict[str, WeightLoss]:
    """Return what rounding did to the weights into each population with neurons, by its name."""
    rounded = {synapses.name: synapses.weight for synapses in lowered.program.synapses}
    losses = {}
    for population in network.neurons:
        incoming = [synapses for synapses in network.synapses if synapses.target == population.name]
        nonzero = sum(int(np.count_nonzero(synapses.weight)) for synapses in incoming)
        zeroed = sum(int(np.count_nonzero((s.weight != 0) & (rounded[s.name] == 0))) for s in incoming)
        grids = [lowered.grids.weights.get(synapses.name) for synapses in incoming]
        clipped = [_clipped(s.weight, grid) for s, grid in zip(incoming, grids, strict=True) if grid is not None]
        share = sum(clipped) / max(1, nonzero) if len(clipped) == len(incoming) else None
        losses[population.name] = WeightLoss(nonzero, zeroed / max(1, nonzero), share)
    return losses


def _clipped(weight: NDArray[Any], grid: Grid) -> int:
    return int(np.count_nonzero(np.abs(weight) / grid.step > grid.largest + _ROUNDING))


@dataclass
class _Tally:
    """Accumulates the figures of one population over batches; ``grid`` maps a readout's integers to values."""

    grid: Grid | None
    float_counts: NDArray[np.float64] | None = None
    chip_counts: NDArray[np.float64] | None = None
    squares: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    moved: float = 0.0
    clips: Clips | None = None

    def add(self, name: str, in_float: Recording, on_chip: Recording) -> None:
        """Add a batch."""
        if name in in_float.spikes:
            self.float_counts = _added(self.float_counts, in_float.spikes[name])
            self.chip_counts = _added(self.chip_counts, on_chip.spikes[name])
            in_samples = [each.spikes[name].sum(axis=0, dtype=np.float64) for each in (in_float, on_chip)]
            self.moved += float(np.abs(in_samples[1] - in_samples[0]).sum())
        elif self.grid is not None:
            wanted = in_float.membrane[name].astype(np.float64)
            found = self.grid.to_float(on_chip.membrane[name])
            self.squares += np.square(found - wanted).sum(), np.square(wanted).sum()
        if name in on_chip.clips:
            self.clips = (self.clips or Clips()) + on_chip.clips[name]

    def row(self, name: str, weights: WeightLoss, samples: int, bins: int) -> PopulationFidelity:
        """Return the figures over this many samples, with ``bins`` of each neuron."""
        if self.float_counts is None or self.chip_counts is None:
            error = float(np.sqrt(self.squares[0] / self.squares[1])) if self.squares[1] else None
            return PopulationFidelity(name, None, None, None, error, weights, self.clips)
        distance = float(np.abs(np.sort(self.float_counts) - np.sort(self.chip_counts)).mean()) / bins
        spikes = float(self.float_counts.sum()) / samples, float(self.chip_counts.sum()) / samples
        moved = self.moved / float(self.float_counts.sum()) if self.float_counts.any() else None
        return PopulationFidelity(name, *spikes, distance, None, weights, self.clips, moved)


def _added(counts: NDArray[np.float64] | None, spikes: NDArray[Any]) -> NDArray[np.float64]:
    """Add the spikes (T, B, *shape) of each neuron to its count (neurons,)."""
    found: NDArray[np.float64] = spikes.sum(axis=(0, 1), dtype=np.float64).ravel()
    return found if counts is None else counts + found
