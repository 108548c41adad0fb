"""A data set: samples with labels, in three splits.

A :class:`Split` gives batches in the layout of networks: time first, (T, B, *shape).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, islice, repeat
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.labels import range_finding
from spear_deploy.data.layout import shape_finding
from spear_deploy.data.samples import Samples, SpikeSamples, ValueSamples
from spear_deploy.errors import Finding, InputError
from spear_deploy.network.normalisation import InputTransform
from spear_deploy.network.ops import Shape

Array = NDArray[Any]
SplitKind: TypeAlias = Literal["given", "drawn"]


@dataclass(frozen=True, eq=False)
class Split:
    """Samples with labels (N,), and the subset ``indices`` that belongs to the split."""

    samples: Samples
    labels: NDArray[np.int64]
    indices: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def own_labels(self) -> NDArray[np.int64]:
        """Labels of the split's samples: (len(self),)."""
        return self.labels[self.indices]

    @property
    def classes(self) -> NDArray[np.int64]:
        """The distinct labels of the split, sorted."""
        return np.unique(self.own_labels)

    def take(self, indices: Array) -> Split:
        """Return the split of the given positions."""
        return replace(self, indices=self.indices[indices])

    def head(self, count: int) -> Split:
        """Return the first ``count`` samples."""
        return self.take(np.arange(min(count, len(self))))

    def some(self, count: int) -> Split:
        """Return ``count`` samples for estimates, drawn at random and always the same ones.

        The first ones would be biased: many data sets are sorted by class, as folders are.
        """
        drawn = np.random.default_rng(0).permutation(len(self))[:count]
        return self.take(np.sort(drawn))

    def batch(self, positions: Array) -> tuple[Array, NDArray[np.int64]]:
        """Return inputs (T, B, *shape) and labels (B,) of the samples at these positions."""
        chosen = self.indices[positions]
        return self.samples.batch(chosen), self.labels[chosen]

    def batches(self, size: int) -> Iterator[tuple[Array, NDArray[np.int64]]]:
        """Yield (inputs (T, B, *shape), labels (B,)) in order."""
        for start in range(0, len(self), size):
            yield self.batch(np.arange(start, min(start + size, len(self))))

    def shuffled(self, size: int, rng: np.random.Generator) -> Iterator[NDArray[np.intp]]:
        """Yield the positions (B,) of each batch of the shuffled split."""
        order = rng.permutation(len(self))
        for start in range(0, len(order), size):
            yield order[start : start + size]

    def drawn(self, size: int, rng: np.random.Generator, count: int) -> Iterator[NDArray[np.intp]]:
        """Yield the positions (B,) of ``count`` batches; the split is shuffled again after each pass."""
        epochs = (self.shuffled(size, rng) for _ in repeat(None))
        return islice(chain.from_iterable(epochs), count)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set: ``train`` for fine-tuning, ``val`` for the search's decisions, ``test`` for the verdict.

    ``split`` says whether the test samples were given or drawn; ``transform`` is the transform of training that the
    network has to absorb to take these raw values; ``notes`` are findings on the data.
    """

    name: str
    train: Split
    val: Split
    test: Split
    split: SplitKind = "given"
    transform: InputTransform = field(default_factory=InputTransform)
    notes: tuple[Finding, ...] = ()

    @property
    def where(self) -> str:
        """Its name in findings."""
        return place_of(self.name)

    @property
    def parts(self) -> dict[str, Split]:
        """The splits by name."""
        return {"train": self.train, "val": self.val, "test": self.test}

    @property
    def samples(self) -> Samples:
        """The samples that the splits are parts of."""
        return self.test.samples

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

    @property
    def _held(self) -> Iterable[Samples]:
        """The samples of all splits, each once."""
        return {id(split.samples): split.samples for split in self.parts.values()}.values()

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the samples take."""
        return sum(samples.nbytes for samples in self._held)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over all samples, labels and splits, to recognise data that were edited."""
        digest = hashlib.sha256()
        for samples in self._held:
            digest.update(samples.digest())
        for split in self.parts.values():
            digest.update(np.ascontiguousarray(split.indices, np.int64).data)
            digest.update(np.ascontiguousarray(split.labels).data)
        return digest.hexdigest()


def parts_of(name: str, samples: Samples, labels: Array, parts: tuple[Array, Array, Array]) -> Dataset:
    """Return a data set whose training, validation and test samples have the indices in ``parts``."""
    whole = labels.astype(np.int64)
    train, val, test = (Split(samples, whole, part) for part in parts)
    return Dataset(name, train, val, test)


def with_validation(name: str, samples: Samples, labels: Array, train: Array, test: Array, seed: int) -> Dataset:
    """Return a data set with a fifth of the training samples (at most 1000) for validation."""
    shuffled = np.random.default_rng(seed).permutation(train)
    held = min(max(1, len(train) // 5), 1000)
    return parts_of(name, samples, labels, (np.sort(shuffled[held:]), np.sort(shuffled[:held]), test))


def of_raw_values(data: Dataset, transform: InputTransform) -> Dataset:
    """Return the data set for a network that was trained on transformed values.

    Raises :class:`InputError` (E016) for rate-coded values: spikes cannot be transformed.
    """
    if not transform.is_identity and isinstance(data.samples, ValueSamples) and data.samples.encoding == "rate":
        message = f"has no meaning for {data.name}, whose values become spikes at a rate"
        raise InputError.of("E016", str(transform), message, "leave it out, or give --encoding constant")
    return replace(data, transform=transform)


def place_of(name: str) -> str:
    """Return the name of a data set in findings; many files are just called data."""
    return name if name == "data" else f"data {name}"


def fit_to_network(data: Dataset, shape: Shape, outputs: int) -> Dataset:
    """Return a data set that fits a network's input shape and number of outputs.

    Samples (C, L) are given to a network of one-dimensional convolutions as maps of height 1.
    Raises :class:`InputError` with all findings: E005 for the shape, E006 for labels.
    """
    if data.shape != shape and _gets_height(data.shape, shape):
        train, val, test = map(_with_height, data.parts.values())
        data = replace(data, train=train, val=val, test=test)
    labels = np.concatenate([part.own_labels for part in data.parts.values()])
    time = None if isinstance(data.samples, ValueSamples) else data.steps
    findings = network_findings((data.shape, labels), (shape, outputs), data.where, time=time)
    if findings:
        raise InputError(findings)
    return data


def network_findings(
    data: tuple[Shape, Array], network: tuple[Shape, int], where: str, *, time: int | None
) -> list[Finding]:
    """Return what is wrong (E005, E006) with data for a network.

    ``data`` are the shape of a sample in one step and all labels, ``network`` its input shape and number of outputs;
    ``time`` is the length of the samples' own axis of time, or None where values are coded.
    """
    (found, labels), (wanted, outputs) = data, network
    findings = []
    if found != wanted and not _gets_height(found, wanted):
        findings.append(shape_finding(found, wanted, where, time=time))
    if (outside := range_finding(labels, outputs, where)) is not None:
        findings.append(outside)
    return findings


def _gets_height(found: Shape, wanted: Shape) -> bool:
    """Whether samples (C, L) are for one-dimensional convolutions, whose maps have a height of 1."""
    return len(found) == 2 and wanted == (found[0], 1, found[1])


def _with_height(split: Split) -> Split:
    samples = split.samples
    if isinstance(samples, SpikeSamples):
        return replace(split, samples=replace(samples, spikes=samples.spikes[..., None, :]))
    if isinstance(samples, ValueSamples):
        return replace(split, samples=replace(samples, values=samples.values[..., None, :]))
    return split
