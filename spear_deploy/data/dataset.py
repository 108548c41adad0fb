"""A data set: samples with labels, in three splits.

A :class:`Split` gives batches as the networks take them: time first, (T, B, *shape).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.samples import Samples, SpikeSamples, ValueSamples
from spear_deploy.errors import Finding, InputError
from spear_deploy.network.ops import Shape

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Split:
    """Samples with labels (N,), and the subset ``indices`` that belongs to the split."""

    samples: Samples
    labels: NDArray[np.int64]
    indices: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, indices: Array) -> Split:
        """Return the split of the given positions."""
        return replace(self, indices=self.indices[indices])

    def head(self, count: int) -> Split:
        """Return the first ``count`` samples."""
        return self.take(np.arange(min(count, len(self))))

    def batches(self, size: int, rng: np.random.Generator | None = None) -> Iterator[tuple[Array, NDArray[np.int64]]]:
        """Yield (inputs (T, B, *shape), labels (B,)); shuffled if ``rng`` is given."""
        order = self.indices if rng is None else rng.permutation(self.indices)
        for start in range(0, len(order), size):
            chosen = order[start : start + size]
            yield self.samples.batch(chosen), self.labels[chosen]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set: ``train`` for fine-tuning, ``val`` for the search's decisions, ``test`` for the verdict."""

    name: str
    train: Split
    val: Split
    test: Split

    @property
    def steps(self) -> int:
        """Time steps of a sample."""
        return self.test.samples.steps

    @property
    def shape(self) -> Shape:
        """Shape of one sample in one step."""
        return self.test.samples.shape

    @property
    def maximum(self) -> float:
        """Largest input value over all splits."""
        return max(self.train.samples.maximum, self.test.samples.maximum)

    @property
    def integral(self) -> bool:
        """Whether all inputs are integers."""
        return self.train.samples.integral and self.test.samples.integral

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the labels and some samples of every split: tells edited data from the same."""
        digest = hashlib.sha256()
        for split in (self.train, self.val, self.test):
            digest.update(split.labels[split.indices].tobytes())
            some = split.indices[:: max(1, len(split) // 16)]
            digest.update(np.ascontiguousarray(split.samples.batch(some)).tobytes())
        return digest.hexdigest()


def with_validation(name: str, samples: Samples, labels: Array, train: Array, test: Array, seed: int) -> Dataset:
    """Return a data set of which a fifth of the training samples (at most 1000) serves the search's decisions."""
    shuffled = np.random.default_rng(seed).permutation(train)
    held = min(max(1, len(train) // 5), 1000)
    whole = labels.astype(np.int64)
    return Dataset(
        name,
        Split(samples, whole, np.sort(shuffled[held:])),
        Split(samples, whole, np.sort(shuffled[:held])),
        Split(samples, whole, test),
    )


def fit_to_network(data: Dataset, shape: Shape, outputs: int) -> Dataset:
    """Return a data set that fits a network's input shape and number of outputs.

    Samples (C, L) are given to a network of one-dimensional convolutions as maps of height 1.
    Raises :class:`InputError` with all findings: E005 for the shape, E006 for labels.
    """
    findings = []
    if len(data.shape) == 2 and shape == (data.shape[0], 1, data.shape[1]):
        splits = (_with_height(split) for split in (data.train, data.val, data.test))
        data = Dataset(data.name, *splits)
    if data.shape != shape:
        message = f"samples have shape {data.shape} in a step, the network's input has {shape}"
        findings.append(
            Finding("E005", f"data {data.name}", message, "x is (N, T, *shape), or (N, *shape) with --steps")
        )
    for kind, split in (("train", data.train), ("test", data.test)):
        labels = split.labels[split.indices]
        bad = labels[(labels < 0) | (labels >= outputs)]
        if len(bad):
            message = f"{len(bad)} {kind} labels lie outside 0..{outputs - 1}, the first is {bad[0]}"
            findings.append(Finding("E006", f"data {data.name}", message, "the network has that many outputs"))
    if findings:
        raise InputError(findings)
    return data


def _with_height(split: Split) -> Split:
    samples = split.samples
    if isinstance(samples, SpikeSamples):
        return replace(split, samples=replace(samples, spikes=samples.spikes[..., None, :]))
    if isinstance(samples, ValueSamples):
        return replace(split, samples=replace(samples, values=samples.values[..., None, :]))
    return split
