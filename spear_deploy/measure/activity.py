"""The activity record: spikes, synaptic operations and decisions, sample by sample.

Events are reduced batch by batch, so that memory is bounded by the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from spear_deploy.decision import RULES, DecisionRule
from spear_deploy.network.fan_out import FanOut

NOTABLE_ERRORS = 2.0
"""A loss of accuracy of more standard errors than this is significant."""


@dataclass(frozen=True, eq=False)
class Activity:
    """The activity of a network on N samples.

    Attributes:
        synops_all, synops: per projection (N,): over all synapses, and over nonzero ones.
        spikes: per population that spikes (N,): events, inputs included.
        scores: (N, outputs): the output under the decision rule, for example its spike counts.
        labels: (N,).
        sent: per population that spikes (neurons,): events of each neuron, summed over all samples.
    """

    synops_all: Mapping[str, NDArray[np.int64]]
    synops: Mapping[str, NDArray[np.int64]]
    spikes: Mapping[str, NDArray[np.int64]]
    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    sent: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def answers(self) -> NDArray[np.int64]:
        """The output with the highest score (the first of equal ones) of each sample: (N,)."""
        highest: NDArray[np.int64] = self.scores.argmax(axis=1)
        return highest

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the answer to each sample is its label: (N,)."""
        right: NDArray[np.bool_] = self.answers == self.labels
        return right

    @property
    def accuracy(self) -> float:
        """Share of samples classified correctly."""
        return float(np.mean(self.correct))

    @property
    def accuracy_error(self) -> float:
        """The standard error of the accuracy, as a share: sqrt(p (1 - p) / N)."""
        return sqrt(self.accuracy * (1 - self.accuracy) / len(self.labels))

    @property
    def tells_apart(self) -> float:
        """Standard deviations by which more answers are correct than if the same answers were permuted at random.

        0 for a network that always answers alike, whatever its accuracy.  Of N permuted answers, a_c of class c with
        l_c labels, sum(a_c l_c) / N are correct on average; the variance is that of a random permutation.
        """
        labels, answers = self.labels, self.answers
        size, most = len(labels), max(int(labels.max()), self.scores.shape[1] - 1) + 1
        counts = [np.bincount(each, minlength=most).astype(np.float64) for each in (answers, labels)]
        both = counts[0] * counts[1]
        spread = float(both @ ((size - counts[0]) * (size - counts[1])) + both.sum() ** 2 - both @ both)
        expected, variance = float(both.sum()) / size, spread / (size**2 * max(1, size - 1))
        return (float(self.correct.sum()) - expected) / sqrt(variance) if variance > 0 else 0.0

    @property
    def total(self) -> NDArray[np.int64]:
        """SynOps of each sample over all projections, nonzero synapses: (N,)."""
        return _sum(self.synops)

    @property
    def mean_synops(self) -> float:
        """Mean SynOps per sample over all projections, nonzero synapses."""
        return float(self.total.mean())

    @property
    def total_all(self) -> NDArray[np.int64]:
        """SynOps of each sample over all synapses of the structure: (N,)."""
        return _sum(self.synops_all)


def _sum(parts: Mapping[str, NDArray[np.int64]]) -> NDArray[np.int64]:
    total: NDArray[np.int64] = np.sum(list(parts.values()), axis=0, dtype=np.int64)
    return total


@dataclass
class ActivityRecorder:
    """Reduces batches of events to an :class:`Activity`.

    Any value other than 0 is one spike, except in the populations in ``counted``, whose values are numbers of spikes.
    ``rule`` scores the ``output``.
    """

    fan_outs: Sequence[FanOut]
    output: str
    counted: frozenset[str] = frozenset()
    rule: DecisionRule = RULES["count"]
    _parts: list[Activity] = field(default_factory=list)

    def add(
        self, events: Mapping[str, NDArray[np.generic]], sent: NDArray[np.generic], labels: NDArray[np.int64]
    ) -> None:
        """Add a batch: ``events`` (T, B, *shape) of all spiking populations, and the output ``sent`` (T, B, *shape)."""
        counts = {name: self._count(name, array.reshape(*array.shape[:2], -1)) for name, array in events.items()}
        self._parts.append(
            Activity(
                {f.name: counts[f.source] @ f.every for f in self.fan_outs},
                {f.name: counts[f.source] @ f.nonzero for f in self.fan_outs},
                {name: array.sum(axis=1) for name, array in counts.items()},
                self.rule.score(sent).reshape(len(labels), -1),
                labels,
                {name: array.sum(axis=0) for name, array in counts.items()},
            )
        )

    def _count(self, name: str, events: NDArray[np.generic]) -> NDArray[np.int64]:
        """Return the spikes of each neuron in each sample: (B, n)."""
        spikes = events.sum(axis=0) if name in self.counted else np.count_nonzero(events, axis=0)
        counted: NDArray[np.int64] = spikes.astype(np.int64)
        return counted

    def activity(self) -> Activity:
        """Return the record of all batches so far."""
        parts = self._parts

        def concatenate(name: str) -> dict[str, NDArray[np.int64]]:
            return {key: np.concatenate([getattr(p, name)[key] for p in parts]) for key in getattr(parts[0], name)}

        return Activity(
            concatenate("synops_all"),
            concatenate("synops"),
            concatenate("spikes"),
            np.concatenate([p.scores for p in parts]),
            np.concatenate([p.labels for p in parts]),
            {name: np.sum([p.sent[name] for p in parts], axis=0) for name in parts[0].sent},
        )
