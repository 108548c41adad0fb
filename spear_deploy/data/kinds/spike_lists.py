"""Spikes as lists of times and units, in HDF5: the files of the Spiking Heidelberg data sets (SHD, SSC).

A file holds ``spikes/times`` (seconds) and ``spikes/units`` (channels), a list for each sample, and ``labels``.
Source: Cramer et al. 2020 (arXiv 1910.07407), and the reader of tonic (``tonic.datasets.hsd``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.dataset import Dataset, of_raw_values, parts_of
from spear_deploy.data.event_samples import binned
from spear_deploy.data.kind import Kind
from spear_deploy.data.labels import label_finding
from spear_deploy.data.notes import part_notes
from spear_deploy.data.options import DataOptions
from spear_deploy.data.parts import in_parts
from spear_deploy.data.samples import Samples
from spear_deploy.errors import Finding, InputError
from spear_deploy.storage import is_folder
from spear_deploy.untrusted import UnreadableError
from spear_deploy.untrusted.hdf5 import Lists, read_columns

Array = NDArray[Any]

_SUFFIXES = (".h5", ".hdf5")
_PARTS = ("train", "valid", "test")
_TIMES, _UNITS, _LABELS = _COLUMNS = ("spikes/times", "spikes/units", "labels")
_CHANNELS = 700
"""Of the artificial cochlea, where nothing else is given: files do not hold the number."""
_LONGEST = (1 << 32) / 1e6
"""Seconds that a sample may take."""


@dataclass(frozen=True, eq=False)
class _Spikes:
    """Samples of a file: times (microseconds) and units of all spikes, offsets (N + 1,), labels (N,)."""

    times: Array
    units: Array
    offsets: Array
    labels: Array
    unordered: int


def _load(name: str, options: DataOptions) -> Dataset:
    """Return samples as counts of spikes of shape (channels,), down-sampled by joining neighbours.

    Raises :class:`InputError` (E005, E006) with all findings.
    """
    files = _files(Path(name))
    channels, factor = _channels(options), options.downsample or 1
    held: list[_Spikes] = []
    errors: list[Finding] = []
    for file in files.values():
        try:
            held.append(_read(file, channels))
        except InputError as error:
            errors += error.findings
    if errors:
        raise InputError(errors)
    units = np.concatenate([each.units for each in held]) // factor
    offsets = np.cumsum([0, *np.concatenate([np.diff(each.offsets) for each in held])])
    shape = (-(-channels // factor),)
    samples = binned((np.concatenate([each.times for each in held]), units, offsets), shape, options, name)
    data = _parts(name, samples, dict(zip(files, (each.labels for each in held), strict=True)), options.seed)
    fewer = f", down-sampled by {factor} to {shape[0]}" if factor > 1 else ""
    unordered = sum(each.unordered for each in held)
    ordered = f"; the spikes of {unordered} samples were put in order of time" if unordered else ""
    read = f"{len(samples)} samples of {channels} channels{fewer}, {offsets[-1]} spikes counted in {samples.bins}"
    message = f"{read}, {samples.steps} steps for the longest: shorter ones end with empty steps{ordered}"
    note = Finding("N006", name, message, severity="note")
    return of_raw_values(replace(data, notes=(note, *data.notes)), options.transform)


def _parts(name: str, samples: Samples, labels: dict[str, Array], seed: int) -> Dataset:
    """Return the data set with the parts that files are of; SSC brings its own validation samples."""
    title, whole = Path(name).resolve().name, np.concatenate([*labels.values()]).astype(np.int64)
    if "valid" not in labels:
        return in_parts(title, samples, whole, len(labels["train"]) if "train" in labels else None, seed, name)
    ends = np.cumsum([len(each) for each in labels.values()])
    train, val, test = np.split(np.arange(len(whole)), ends[:-1])
    data = parts_of(title, samples, whole, (train, val, test))
    return replace(data, notes=tuple(part_notes(data, name)))


def _files(path: Path) -> dict[str, Path]:
    """Return the files of a folder by part, in the order of the parts, or the one file under no part."""
    if not is_folder(path):
        return {"": path}
    found = {part: sorted(file for s in _SUFFIXES for file in path.glob(f"*_{part}{s}")) for part in _PARTS}
    several = [part for part in _PARTS if len(found[part]) > 1]
    if several or not found["test"]:
        wrong = f"several files *_{several[0]}.h5" if several else "*_train.h5 without *_test.h5"
        raise InputError.of("E005", path, f"holds {wrong}", "keep the files of one set in it, or give one file")
    return {part: files[0] for part, files in found.items() if files}


def _channels(options: DataOptions) -> int:
    if options.sensor is None:
        return _CHANNELS
    width, height = options.sensor
    if height != 1:
        raise InputError.of("E005", "--sensor", f"{width},{height} has rows, units are one row", f"give {width},1")
    return width


def _read(file: Path, channels: int) -> _Spikes:
    """Return a file's spikes; raise :class:`InputError` (E001, E005, E006) with all that is wrong in it."""
    fix = "write spikes/times, spikes/units and labels as the files of SHD have them"
    try:
        columns = read_columns(file, _COLUMNS)
    except OSError as error:
        raise InputError.of("E001", file, f"cannot be read: {error.strerror}", "check the path") from error
    except UnreadableError as error:
        raise InputError.of("E005", file, str(error), fix) from error
    times, units, labels = (columns[name] for name in _COLUMNS)
    if not (isinstance(times, Lists) and isinstance(units, Lists) and isinstance(labels, np.ndarray)):
        kinds = {_TIMES: Lists, _UNITS: Lists, _LABELS: np.ndarray}
        lacking = ", ".join(name for name, kind in kinds.items() if not isinstance(columns[name], kind))
        raise InputError.of("E005", file, f"it lacks {lacking}, or holds something else there", fix)
    errors = [*_wrong(times, units, channels, str(file))]
    if (wrong := label_finding(labels, len(times), str(file))) is not None:
        errors.append(wrong)
    if errors:
        raise InputError(errors)
    microseconds = (times.values.astype(np.float64) * 1e6).astype(np.int64)  # cut, as tonic does
    return _in_order(microseconds.astype(np.uint32), units.values.astype(np.uint32), times.offsets, labels)


def _wrong(times: Lists, units: Lists, channels: int, where: str) -> Iterator[Finding]:
    """Yield what is wrong with the lists (E005)."""
    if not len(times):
        yield Finding("E005", where, "it holds no samples", "give another file")
    elif not np.array_equal(times.offsets, units.offsets):
        yield Finding("E005", where, "times and units are not equally many in each sample", "write one for each spike")
    if times.values.dtype.kind != "f":
        message = f"spikes/times has type {times.values.dtype} instead of seconds"
        yield Finding("E005", where, message, "write seconds, as fractions: microseconds / 1e6")
    elif not np.all((times.values >= 0) & (times.values < _LONGEST)):
        message = "spikes/times holds times below 0, beyond 71 minutes, or none"
        yield Finding("E005", where, message, "write seconds from the beginning of the sample")
    if units.values.dtype.kind not in "iu":
        yield Finding("E005", where, f"spikes/units has type {units.values.dtype}", "write integers, from 0")
    elif len(units.values) and not 0 <= units.values.min() <= units.values.max() < channels:
        message = f"units {units.values.min()} to {units.values.max()} are outside 0 to {channels - 1}"
        yield Finding("E005", where, message, "give --sensor N,1 with the number N of channels")


def _in_order(times: Array, units: Array, offsets: Array, labels: Array) -> _Spikes:
    """Put the spikes of each sample in order of time; equal times keep theirs."""
    back = np.flatnonzero(times[1:] < times[:-1]) + 1
    samples = np.unique(np.searchsorted(offsets, np.setdiff1d(back, offsets), side="right") - 1)
    for sample in samples:
        span = slice(offsets[sample], offsets[sample + 1])
        order = np.argsort(times[span], kind="stable")
        times[span], units[span] = times[span][order], units[span][order]
    return _Spikes(times, units, offsets, labels, len(samples))


def _takes(name: str) -> bool:
    path = Path(name)
    return name.endswith(_SUFFIXES) or (is_folder(path) and any([*path.glob(f"*_train{s}")] for s in _SUFFIXES))


def _options(_: str, __: DataOptions) -> tuple[str, ...]:
    return ("steps", "bin_ms", "bin_events", "sensor", "downsample")


SPIKE_LISTS = Kind("FILE.h5, or a folder *_train.h5 and *_test.h5", _takes, _options, _load)
