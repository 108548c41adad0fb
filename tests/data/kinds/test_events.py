"""Folders of event recordings: tonic's reader, crop and frames are the oracle, faery writes the AEDAT4 files."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spear_deploy.data import DataOptions, load_data
from spear_deploy.errors import InputError, SpearError
from tests.data.files import frames, refused

EVENT = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", bool)])


def recording(seed: int, count: int = 300, size: int = 34) -> np.ndarray:
    rng = np.random.default_rng(seed)
    events = np.zeros(count, EVENT)
    events["x"], events["y"] = rng.integers(0, size, (2, count))
    events["t"] = np.sort(rng.integers(0, 30_000, count))
    events["t"][-1] = 30_000 + rng.integers(1, 999)
    events["p"] = rng.integers(0, 2, count)
    return events


def as_bin(events: np.ndarray) -> bytes:
    """Write events of five bytes each; times beyond 8.192 ms after overflow events, as the camera's clock does."""
    rows, overflows = [], 0
    for event in events:
        x, y, t, p = (int(event[name]) for name in ("x", "y", "t", "p"))
        while t - overflows * 8192 >= 1 << 14:
            rows.append((0, 240, 0, 0, 0))
            overflows += 1
        t -= overflows * 8192
        rows.append((x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255))
    return np.array(rows, np.uint8).tobytes()


def write(folder: Path, count: int = 8, **how: Any) -> Path:
    for seed in range(count):
        path = folder / "ab"[seed % 2] / f"{seed:02}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_bin(recording(seed, **how)))
    return folder


@pytest.mark.parametrize(
    ("options", "frame"),
    [
        (DataOptions(), {"time_window": 5000}),
        (DataOptions(bin_ms=2.5), {"time_window": 2500}),
        (DataOptions(bin_events=70), {"event_count": 70}),
        (DataOptions(bin_ms=10.0, crop=20, downsample=2), {"time_window": 10000}),
        (DataOptions(bin_events=40, downsample=3), {"event_count": 40}),
    ],
)
def test_frames_are_tonics(tmp_path: Path, options: DataOptions, frame: dict[str, int]) -> None:
    """Reader, crop, down-sampling and frames, each by tonic; what is shorter ends with empty steps."""
    tonic = pytest.importorskip("tonic", reason="tonic is the oracle")
    from tonic.io import read_mnist_file

    folder = write(tmp_path / "set")
    found = frames(folder, options)
    for index, seed in enumerate([0, 2, 4, 6, 1, 3, 5, 7]):
        events = read_mnist_file(folder / "ab"[seed % 2] / f"{seed:02}.bin", EVENT)
        np.testing.assert_array_equal(events, recording(seed))
        size = (34, 34, 2)
        if options.crop:
            events = tonic.transforms.CenterCrop(size, (options.crop, options.crop))(events)
            size = (options.crop, options.crop, 2)
        if options.downsample:
            events = tonic.transforms.Downsample(spatial_factor=1 / options.downsample)(events)
            size = (*(-(-side // options.downsample) for side in size[:2]), 2)
        expected = tonic.transforms.ToFrame(size, include_incomplete=True, **frame)(events)
        np.testing.assert_array_equal(found[index, : len(expected)], expected)
        assert not found[index, len(expected) :].any()


def test_real_recordings(tmp_path: Path, shared: Path) -> None:
    """Recordings of N-MNIST, written as its files, are the ones of the packed set, step by step."""
    with np.load(shared / "data" / "nmnist-small" / "nmnist_small_events.npz") as packed:
        x, y, p, t, offsets = (packed[name] for name in ("x", "y", "p", "t", "offsets"))
    for index in range(6):
        span = slice(offsets[index], offsets[index + 1])
        events = np.zeros(offsets[index + 1] - offsets[index], EVENT)
        events["x"], events["y"], events["p"], events["t"] = x[span], y[span], p[span], t[span] - t[span][0]
        path = tmp_path / "all" / f"{index}.bin"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(as_bin(events))
    found = frames(tmp_path, DataOptions(bin_ms=2.0))
    named = load_data("nmnist-small", DataOptions(folder=shared / "data", bin_ms=2.0)).samples
    expected = np.moveaxis(named.batch(np.arange(6)), 1, 0)
    np.testing.assert_array_equal(found, expected[:, : found.shape[1]])
    assert not expected[:, found.shape[1] :].any()


def test_what_was_read_is_said_and_fingerprinted(tmp_path: Path) -> None:
    """Parts, binning, crop and lost events in the note; one event more is other data, and so is another binning."""
    write(tmp_path / "train")
    write(tmp_path / "test", 4)
    data = load_data(str(tmp_path), DataOptions(crop=20, downsample=2))
    assert (data.split, data.shape, len(data.test)) == ("given", (2, 10, 10), 4)
    for part in ("12 recordings of 34 x 34, cropped to 20 x 20", "lie outside", "bins of 5 ms"):
        assert part in data.notes[0].message
    assert "a 0, b 1" in data.notes[1].message
    again, other = (load_data(str(tmp_path), DataOptions(crop=20, downsample=2, bin_ms=b)) for b in (5.0, 6.0))
    assert data.fingerprint == again.fingerprint != other.fingerprint
    (tmp_path / "test" / "a" / "00.bin").write_bytes(as_bin(recording(0, 301)))
    assert load_data(str(tmp_path), DataOptions(crop=20, downsample=2)).fingerprint != data.fingerprint


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Cut, empty and unordered files, events outside the sensor: one error; a larger sensor mends the last."""
    folder = write(tmp_path / "set")
    (folder / "a" / "cut.bin").write_bytes(b"\0" * 7)
    (folder / "a" / "empty.bin").write_bytes(b"")
    (folder / "b" / "back.bin").write_bytes(as_bin(recording(0))[::-1])
    (folder / "b" / "far.bin").write_bytes(bytes([200, 100, 0, 0, 1]))
    with pytest.raises(InputError) as caught:
        load_data(str(folder), DataOptions())
    told = " / ".join(finding.message + finding.fix for finding in caught.value.findings)
    assert [finding.code for finding in caught.value.findings] == ["E005"] * 2
    for part in ("3 of 12", "7 bytes are not events of 5", "holds no events", "far.bin", "reach 201,101"):
        assert part in told
    for name in ("cut", "empty"):
        (folder / "a" / f"{name}.bin").unlink()
    (folder / "b" / "back.bin").unlink()
    assert load_data(str(folder), DataOptions(sensor=(201, 101))).shape == (2, 101, 201)


def test_bins_that_cannot_be_meant(tmp_path: Path) -> None:
    """Two ways at once, steps that do not cover, more steps than there may be, too few recordings: E005."""
    folder = write(tmp_path / "set")
    wrong = [{"bin_ms": 1.0, "bin_events": 3}, {"steps": 2}, {"bin_events": 70, "steps": 4}, {"bin_ms": 1e-9}]
    for options in (*wrong, {"encoding": "rate"}):
        assert refused(str(folder), DataOptions(**options)) == ["E005"]
    assert frames(folder, DataOptions(bin_ms=1e300, steps=2)).shape[1] == 2
    (folder / "a" / "long.bin").write_bytes(b"\0" * 5 + bytes([0, 240, 0, 0, 0]) * 70_000 + bytes([0, 0, 0, 0, 9]))
    assert refused(str(folder), DataOptions(bin_ms=1.0)) == ["E005"]
    write(tmp_path / "few", 2)
    assert refused(str(tmp_path / "few")) == ["E005"]


def test_aedat4(tmp_path: Path) -> None:
    """Events as faery wrote them, the sensor's size from the file; damage is told, and nothing else comes through."""
    faery = pytest.importorskip("faery", reason="the extra events is not installed")
    for seed in range(4):
        path = tmp_path / "set" / "ab"[seed % 2] / f"{seed}.aedat4"
        path.parent.mkdir(parents=True, exist_ok=True)
        events = np.zeros(300, faery.EVENTS_DTYPE)
        for name in ("x", "y", "t", "p"):
            events[name] = recording(seed)[name]
        faery.events_stream_from_array(events, (40, 36)).to_file(path)
    data = load_data(str(tmp_path / "set"), DataOptions(bin_events=300))
    assert (data.shape, data.steps) == ((2, 36, 40), 1)
    expected = np.zeros((2, 36, 40))
    first = recording(0)
    np.add.at(expected, (first["p"].astype(int), first["y"], first["x"]), 1)
    np.testing.assert_array_equal(data.samples.batch(np.array([0]))[0, 0], expected)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(40):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 3):
            damaged[place] = int(rng.integers(0, 256))
        path.write_bytes(damaged)
        with suppress(InputError):
            load_data(str(tmp_path / "set"), DataOptions())


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """E064, with the command that brings faery."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "0.aedat4").write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "faery", None)
    with pytest.raises(SpearError, match="E064.*faery.*AEDAT4"):
        load_data(str(tmp_path), DataOptions())
