"""Spikes as lists in HDF5: h5py writes the files, tonic's reader and frames are the oracle."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from spear_deploy.data import DataOptions, load_data
from spear_deploy.errors import InputError
from tests.data.files import frames, refused


def write(path: Path, count: int = 12, seed: int = 0, **changed: Any) -> Path:
    """Write a file as those of SHD are: times in half precision, and what else lies beside them."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(30, 60, count)
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        times = file.create_dataset("spikes/times", (count,), h5py.vlen_dtype(changed.get("times", np.float16)))
        units = file.create_dataset("spikes/units", (count,), h5py.vlen_dtype(changed.get("units", np.uint16)))
        for index, size in enumerate(sizes):
            times[index] = np.sort(rng.random(size).astype(np.float16))
            units[index] = rng.integers(0, 700, size)
        file["labels"] = changed.get("labels", np.arange(count) % 3).astype(changed.get("label", np.uint16))
        file["extra/keys"] = np.array([b"zero", b"eins"])
    return path


@pytest.mark.parametrize(
    ("options", "frame"),
    [
        (DataOptions(), {"time_window": 5000}),
        (DataOptions(bin_ms=20.0, downsample=5), {"time_window": 20_000}),
        (DataOptions(bin_events=11), {"event_count": 11}),
    ],
)
def test_frames_are_tonics(tmp_path: Path, options: DataOptions, frame: dict[str, int]) -> None:
    """Times, units and labels by tonic's own data set, frames by its transform; what is shorter ends with nothing."""
    tonic = pytest.importorskip("tonic", reason="tonic is the oracle")
    shutil.copy(write(tmp_path / "given.h5"), tmp_path / "shd_test.h5")
    found = frames(tmp_path / "given.h5", options)
    channels = 700 // (options.downsample or 1)
    reader = tonic.datasets.hsd.HSD(str(tmp_path))
    reader.location_on_system, reader.data_filename = str(tmp_path), "shd_test.h5"
    to_frame = tonic.transforms.ToFrame((channels, 1, 1), include_incomplete=True, **frame)
    labels = load_data(str(tmp_path / "given.h5"), options).test.labels
    for index in range(len(reader)):
        events, label = reader[index]
        events["x"] //= options.downsample or 1
        expected = to_frame(events).reshape(-1, channels)
        np.testing.assert_array_equal(found[index, : len(expected)], expected)
        assert not found[index, len(expected) :].any()
        assert labels[index] == label


def test_a_folder_of_parts(tmp_path: Path) -> None:
    """Training and test samples as the files have them; SSC's validation samples too; one spike more is other data."""
    write(tmp_path / "shd_train.h5", 20)
    write(tmp_path / "shd_test.h5", 6, seed=1)
    data = load_data(str(tmp_path), DataOptions())
    assert (data.split, data.shape, len(data.train), len(data.val), len(data.test)) == ("given", (700,), 16, 4, 6)
    assert "26 samples of 700 channels" in data.notes[0].message
    write(tmp_path / "shd_valid.h5", 5, seed=2)
    again = load_data(str(tmp_path), DataOptions(downsample=7))
    assert [(part, len(split)) for part, split in again.parts.items()] == [("train", 20), ("val", 5), ("test", 6)]
    assert again.shape == (100,)
    with h5py.File(tmp_path / "shd_valid.h5", "a") as file:
        file["spikes/units"][0] = 699 - file["spikes/units"][0]
    assert load_data(str(tmp_path), DataOptions(downsample=7)).fingerprint != again.fingerprint


def test_spikes_that_are_not_in_order(tmp_path: Path) -> None:
    """They are put in order of time, which decides the steps of equal counts, and that is said."""
    path = write(tmp_path / "given.h5")
    wanted = frames(path, DataOptions(bin_events=7))
    with h5py.File(path, "a") as file:
        for name in ("times", "units"):
            file[f"spikes/{name}"][3] = file[f"spikes/{name}"][3][::-1]
    order = load_data(str(path), DataOptions(bin_events=7))
    assert "the spikes of 1 samples were put in order" in order.notes[0].message
    others = np.delete(np.arange(12), 3)
    np.testing.assert_array_equal(frames(path, DataOptions(bin_events=7))[others], wanted[others])
    np.testing.assert_array_equal(frames(path, DataOptions(bin_events=7))[3].sum(axis=1), wanted[3].sum(axis=1))


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Whole times, units beyond the sensor, labels that are none: every finding of both files, each with a fix."""
    write(tmp_path / "a_train.h5", times=np.int64)
    write(tmp_path / "a_test.h5", label=np.float32, labels=np.linspace(0, 1, 12))
    with pytest.raises(InputError) as caught:
        load_data(str(tmp_path), DataOptions(sensor=(600, 1)))
    told = " / ".join(finding.message + finding.fix for finding in caught.value.findings)
    assert [finding.code for finding in caught.value.findings] == ["E005", "E005", "E005", "E006"]
    for part in ("type int64 instead of seconds", "are outside 0 to 599", "--sensor N,1", "are not classes"):
        assert part in told


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    """No file, no HDF5, other contents, unequal lists, times that are none, missing parts: one finding each."""
    assert refused(str(tmp_path / "absent.h5")) == ["E001"]
    (tmp_path / "text.h5").write_text("no HDF5")
    assert refused(str(tmp_path / "text.h5")) == ["E005"]
    for name in ("spikes/times", "spikes/units", "labels"):
        path = write(tmp_path / "lacking.h5")
        with h5py.File(path, "a") as file:
            del file[name]
        assert refused(str(path)) == ["E005"]
    for times in ([0.1, 0.2], [0.1, np.nan, 0.2], [0.1, -1.0, 0.2], [0.1, 1e4, 0.2]):
        path = write(tmp_path / "odd.h5", times=np.float32)
        with h5py.File(path, "a") as file:
            file["spikes/times"][0], file["spikes/units"][0] = times, [1, 2, 3]
        assert refused(str(path)) == ["E005"]
    write(tmp_path / "parts" / "x_train.h5")
    assert refused(str(tmp_path / "parts")) == ["E005"]
    write(tmp_path / "parts" / "x_test.h5")
    write(tmp_path / "parts" / "y_test.h5")
    assert refused(str(tmp_path / "parts")) == ["E005"]
    for options in (DataOptions(crop=3), DataOptions(encoding="rate"), DataOptions(sensor=(700, 2))):
        assert refused(str(write(tmp_path / "good.h5")), options) == ["E005"]


def test_damage(tmp_path: Path) -> None:
    """Flipped bytes are refused or read as other numbers; nothing else comes through."""
    path = write(tmp_path / "damaged.h5", 4)
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(8):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), 8):
            damaged[place] = int(rng.integers(0, 256))
        path.write_bytes(damaged)
        with suppress(InputError):
            assert load_data(str(path), DataOptions()).shape == (700,)
