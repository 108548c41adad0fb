"""Time-series sets by the names that aeon has for them: ``aeon:JapaneseVowels``.

The installed package's files are read; nothing of it is imported.
"""

from __future__ import annotations

import difflib
import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.arrays import from_arrays
from spear_deploy.data.dataset import Dataset
from spear_deploy.data.folders import beyond_belief
from spear_deploy.data.kind import Kind
from spear_deploy.data.labels import class_notes
from spear_deploy.data.options import DataOptions
from spear_deploy.data.ts_file import Series, UnreadableSeriesError, read_ts
from spear_deploy.errors import BackendError, Finding, InputError
from spear_deploy.storage import is_file

_PREFIX = "aeon:"
_PARTS = ("TRAIN", "TEST")


def _load(name: str, options: DataOptions) -> Dataset:
    """Return a set's series (N, T, C), with zeros at the end up to the longest of both parts.

    Raises :class:`InputError`: E005 (unusable), E008 (no such set); E064 where there is neither aeon nor a folder.
    """
    title = name.removeprefix(_PREFIX)
    files = _files(title, name, options.folder)
    train, test = _readable(files)
    steps, shortest = (pick([*train.lengths, *test.lengths]) for pick in (max, min))
    claimed = 4 * (len(train.values) + len(test.values)) * steps * train.channels
    if excess := beyond_belief(files, claimed):
        message = f"padded to {steps} steps, the series take {excess}"
        raise InputError.of("E005", name, message, "cut the longest series")
    classes = sorted({*train.classes, *test.classes})
    arrays = {
        "x_train": _padded(train, steps),
        "y_train": _labels(train, classes),
        "x_test": _padded(test, steps),
        "y_test": _labels(test, classes),
    }
    data = from_arrays(arrays, title, name, options)
    length = f"{steps} steps"
    if shortest < steps:
        length = f"{shortest} to {steps} steps, those shorter than {steps} padded with zeros at the end"
    message = f"series of {train.channels} channels and {length}, from {files[0].parent}"
    notes = (Finding("N006", name, message, severity="note"), *class_notes(classes, name))
    return replace(data, notes=(*notes, *data.notes))


def _files(title: str, name: str, folder: Path | None) -> tuple[Path, Path]:
    """Return the files of training and test samples: in ``folder``, or those that came with aeon."""
    root = folder if folder is not None else _installed(name)
    files = [root / title / f"{title}_{part}.ts" for part in _PARTS]
    if Path(title).name != title or not all(map(is_file, files)):
        names = sorted(file.parent.name for file in root.glob("*/*_TRAIN.ts") if file.stem[:-6] == file.parent.name)
        near = difflib.get_close_matches(title, names, n=1)
        hint = f"did you mean {_PREFIX}{near[0]}? " if near else ""
        fix = f"{hint}there: {', '.join(names) or 'none'}; a set downloaded elsewhere: --data-dir"
        raise InputError.of("E008", name, f"there is no such set in {root}", fix)
    return files[0], files[1]


def _installed(name: str) -> Path:
    found = importlib.util.find_spec("aeon")
    if found is None or not found.submodule_search_locations:
        fix = "pip install --no-deps aeon: its files are read, it is not imported; or give their folder by --data-dir"
        raise BackendError.of("E064", "aeon", f"is not installed; {name} needs its files", fix)
    return Path(next(iter(found.submodule_search_locations))) / "datasets" / "data"


def _readable(files: tuple[Path, Path]) -> tuple[Series, Series]:
    read: list[Series] = []
    errors = []
    for file in files:
        try:
            read.append(read_ts(file))
        except (UnreadableSeriesError, OSError) as error:
            fix = "choose another set, or give arrays of what is to be read"
            errors.append(Finding("E005", str(file), f"cannot be read: {error}", fix))
    if not errors and read[0].channels != read[1].channels:
        message = f"training series have {read[0].channels} channels, test series {read[1].channels}"
        errors.append(Finding("E005", str(files[1]), message, "give both parts of one set"))
    if errors:
        raise InputError(errors)
    return read[0], read[1]


def _padded(series: Series, steps: int) -> NDArray[Any]:
    whole = np.zeros((len(series.values), steps, series.channels), np.float32)
    for row, values in zip(whole, series.values, strict=True):
        row[: values.shape[1]] = values.T
    return whole


def _labels(series: Series, classes: list[str]) -> NDArray[np.int64]:
    return np.searchsorted(np.array(classes), np.array(series.classes)).astype(np.int64)


SERIES = Kind("aeon:NAME", lambda name: name.startswith(_PREFIX), lambda _, __: (), _load)
