"""Data sets: splits, binning, and data files that cannot be used."""

from __future__ import annotations

import gzip
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.data.datasets import DataOptions, EventSamples, fitted, load_data
from spear_deploy.errors import InputError

LABELS = np.arange(10) % 3
SPIKES = (np.random.default_rng(0).random((10, 4, 5)) < 0.5).astype(np.uint8)


def saved(folder: Path, **arrays: Any) -> str:
    path = folder / "data.npz"
    np.savez(path, **arrays)
    return str(path)


def refused(name: str, options: DataOptions | None = None) -> list[str]:
    """Load data that cannot be used; return the codes of all findings."""
    with pytest.raises(InputError) as caught:
        load_data(name, options or DataOptions())
    assert all(finding.message for finding in caught.value.findings)
    return [finding.code for finding in caught.value.findings]


# Splits


def test_splits_are_disjoint_and_complete() -> None:
    """Train, validation and test samples share no sample, and nothing is lost."""
    data = load_data("digits", DataOptions())
    parts = [set(split.indices.tolist()) for split in (data.train, data.val, data.test)]
    assert [len(part) for part in parts] == [1150, 287, 360]
    assert set.union(*parts) == set(range(1797))
    assert sum(map(len, parts)) == 1797


def test_splits_depend_on_the_seed_alone() -> None:
    """The same seed gives the same split; another one moves samples between train and validation, not test."""
    one, same, other = (load_data("digits", DataOptions(seed=seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.val.indices, same.val.indices)
    assert not np.array_equal(one.val.indices, other.val.indices)
    np.testing.assert_array_equal(one.test.indices, other.test.indices)


def test_batches_cover_a_split_once() -> None:
    """Batches go through a split in order, or shuffled by a generator; samples keep their labels."""
    split = load_data("digits", DataOptions(steps=2)).val
    for rng in (None, np.random.default_rng(0)):
        labels = np.concatenate([y for _, y in split.batches(100, rng)])
        assert sorted(labels) == sorted(split.labels[split.indices])
    shapes = [x.shape for x, _ in split.batches(100)]
    assert shapes == [(2, 100, 1, 8, 8), (2, 100, 1, 8, 8), (2, 87, 1, 8, 8)]


def test_head_and_take() -> None:
    """The first samples of a split are those of its first batch; more than there are is all of them."""
    split = load_data("digits", DataOptions()).test
    np.testing.assert_array_equal(split.head(7).indices, split.indices[:7])
    np.testing.assert_array_equal(split.take(np.array([5, 2])).indices, split.indices[[5, 2]])
    assert len(split.head(10_000)) == len(split)


def test_unknown_name_suggests_the_nearest() -> None:
    """A misspelt data set is E008 and names the one that was meant."""
    with pytest.raises(InputError, match="did you mean 'digits'") as caught:
        load_data("digit", DataOptions())
    assert caught.value.findings[0].code == "E008"


# .npz files


def test_npz_of_spikes(tmp_path: Path) -> None:
    """x and y without --steps are spikes (N, T, *shape); every fifth sample is a test sample."""
    data = load_data(saved(tmp_path, x=SPIKES, y=LABELS), DataOptions())
    assert (data.steps, data.shape, data.maximum, data.integral) == (4, (5,), 1.0, True)
    assert data.test.indices.tolist() == [0, 5]
    x, y = next(data.test.batches(2))
    np.testing.assert_array_equal(x, np.moveaxis(SPIKES[[0, 5]], 1, 0))
    np.testing.assert_array_equal(y, LABELS[[0, 5]])


def test_npz_with_its_own_split(tmp_path: Path) -> None:
    """x_train and x_test are kept apart: the test samples are exactly the file's."""
    arrays = {"x_train": SPIKES[:6], "y_train": LABELS[:6], "x_test": SPIKES[6:], "y_test": LABELS[6:]}
    data = load_data(saved(tmp_path, **arrays), DataOptions())
    x, y = next(data.test.batches(10))
    np.testing.assert_array_equal(np.moveaxis(x, 0, 1), SPIKES[6:])
    np.testing.assert_array_equal(y, LABELS[6:])
    assert len(data.train) + len(data.val) == 6


@pytest.mark.parametrize(("encoding", "integral", "maximum"), [("constant", False, 0.75), ("rate", True, 1.0)])
def test_npz_of_values(encoding: Any, integral: bool, maximum: float, tmp_path: Path) -> None:
    """With --steps x is (N, *shape) values, held constant or coded as spikes."""
    values = np.linspace(0, 0.75, 40).reshape(10, 4)
    data = load_data(saved(tmp_path, x=values, y=LABELS), DataOptions(steps=8, encoding=encoding))
    assert (data.steps, data.shape, data.integral, data.maximum) == (8, (4,), integral, maximum)


def test_boolean_spikes(tmp_path: Path) -> None:
    """Spikes may be stored as booleans."""
    data = load_data(saved(tmp_path, x=SPIKES.astype(bool), y=LABELS), DataOptions())
    assert next(data.test.batches(2))[0].dtype == np.uint8


@pytest.mark.parametrize(
    ("arrays", "codes"),
    [
        ({"x": SPIKES}, ["E005"]),
        ({"x_train": SPIKES, "y_train": LABELS}, ["E005"]),
        ({"data": SPIKES, "labels": LABELS}, ["E005"]),
        ({"x": np.where(SPIKES, np.nan, 0.0), "y": LABELS}, ["E005"]),
        ({"x": np.where(SPIKES, np.inf, 0.0), "y": LABELS}, ["E005"]),
        ({"x": SPIKES - 1.0, "y": LABELS}, ["E005"]),
        ({"x": SPIKES.astype("U1"), "y": LABELS}, ["E005"]),
        ({"x": SPIKES * 1j, "y": LABELS}, ["E005"]),
        ({"x": LABELS, "y": LABELS}, ["E005"]),
        ({"x": np.float64(1), "y": LABELS}, ["E006", "E005"]),
        ({"x": SPIKES[:, :0], "y": LABELS}, ["E005"]),
        ({"x": SPIKES[:3], "y": LABELS[:3]}, ["E005"]),
        ({"x": SPIKES, "y": LABELS[:9]}, ["E006"]),
        ({"x": SPIKES, "y": LABELS + 0.5}, ["E006"]),
        ({"x": SPIKES, "y": np.eye(10)}, ["E006"]),
        ({"x": SPIKES - 1.0, "y": LABELS[:9]}, ["E005", "E006"]),
        ({"x_train": SPIKES, "y_train": LABELS, "x_test": SPIKES[:, :, :3], "y_test": LABELS}, ["E005"]),
        ({"x_train": SPIKES, "y_train": LABELS, "x_test": SPIKES[0, 0], "y_test": LABELS[:5]}, ["E005"]),
        ({"x_train": SPIKES, "y_train": LABELS, "x_test": SPIKES, "y_test": np.eye(10)}, ["E005"]),
    ],
)
def test_unusable_arrays(arrays: dict[str, Any], codes: list[str], tmp_path: Path) -> None:
    """Missing arrays, NaN, negative or non-numeric values, and shapes that do not fit are findings, all at once."""
    assert refused(saved(tmp_path, **arrays)) == codes


def test_more_than_the_arrays_needed(tmp_path: Path) -> None:
    """Names of classes and the like beside the samples are left alone."""
    assert len(load_data(saved(tmp_path, x=SPIKES, y=LABELS, classes=np.array(["a", "b"])), DataOptions()).test) == 2


def test_sizes_are_not_believed(tmp_path: Path) -> None:
    """An array whose header claims a terabyte is E005, not an attempt to make room for it."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (1 << 40,)})
    name = saved(tmp_path, y=LABELS)
    with zipfile.ZipFile(name, "a") as archive:
        archive.writestr("x.npy", stream.getvalue())
    assert refused(name) == ["E005"]


def test_rate_coding_needs_values_up_to_one(tmp_path: Path) -> None:
    """Values above 1 cannot be rates: E005."""
    name = saved(tmp_path, x=np.full((10, 4), 1.5), y=LABELS)
    assert refused(name, DataOptions(steps=4, encoding="rate")) == ["E005"]


class Bomb:
    """Leaves a file behind if it is ever unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    """Object arrays and renamed pickles are E005, and their code does not run."""
    mark = tmp_path / "exploded"
    objects = saved(tmp_path, x=np.array([Bomb(mark)] * 10, dtype=object), y=LABELS)
    assert refused(objects) == ["E005"]
    renamed = tmp_path / "renamed.npz"
    renamed.write_bytes(pickle.dumps(Bomb(mark)))
    assert refused(str(renamed)) == ["E005"]
    assert not mark.exists()


def test_every_prefix_of_a_data_file_is_refused(tmp_path: Path) -> None:
    """A truncated or renamed .npz is E005, never another exception; a missing one is E001."""
    content = Path(saved(tmp_path, x=SPIKES, y=LABELS)).read_bytes()
    path = tmp_path / "cut.npz"
    for length in [*range(0, len(content), 61), len(content) - 1]:
        path.write_bytes(content[:length])
        assert refused(str(path)) == ["E005"], f"cut after {length} bytes"
    np.save(tmp_path / "single.npy", SPIKES)
    assert refused(str(tmp_path / "single.npy")) == ["E005"]
    assert refused(str(tmp_path / "absent.npz")) == ["E001"]


def test_data_that_does_not_fit_the_network(tmp_path: Path) -> None:
    """A wrong shape and labels beyond the outputs are told together, with the numbers found."""
    labels = LABELS.copy()
    labels[1], labels[5] = 7, -1
    data = load_data(saved(tmp_path, x=SPIKES, y=labels), DataOptions())
    with pytest.raises(InputError) as caught:
        fitted(data, (6,), 3)
    assert [finding.code for finding in caught.value.findings] == ["E005", "E006", "E006"]
    assert "shape (5,)" in caught.value.findings[0].message
    assert "0..2" in caught.value.findings[2].message
    fitted(load_data(saved(tmp_path, x=SPIKES, y=LABELS), DataOptions()), (5,), 3)


# Folders


@pytest.mark.parametrize("arrays", [{"x": np.ones((20, 7, 2, 5), np.uint8)}, {"x": np.ones((20, 2, 5), np.float32)}])
def test_sequences_fit_maps_of_height_one(tmp_path, arrays):
    """Samples (C, L), spikes or values, are fed to one-dimensional convolutions as (C, 1, L)."""
    options = DataOptions(steps=7 if arrays["x"].ndim == 3 else None)
    data = fitted(load_data(saved(tmp_path, **arrays, y=np.arange(20) % 3), options), (2, 1, 5), 3)
    assert data.shape == (2, 1, 5)
    assert data.test.samples.batch(data.test.indices).shape == (7, len(data.test), 2, 1, 5)


def test_data_set_without_its_folder(tmp_path: Path) -> None:
    """Data sets that lie in a folder ask for it, and say what is not in it: E001."""
    assert refused("fashion-mnist") == ["E001"]
    assert refused("nmnist-small", DataOptions(folder=tmp_path)) == ["E001"]


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"\0" * 8), gzip.compress(b"\0" * 1000)[:-9], b""],
    ids=["text", "too short", "truncated", "empty"],
)
def test_damaged_images(content: bytes, tmp_path: Path) -> None:
    """Files of Fashion-MNIST that are no gzip, too short or truncated are refused."""
    for prefix in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (tmp_path / f"{prefix}-{kind}-ubyte.gz").write_bytes(content)
    assert refused("fashion-mnist", DataOptions(folder=tmp_path)) == ["E005"]


def test_fashion_mnist(shared: Path) -> None:
    """The real files: 60,000 training and 10,000 test images in 0..1."""
    data = load_data("fashion-mnist", DataOptions(folder=shared / "data"))
    assert (len(data.train) + len(data.val), len(data.test), len(data.val)) == (60_000, 10_000, 1000)
    assert (data.shape, data.steps, data.maximum) == ((1, 28, 28), 5, 1.0)
    assert np.bincount(data.test.labels[data.test.indices]).tolist() == [1000] * 10


# Events


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_events_are_binned_exactly(data: st.DataObject) -> None:
    """Each event is counted in its cell and in the bin of its time since the sample's first event."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    counts = rng.integers(1, 30, 4)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    t = np.concatenate([np.sort(rng.integers(0, 5000, n)) + rng.integers(0, 10**6) for n in counts])
    address = rng.integers(0, 12, offsets[-1])
    width = int(data.draw(st.integers(1, 2000)))
    steps = 5000 // width + 1
    samples = EventSamples(t, address, offsets, (2, 2, 3), width, steps, 1.0)
    expected = np.zeros((steps, 2, 12), np.uint8)
    for column, sample in enumerate((3, 1)):
        events = range(offsets[sample], offsets[sample + 1])
        for event in events:
            expected[(t[event] - t[events[0]]) // width, column, address[event]] += 1
    batch = samples.batch(np.array([3, 1]))
    np.testing.assert_array_equal(batch, expected.reshape(steps, 2, 2, 2, 3))
    assert batch.sum() == counts[3] + counts[1]


def test_nmnist_counts_every_event(shared: Path) -> None:
    """The real recordings: no event is lost, and the largest count is known."""
    data = load_data("nmnist-small", DataOptions(folder=shared / "data"))
    with np.load(shared / "data/nmnist-small/nmnist_small_events.npz") as file:
        lengths = np.diff(file["offsets"])
    chosen = data.test.head(20)
    x = chosen.samples.batch(chosen.indices)
    assert x.sum(axis=(0, 2, 3, 4)).tolist() == lengths[chosen.indices].tolist()
    assert 1 < x.max() <= data.maximum
    assert data.integral


def test_bins_that_do_not_cover_the_recordings(shared: Path) -> None:
    """Too few --steps for the width of the bins is E005, not a silent cut."""
    assert refused("nmnist-small", DataOptions(folder=shared / "data", steps=10)) == ["E005"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("digits", DataOptions(bin_ms=3.0)),
        ("fashion-mnist", DataOptions(bin_ms=3.0)),
        ("x.npz", DataOptions(encoding="rate")),
    ],
)
def test_options_without_meaning_are_refused(name: str, options: DataOptions) -> None:
    """An option that a data set would ignore is E005, not silence."""
    assert refused(name, options) == ["E005"]
