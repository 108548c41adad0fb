"""Data sets: embedded, from a folder, or from the user's .npz; never unpickled.

A :class:`Split` gives batches as the networks take them: time first, (T, B, *shape).
"""

from __future__ import annotations

import difflib
import gzip
import hashlib
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.coding import Encoding, constant, regular_rate
from spear_deploy.errors import Finding, InputError
from spear_deploy.network.ops import Shape
from spear_deploy.untrusted import UnreadableError, npz

Array = NDArray[Any]


class Samples(Protocol):
    """Samples of one kind that can be turned into input over time."""

    @property
    def steps(self) -> int:
        """Time steps of a sample."""

    @property
    def shape(self) -> Shape:
        """Shape of one sample in one step."""

    @property
    def maximum(self) -> float:
        """Largest input value."""

    @property
    def integral(self) -> bool:
        """Whether all inputs are integers."""

    def __len__(self) -> int:
        """Number of samples."""

    def batch(self, indices: Array) -> Array:
        """Return (T, B, *shape) for the samples of these indices."""


@dataclass(frozen=True, eq=False)
class ValueSamples:
    """Values (N, *shape) in 0..maximum, coded over ``steps``."""

    values: Array
    steps: int
    encoding: Encoding = "constant"

    @property
    def shape(self) -> Shape:
        """Shape of one sample in one step."""
        return self.values.shape[1:]

    @property
    def maximum(self) -> float:
        """Largest input value."""
        return 1.0 if self.encoding == "rate" else float(self.values.max(initial=0)) or 1.0

    @property
    def integral(self) -> bool:
        """Whether all inputs are integers."""
        return self.encoding == "rate" or bool(np.all(self.values == np.rint(self.values)))

    def __len__(self) -> int:
        return len(self.values)

    def batch(self, indices: Array) -> Array:
        """Return (T, B, *shape)."""
        chosen = self.values[indices]
        return regular_rate(chosen, self.steps) if self.encoding == "rate" else constant(chosen, self.steps)


@dataclass(frozen=True, eq=False)
class SpikeSamples:
    """Spikes or event counts (N, T, *shape)."""

    spikes: Array

    @property
    def steps(self) -> int:
        """Time steps."""
        return int(self.spikes.shape[1])

    @property
    def shape(self) -> Shape:
        """Shape of one sample in one step."""
        return self.spikes.shape[2:]

    @property
    def maximum(self) -> float:
        """Largest payload."""
        return float(self.spikes.max(initial=0)) or 1.0

    @property
    def integral(self) -> bool:
        """Whether all inputs are integers."""
        return np.issubdtype(self.spikes.dtype, np.integer) or bool(np.all(self.spikes == np.rint(self.spikes)))

    def __len__(self) -> int:
        return len(self.spikes)

    def batch(self, indices: Array) -> Array:
        """Return (T, B, *shape)."""
        return np.moveaxis(self.spikes[indices], 1, 0)


@dataclass(frozen=True, eq=False)
class EventSamples:
    """Address events, binned on demand: sample i holds events ``offsets[i]:offsets[i + 1]``.

    Times are microseconds and count from the sample's first event; ``steps`` covers the longest sample.
    Events of one cell and bin are counted.
    """

    t: Array
    address: Array
    offsets: Array
    shape: Shape
    bin_us: int
    steps: int
    maximum: float
    integral: bool = True

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def batch(self, indices: Array) -> Array:
        """Return event counts (T, B, *shape)."""
        size = int(np.prod(self.shape))
        counter = np.uint8 if self.maximum <= 255 else np.uint16
        frames = np.zeros((self.steps, len(indices), size), counter)
        for column, sample in enumerate(indices):
            events = slice(self.offsets[sample], self.offsets[sample + 1])
            bins = (self.t[events] - self.t[events][:1]) // self.bin_us
            np.add.at(frames[:, column], (bins, self.address[events]), 1)
        return frames.reshape(self.steps, len(indices), *self.shape)


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


@dataclass(frozen=True)
class DataOptions:
    """How to load: where the folder is, time steps, coding of values, width of event bins (ms)."""

    folder: Path | None = None
    steps: int | None = None
    encoding: Encoding | None = None
    bin_ms: float | None = None
    seed: int = 0


def load_data(name: str, options: DataOptions) -> Dataset:
    """Load a named data set, or the ``.npz`` file of that path.

    Raises :class:`InputError`: E001 (no such file or folder), E005 (unusable), E006 (labels), E008 (name).
    """
    if name in LOADERS:
        load, taken = LOADERS[name]
        _refuse_unused(name, options, taken)
        return load(options)
    if name.endswith(".npz") or Path(name).exists():
        _refuse_unused(name, options, ("steps", "encoding") if options.steps else ("steps",))
        return _npz(Path(name), options)
    near = difflib.get_close_matches(name, LOADERS, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise InputError.of(
        "E008", f"--data {name}", "no such data set or file", f"{hint}names: {', '.join(LOADERS)}, or FILE.npz"
    )


def _refuse_unused(name: str, options: DataOptions, taken: tuple[str, ...]) -> None:
    """Refuse options that would be ignored (E005)."""
    findings = [
        Finding("E005", f"--{option.replace('_', '-')}", f"has no meaning for --data {name}", "leave it out")
        for option in ("steps", "encoding", "bin_ms")
        if getattr(options, option) is not None and option not in taken
    ]
    if findings:
        raise InputError(findings)


def fitted(data: Dataset, shape: Shape, outputs: int) -> Dataset:
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


def _digits(options: DataOptions) -> Dataset:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    values = (images.reshape(-1, 1, 8, 8) / 16.0).astype(np.float32)
    samples = ValueSamples(values, options.steps or 16, options.encoding or "rate")
    is_test = np.arange(len(labels)) % 5 == 0
    return _split("digits", samples, labels, np.flatnonzero(~is_test), np.flatnonzero(is_test), options.seed)


def _fashion_mnist(options: DataOptions) -> Dataset:
    folder = _folder("fashion-mnist", options)
    values, labels = [], []
    for prefix in ("train", "t10k"):
        images = _idx(folder / f"{prefix}-images-idx3-ubyte.gz", 16, (1, 28, 28))
        values.append(images.astype(np.float32) / 255.0)
        labels.append(_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", 8, ()))
    samples = ValueSamples(np.concatenate(values), options.steps or 5, options.encoding or "constant")
    total, test = len(samples), len(labels[1])
    train = np.arange(total - test)
    return _split("fashion-mnist", samples, np.concatenate(labels), train, np.arange(total - test, total), options.seed)


def _nmnist(options: DataOptions) -> Dataset:
    folder = _folder("nmnist-small", options)
    names = ("x", "y", "p", "t", "offsets", "label", "is_test")
    path = folder / "nmnist_small_events.npz"
    arrays = _arrays(path, names)
    missing = [name for name in names if name not in arrays]
    if missing:
        raise InputError.of("E005", path, f"it lacks {', '.join(missing)}", "download it again")
    x, y, p = (arrays[key].astype(np.int64) for key in ("x", "y", "p"))
    bin_us = round((options.bin_ms or 5.0) * 1000)
    offsets, t = arrays["offsets"], arrays["t"]
    longest = int(np.max(t[offsets[1:] - 1] - t[offsets[:-1]]))
    address = (p * 34 + y) * 34 + x
    steps = options.steps or longest // bin_us + 1
    if steps * bin_us <= longest:
        message = f"{steps} bins of {bin_us / 1000:g} ms do not cover the longest recording of {longest / 1000:g} ms"
        raise InputError.of("E005", "data nmnist-small", message, "give a larger --bin-ms, or leave out --steps")
    samples = EventSamples(t, address, offsets, (2, 34, 34), bin_us, steps, np.inf)
    peak = max(float(samples.batch(np.array([i])).max()) for i in range(len(samples)))
    test = arrays["is_test"].astype(bool)
    return _split(
        "nmnist-small",
        replace(samples, maximum=peak),
        arrays["label"],
        np.flatnonzero(~test),
        np.flatnonzero(test),
        options.seed,
    )


def _npz(path: Path, options: DataOptions) -> Dataset:
    split = ("x_train", "y_train", "x_test", "y_test")
    arrays = _arrays(path, (*split, "x", "y"))
    has_split = set(split) <= set(arrays)
    if not has_split and not {"x", "y"} <= set(arrays):
        held = ", ".join(arrays) or "nothing usable"
        message = f"it holds {held} instead of {', '.join(split)} (or x, y)"
        raise InputError.of("E005", path, message, "save it with numpy.savez")
    if has_split:
        try:
            x = np.concatenate([arrays["x_train"], arrays["x_test"]])
            y = np.concatenate([arrays["y_train"], arrays["y_test"]])
        except (TypeError, ValueError) as error:
            raise InputError.of("E005", path, f"training and test arrays do not fit together: {error}") from error
        train, test = np.arange(len(arrays["x_train"])), np.arange(len(arrays["x_train"]), len(x))
    else:
        x, y = np.atleast_1d(arrays["x"]), np.atleast_1d(arrays["y"])
        fifth = np.arange(len(x)) % 5 == 0
        train, test = np.flatnonzero(~fifth), np.flatnonzero(fifth)
    findings = []
    if not np.all(np.isfinite(x)) or x.min(initial=0) < 0:
        findings.append(Finding("E005", str(path), "x holds NaN, infinite or negative values", "inputs are 0 or above"))
    if not np.issubdtype(y.dtype, np.integer) or y.shape != (len(x),):
        message = f"y has type {y.dtype} and shape {y.shape}; {len(x)} integers are needed"
        findings.append(Finding("E006", str(path), message))
    if x.ndim < 2 or not x.size or min(len(train), len(test)) < 2:
        findings.append(
            Finding("E005", str(path), f"x has shape {x.shape}", "x is (N, T, *shape), or (N, *shape) with --steps")
        )
    if findings:
        raise InputError(findings)
    x = x.astype(np.uint8) if x.dtype == bool else x
    if options.steps is None:
        samples: Samples = SpikeSamples(x)
    else:
        samples = ValueSamples(x.astype(np.float32), options.steps, options.encoding or "constant")
        if options.encoding == "rate" and x.max(initial=0) > 1:
            raise InputError.of("E005", path, "rate coding needs values in 0..1", "divide x by its largest value")
    return _split(path.stem, samples, y, train, test, options.seed)


LOADERS: Mapping[str, tuple[Callable[[DataOptions], Dataset], tuple[str, ...]]] = {
    "digits": (_digits, ("steps", "encoding")),
    "fashion-mnist": (_fashion_mnist, ("steps", "encoding")),
    "nmnist-small": (_nmnist, ("steps", "bin_ms")),
}
"""Named data sets: their loader and the options that it takes."""


def _split(name: str, samples: Samples, labels: Array, train: Array, test: Array, seed: int) -> Dataset:
    """Take a fifth of the training samples (at most 1000) for the search's decisions."""
    shuffled = np.random.default_rng(seed).permutation(train)
    held = min(max(1, len(train) // 5), 1000)
    whole = labels.astype(np.int64)
    return Dataset(
        name,
        Split(samples, whole, np.sort(shuffled[held:])),
        Split(samples, whole, np.sort(shuffled[:held])),
        Split(samples, whole, test),
    )


def _folder(name: str, options: DataOptions) -> Path:
    if options.folder is None:
        raise InputError.of("E001", f"--data {name}", "this data set lies in a folder", "give it with --data-dir")
    for candidate in (options.folder / name, options.folder):
        if candidate.is_dir() and (
            candidate.name == name or any(candidate.glob("*.gz")) or any(candidate.glob("*.npz"))
        ):
            return candidate
    raise InputError.of("E001", options.folder, f"no folder {name!r} there", "see the data set's page in examples/")


def _idx(path: Path, header: int, shape: Shape) -> NDArray[np.uint8]:
    if not path.is_file():
        raise InputError.of("E001", path, "no such file", "see the data set's page in examples/")
    try:
        with gzip.open(path) as stream:
            return np.frombuffer(stream.read(), np.uint8, offset=header).reshape(-1, *shape)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError.of("E005", path, f"is damaged: {error}", "download it again") from error


def _arrays(path: Path, wanted: Collection[str]) -> dict[str, Array]:
    """Return those of the ``wanted`` arrays that a file holds; what else it holds is not read."""
    try:
        return npz.read(path, wanted)
    except FileNotFoundError as error:
        raise InputError.of("E001", path, "no such file", "check the path") from error
    except (OSError, UnreadableError) as error:
        raise InputError.of("E005", path, f"is no usable .npz: {error}", "pickled objects are not read") from error
