"""Data sets from arrays: those of an ``.npz`` file, which is never unpickled."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.dataset import Dataset, with_validation
from spear_deploy.data.options import DataOptions
from spear_deploy.data.samples import Samples, SpikeSamples, ValueSamples
from spear_deploy.errors import Finding, InputError
from spear_deploy.untrusted import UnreadableError, npz

Array = NDArray[Any]
_SPLIT = ("x_train", "y_train", "x_test", "y_test")


def load_npz(path: Path, options: DataOptions) -> Dataset:
    """Load ``x_train, y_train, x_test, y_test`` (or ``x, y``) from a file.

    Raises :class:`InputError`: E001 (no such file), E005 (unusable), E006 (labels).
    """
    return from_arrays(read_arrays(path, (*_SPLIT, "x", "y")), path.stem, str(path), options)


def from_arrays(arrays: dict[str, Array], name: str, where: str, options: DataOptions) -> Dataset:
    """Make a data set ``name`` of arrays by the names of a file; ``where`` names their place in findings.

    ``x`` is (N, T, *shape) spikes or counts, or (N, *shape) values where ``options`` give the steps.
    Raises :class:`InputError`: E005 (unusable), E006 (labels).
    """
    has_split = set(_SPLIT) <= set(arrays)
    if not has_split and not {"x", "y"} <= set(arrays):
        held = ", ".join(arrays) or "nothing usable"
        message = f"it holds {held} instead of {', '.join(_SPLIT)} (or x, y)"
        raise InputError.of("E005", where, message, "save it with numpy.savez")
    x, y, train, test = _concatenate_splits(arrays, where) if has_split else _every_fifth(arrays)
    findings = list(_findings(x, y, min(len(train), len(test)), where))
    if findings:
        raise InputError(findings)
    x = x.astype(np.uint8) if x.dtype == bool else x
    if options.steps is None:
        samples: Samples = SpikeSamples(x)
    else:
        samples = ValueSamples(x.astype(np.float32), options.steps, options.encoding or "constant")
        if options.encoding == "rate" and x.max(initial=0) > 1:
            raise InputError.of("E005", where, "rate coding needs values in 0..1", "divide x by its largest value")
    return with_validation(name, samples, y, train, test, options.seed)


def _concatenate_splits(arrays: dict[str, Array], where: str) -> tuple[Array, Array, Array, Array]:
    """Return all samples and labels, and which of them are for training and for the test."""
    try:
        x = np.concatenate([arrays["x_train"], arrays["x_test"]])
        y = np.concatenate([arrays["y_train"], arrays["y_test"]])
    except (TypeError, ValueError) as error:
        message = f"training and test arrays do not fit together: {error}"
        raise InputError.of("E005", where, message) from error
    first = len(arrays["x_train"])
    return x, y, np.arange(first), np.arange(first, len(x))


def _every_fifth(arrays: dict[str, Array]) -> tuple[Array, Array, Array, Array]:
    """Return the same where every fifth sample is for the test."""
    x, y = np.atleast_1d(arrays["x"]), np.atleast_1d(arrays["y"])
    is_test = np.arange(len(x)) % 5 == 0
    return x, y, np.flatnonzero(~is_test), np.flatnonzero(is_test)


def _findings(x: Array, y: Array, smallest: int, where: str) -> Iterator[Finding]:
    if x.dtype.kind not in "buif":
        yield Finding("E005", where, f"x holds {x.dtype}, no real numbers", "give spikes, counts or values")
    elif not np.all(np.isfinite(x)) or x.min(initial=0) < 0:
        yield Finding("E005", where, "x holds NaN, infinite or negative values", "inputs are 0 or above")
    if not np.issubdtype(y.dtype, np.integer) or y.shape != (len(x),):
        yield Finding("E006", where, f"y has type {y.dtype} and shape {y.shape}; {len(x)} integers are needed")
    if x.ndim < 2 or not x.size or smallest < 2:
        yield Finding("E005", where, f"x has shape {x.shape}", "x is (N, T, *shape), or (N, *shape) with --steps")


def read_arrays(path: Path, wanted: Collection[str]) -> dict[str, Array]:
    """Return those of the ``wanted`` arrays that a file holds; what else it holds is not read."""
    try:
        return npz.read(path, wanted)
    except FileNotFoundError as error:
        raise InputError.of("E001", path, "no such file", "check the path") from error
    except (OSError, UnreadableError) as error:
        raise InputError.of("E005", path, f"is no usable .npz: {error}", "pickled objects are not read") from error
