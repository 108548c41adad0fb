"""Data sets from Python objects: arrays, mappings of arrays, torch's data sets and loaders, names and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.arrays import from_arrays
from spear_deploy.data.dataset import Dataset, of_raw_values
from spear_deploy.data.load import load_data
from spear_deploy.data.options import DataOptions
from spear_deploy.errors import InputError

_ACCEPTED = (
    "give (x, y), (x_train, y_train, x_test, y_test), a mapping of such names, a torch Dataset or DataLoader, a pair "
    "of those for training and test, or a name or path as --data takes it"
)


def as_dataset(data: object, options: DataOptions) -> Dataset:
    """Return a data set from a user's object.

    Arrays are (N, T, *shape) spikes or counts, or (N, *shape) values where ``options`` give the steps.
    Raises :class:`InputError`: E001, E005, E006, E008, E016, E048 as :func:`load_data` does, E005 for anything else.
    """
    if isinstance(data, Dataset):
        return data if options.transform.is_identity else of_raw_values(data, options.transform)
    if isinstance(data, str | Path):
        return load_data(str(data), options)
    return from_arrays(arrays_of(data, "data"), "data", "data", options)


def arrays_of(data: object, where: str) -> dict[str, NDArray[Any]]:
    """Return a user's object as arrays x, y, or x_train, y_train, x_test, y_test.

    ``where`` names its place in findings.  Raises :class:`InputError` (E005) for what is not arrays.
    """
    try:
        return _arrays(data)
    except InputError as error:
        raise InputError([replace(finding, where=where) for finding in error.findings]) from error


def _arrays(data: object) -> dict[str, NDArray[Any]]:
    if isinstance(data, Mapping):
        return {str(name): _array(values) for name, values in data.items()}
    if isinstance(data, Sequence) and len(data) == 4:
        return dict(zip(("x_train", "y_train", "x_test", "y_test"), map(_array, data), strict=True))
    if isinstance(data, Sequence) and len(data) == 2 and all(is_collection(part) for part in data):
        (x_train, y_train), (x_test, y_test) = map(_collect, data)
        return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    if isinstance(data, Sequence) and len(data) == 2:
        return dict(zip(("x", "y"), map(_array, data), strict=True))
    if is_collection(data):
        return dict(zip(("x", "y"), _collect(data), strict=True))
    raise InputError.of("E005", "data", f"{type(data).__name__} cannot be used", _ACCEPTED)


def is_collection(value: object) -> bool:
    """Whether a value is a torch Dataset or DataLoader, without importing torch."""
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(value).__mro__}
    return bool(kinds & {("torch", "Dataset"), ("torch", "DataLoader")})


def _collect(source: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return all samples and labels of a torch Dataset or DataLoader, in its order."""
    is_loader = hasattr(source, "batch_sampler")
    if is_loader and source.batch_sampler is None:  # it may yield samples or batches; nothing says which
        raise InputError.of("E005", "data", "is a DataLoader with batch_size=None", "give it a batch_size")
    pairs = list(source) if is_loader or not hasattr(source, "__len__") else [source[i] for i in range(len(source))]
    if not pairs:
        raise InputError.of("E005", "data", "holds no samples", _ACCEPTED)
    wrong = next((pair for pair in pairs if not isinstance(pair, tuple | list) or len(pair) != 2), None)
    if wrong is not None:
        held = f"{type(wrong).__name__} of {len(wrong)}" if isinstance(wrong, tuple | list) else type(wrong).__name__
        raise InputError.of("E005", "data", f"an item is a {held}", "let every item be a pair: sample, label")
    samples, labels = zip(*((_array(x), _array(y)) for x, y in pairs), strict=True)
    join = np.concatenate if is_loader else np.stack
    try:
        return join(samples), np.atleast_1d(join(labels))
    except ValueError as error:
        shapes = sorted({x.shape for x in samples})
        message = f"samples and labels do not fit together: {error}"
        fix = f"pad or cut the samples to one shape; found: {', '.join(map(str, shapes[:3]))}"
        raise InputError.of("E005", "data", message, fix) from error


def _array(value: Any) -> NDArray[Any]:
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        message = f"is masked in {np.count_nonzero(value.mask):,} of {value.size:,} values"
        raise InputError.of("E005", "data", message, "fill them, as in x.filled(0), or leave their samples out")
    try:
        array = np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)
    except (TypeError, ValueError, RuntimeError) as error:  # sparse or of a type that numpy lacks; ragged
        message = f"{type(value).__name__} cannot be read as an array: {error}"
        raise InputError.of("E005", "data", message, "give dense arrays of numbers, of one shape") from error
    if array.dtype == object:
        raise InputError.of("E005", "data", f"{type(value).__name__} is not an array of numbers", _ACCEPTED)
    return array
