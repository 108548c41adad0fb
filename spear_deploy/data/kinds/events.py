"""A folder of event recordings: ``CLASS/*.bin|aedat4``, or ``train`` and ``test`` of such folders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.dataset import Dataset, of_raw_values
from spear_deploy.data.event_files import READERS, Events
from spear_deploy.data.event_samples import binned
from spear_deploy.data.folders import Tree, UnreadableFileError, holds, read_each, scan, told
from spear_deploy.data.kind import Kind
from spear_deploy.data.options import DataOptions
from spear_deploy.data.parts import in_parts
from spear_deploy.errors import Finding, InputError
from spear_deploy.extras import missing_package

Array = NDArray[Any]
Size = tuple[int, int]

_NMNIST: Size = (34, 34)
"""Sensor of files that do not hold theirs: the camera's part that N-MNIST kept."""


def _load(name: str, options: DataOptions) -> Dataset:
    """Return recordings as event counts of shape (2, H, W), cropped at the centre, then down-sampled.

    Raises :class:`InputError` (E005) with all findings, and E064 without faery for AEDAT4.
    """
    tree = scan(Path(name), tuple(READERS))
    try:
        recordings, sensor = _readable(tree, options)
    except ModuleNotFoundError as error:
        raise missing_package(error) from error
    size = sensor if options.crop is None else (min(options.crop, sensor[0]), min(options.crop, sensor[1]))
    factor = options.downsample or 1
    shape = (2, -(-size[1] // factor), -(-size[0] // factor))
    times, addresses, lost = [], [], 0
    for events in recordings:
        x, y = (_cropped(each, sensor[axis], size[axis]) for axis, each in enumerate((events.x, events.y)))
        kept = (x >= 0) & (x < size[0]) & (y >= 0) & (y < size[1])
        times.append(events.t[kept])
        addresses.append(_address(x[kept] // factor, y[kept] // factor, events.p[kept], shape))
        lost += int(np.count_nonzero(~kept))
    offsets = np.cumsum([0, *map(len, times)])
    samples = binned((np.concatenate(times), np.concatenate(addresses), offsets), shape, options, name)
    labels = np.concatenate([tree.labels(part) for part in tree.parts])
    given = len(tree.parts["train"]) if "train" in tree.parts else None
    data = in_parts(Path(name).resolve().name, samples, labels, given, options.seed, name)
    cut = f", cropped to {size[0]} x {size[1]} ({lost} events lie outside)" if size != sensor else ""
    fewer = f", down-sampled by {factor} to {shape[2]} x {shape[1]}" if factor > 1 else ""
    read = f"recordings of {sensor[0]} x {sensor[1]}{cut}{fewer}, {offsets[-1]} events counted in {samples.bins}"
    padded = f"{read}, {samples.steps} steps for the longest: shorter ones end with empty steps"
    return of_raw_values(replace(data, notes=(*tree.notes(padded), *data.notes)), options.transform)


def _readable(tree: Tree, options: DataOptions) -> tuple[list[Events], Size]:
    """Return the recordings, their times from the first event on, and the one size of their sensor."""
    fix = "leave them out, or record them again"
    recordings, unread = read_each(tree, _in_order, "recordings cannot be read", fix)
    errors = [*_too_few(tree), *unread]
    sizes = {events.size or _NMNIST for events in recordings.values()}
    if options.sensor is None and len(sizes) > 1:
        message = f"recordings of several sensors: {', '.join(f'{w} x {h}' for w, h in sorted(sizes))}"
        errors.append(Finding("E005", str(tree.folder), message, "give --sensor W,H, the largest of them"))
    sensor = options.sensor or max(sizes, default=_NMNIST)
    errors += _outside(recordings, sensor, tree.folder)
    if errors:
        raise InputError(errors)
    return [*recordings.values()], sensor


def _in_order(file: Path) -> Events:
    events = READERS[file.suffix.lower()](file)
    if not len(events.t):
        raise UnreadableFileError("holds no events")
    if np.any(np.diff(events.t) < 0):
        raise UnreadableFileError("its times run backwards")
    span = int(events.t[-1] - events.t[0])
    if span >= 1 << 32:
        raise UnreadableFileError(f"is {span / 6e7:.0f} minutes long, 71 are taken")
    return replace(events, t=(events.t - events.t[0]).astype(np.uint32))


def _outside(recordings: dict[Path, Events], sensor: Size, folder: Path) -> Iterator[Finding]:
    """Yield that recordings have events outside the sensor (E005)."""
    reach = {file: (int(each.x.max()) + 1, int(each.y.max()) + 1) for file, each in recordings.items()}
    beyond = [file for file, (width, height) in reach.items() if width > sensor[0] or height > sensor[1]]
    if beyond:
        width, height = (max(each[axis] for each in reach.values()) for axis in (0, 1))
        message = f"{len(beyond)} recordings have events outside {sensor[0]} x {sensor[1]}: {told(beyond, folder)}"
        yield Finding("E005", str(folder), message, f"give --sensor W,H; the events reach {width},{height}")


def _cropped(position: Array, sensor: int, size: int) -> Array:
    return position.astype(np.int32) - (sensor - size) // 2


def _address(x: Array, y: Array, p: Array, shape: tuple[int, int, int]) -> Array:
    _, height, width = shape
    return ((p.astype(np.int64) * height + y) * width + x).astype(np.uint32)


def _too_few(tree: Tree) -> Iterator[Finding]:
    """Yield that parts lack samples (E005): training and validation need one each, and the test."""
    for part, fewest in (("", 3), ("train", 2)):
        if part in tree.parts and len(tree.parts[part]) < fewest:
            message = f"{len(tree.parts[part])} recordings{f' in {part}' if part else ''}, {fewest} are needed"
            yield Finding("E005", str(tree.folder), message, "training, validation and test need one each")


def _options(_: str, __: DataOptions) -> tuple[str, ...]:
    return ("steps", "bin_ms", "bin_events", "sensor", "crop", "downsample")


EVENTS = Kind("a folder CLASS/*.bin|aedat4", lambda name: holds(Path(name), tuple(READERS)), _options, _load)
