"""Data files of arrays, and those that cannot be used."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spear_deploy.data import DataOptions, load_data
from spear_deploy.errors import InputError
from tests.data.files import LABELS, SPIKES, refused, saved


def test_npz_of_spikes(tmp_path: Path) -> None:
    """x and y without --steps are spikes (N, T, *shape); a fifth of the samples is for the test."""
    data = load_data(saved(tmp_path, x=SPIKES, y=LABELS), DataOptions())
    assert (data.steps, data.shape, data.maximum, data.integral) == (4, (5,), 1.0, True)
    assert len(data.test) == 2
    x, y = next(data.test.batches(2))
    np.testing.assert_array_equal(x, np.moveaxis(SPIKES[data.test.indices], 1, 0))
    np.testing.assert_array_equal(y, LABELS[data.test.indices])


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
        ({"x": np.float64(1), "y": LABELS}, ["E005"]),
        ({"x": SPIKES[:, :0], "y": LABELS}, ["E005"]),
        ({"x": SPIKES[:2], "y": LABELS[:2]}, ["E005"]),
        ({"x": SPIKES, "y": LABELS[:9]}, ["E006"]),
        ({"x": SPIKES, "y": LABELS + 0.5}, ["E006"]),
        ({"x": SPIKES, "y": np.eye(10)}, ["E006"]),
        ({"x": SPIKES - 1.0, "y": LABELS[:9]}, ["E005", "E006"]),
        ({"x_train": SPIKES, "y_train": LABELS, "x_test": SPIKES[:, :, :3], "y_test": LABELS}, ["E005"]),
        ({"x_train": SPIKES, "y_train": LABELS, "x_test": SPIKES[0, 0], "y_test": LABELS[:5]}, ["E005"] * 2),
        ({"x_train": SPIKES, "y_train": LABELS, "x_test": SPIKES, "y_test": np.eye(10)}, ["E006"]),
    ],
)
def test_unusable_arrays(arrays: dict[str, Any], codes: list[str], tmp_path: Path) -> None:
    """Missing arrays, NaN, negative or non-numeric values, and shapes that do not fit are findings, all at once."""
    assert refused(saved(tmp_path, **arrays)) == codes


def test_what_is_wrong_for_the_network_is_told_with_the_rest(tmp_path: Path) -> None:
    """Where the network is known, its shape and outputs are held against unusable data too; sound data fit later."""
    x = SPIKES.astype(float)
    x[0, 0, 0] = np.nan
    name = saved(tmp_path, x=x, y=LABELS + 1)
    assert refused(name) == ["E005"]
    assert refused(name, DataOptions(network=((6,), 3))) == ["E005", "E005", "E006"]
    assert refused(name, DataOptions(network=((5,), 4))) == ["E005"]
    one_hot = saved(tmp_path, x=x, y=np.eye(3)[LABELS])
    assert refused(one_hot, DataOptions(network=((6,), 3))) == ["E005", "E006", "E005"]
    load_data(saved(tmp_path, x=SPIKES, y=LABELS), DataOptions(network=((6,), 1)))


def test_labels_in_columns_are_no_sign_of_swapped_samples(tmp_path: Path) -> None:
    """As many steps as classes: one-hot columns are told of, not axes of x."""
    with pytest.raises(InputError, match=r"y has shape \(4, 10\): one-hot") as caught:
        load_data(saved(tmp_path, x=SPIKES, y=np.eye(4)[LABELS].T), DataOptions())
    assert len(caught.value.findings) == 1


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
