"""Data sets that lie in a folder."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from spear_deploy.data import DataOptions, load_data
from tests.data.files import refused


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
    """Files of Fashion-MNIST that are not gzip, too short or truncated are refused."""
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
