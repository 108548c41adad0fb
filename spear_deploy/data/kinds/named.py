"""Data sets by name: embedded ones, and those that lie in a folder."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.arrays import read_arrays
from spear_deploy.data.dataset import Dataset, of_raw_values, with_validation
from spear_deploy.data.event_samples import binned
from spear_deploy.data.kind import Kind
from spear_deploy.data.options import DataOptions
from spear_deploy.data.samples import ValueSamples
from spear_deploy.errors import InputError
from spear_deploy.network.ops import Shape
from spear_deploy.storage import is_file

Array = NDArray[Any]


def _digits(options: DataOptions) -> Dataset:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    values = (images.reshape(-1, 1, 8, 8) / 16.0).astype(np.float32)
    samples = ValueSamples(values, options.steps or 16, options.encoding or "rate")
    is_test = np.arange(len(labels)) % 5 == 0
    return with_validation("digits", samples, labels, np.flatnonzero(~is_test), np.flatnonzero(is_test), options.seed)


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
    return with_validation(
        "fashion-mnist", samples, np.concatenate(labels), train, np.arange(total - test, total), options.seed
    )


def _nmnist(options: DataOptions) -> Dataset:
    folder = _folder("nmnist-small", options)
    names = ("x", "y", "p", "t", "offsets", "label", "is_test")
    path = folder / "nmnist_small_events.npz"
    arrays = read_arrays(path, names)
    missing = [name for name in names if name not in arrays]
    if missing:
        raise InputError.of("E005", path, f"it lacks {', '.join(missing)}", "download it again")
    x, y, p = (arrays[key].astype(np.int64) for key in ("x", "y", "p"))
    events = arrays["t"], (p * 34 + y) * 34 + x, arrays["offsets"]
    samples = binned(events, (2, 34, 34), options, "data nmnist-small")
    test = arrays["is_test"].astype(bool)
    return with_validation(
        "nmnist-small",
        samples,
        arrays["label"],
        np.flatnonzero(~test),
        np.flatnonzero(test),
        options.seed,
    )


def _folder(name: str, options: DataOptions) -> Path:
    if options.folder is None:
        raise InputError.of("E001", f"--data {name}", "this data set is read from a folder", "give it with --data-dir")
    for candidate in (options.folder / name, options.folder):
        if candidate.is_dir() and (
            candidate.name == name or any(candidate.glob("*.gz")) or any(candidate.glob("*.npz"))
        ):
            return candidate
    raise InputError.of("E001", options.folder, f"no folder {name!r} there", "see the data set's page in examples/")


def _idx(path: Path, header: int, shape: Shape) -> NDArray[np.uint8]:
    if not is_file(path):
        raise InputError.of("E001", path, "no such file", "see the data set's page in examples/")
    try:
        with gzip.open(path) as stream:
            return np.frombuffer(stream.read(), np.uint8, offset=header).reshape(-1, *shape)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError.of("E005", path, f"is damaged: {error}", "download it again") from error


LOADERS: Mapping[str, tuple[Callable[[DataOptions], Dataset], tuple[str, ...]]] = {
    "digits": (_digits, ("steps", "encoding")),
    "fashion-mnist": (_fashion_mnist, ("steps", "encoding")),
    "nmnist-small": (_nmnist, ("steps", "bin_ms", "bin_events")),
}
"""Named data sets: their loader and the options that it takes."""


def _load(name: str, options: DataOptions) -> Dataset:
    load, _ = LOADERS[name]
    return of_raw_values(load(options), options.transform)


NAMED = Kind(", ".join(LOADERS), LOADERS.__contains__, lambda name, _: LOADERS[name][1], _load)
