"""Names of arrays: those that are taken, and what is said of others."""

from __future__ import annotations

import numpy as np
import pytest

from spear_deploy.data.keys import missing_arrays, unread_arrays, wanted_names

X, Y = (60, 7, 12), (60,)


@pytest.mark.parametrize(
    ("held", "renamed"),
    [
        (["X", "Y"], {"x": "X", "y": "Y"}),
        (["data", "labels"], {"x": "data", "y": "labels"}),
        (["images", "targets"], {"x": "images", "y": "targets"}),
        (["inputs", "target", "names"], {"x": "inputs", "y": "target"}),
        (["arr_0", "arr_1"], {"x": "arr_0", "y": "arr_1"}),
        (
            ["train_images", "train_labels", "test_images", "test_labels"],
            {"x_train": "train_images", "y_train": "train_labels", "x_test": "test_images", "y_test": "test_labels"},
        ),
        (
            ["X_train", "Y_train", "X_val", "Y_val"],
            {"x_train": "X_train", "y_train": "Y_train", "x_test": "X_val", "y_test": "Y_val"},
        ),
        (
            ["xtrain", "ytrain", "xval", "yval", "xtest", "ytest"],
            {"x_train": "xtrain", "y_train": "ytrain", "x_test": "xtest", "y_test": "ytest"},
        ),
    ],
)
def test_other_names(held: list[str], renamed: dict[str, str], tmp_path) -> None:
    """The names and shapes found are told, and a command that renames what is meant; run, it gives a data file."""
    samples = {source for name, source in renamed.items() if name.startswith("x")}
    shapes = {name: X if name in samples else Y for name in held}
    finding = missing_arrays(shapes, "d.npz")
    assert finding.code == "E005"
    assert all(f"{name} {shape}" in finding.message for name, shape in shapes.items())
    arrays = {name: np.full(shape, index) for index, (name, shape) in enumerate(shapes.items())}
    command = finding.fix.partition(": ")[2].replace("'renamed.npz'", "path")
    exec(command, {"numpy": np, "d": arrays, "path": tmp_path / "renamed.npz"})
    with np.load(tmp_path / "renamed.npz") as found:
        assert set(found) == set(renamed) == set(wanted_names(found))
        for name, source in renamed.items():
            np.testing.assert_array_equal(found[name], arrays[source])


@pytest.mark.parametrize(
    ("held", "fix"),
    [
        (["x_train", "y_train"], "add x_test and y_test"),
        (["x_train", "y_train", "x_test"], "add y_test"),
        (["x"], "y is missing"),
        (["labels"], "x is missing"),
        (["x", "y", "x_test", "y_test"], "call x and y x_train and y_train"),
        (["foo", "bar", "baz"], "numpy.savez"),
        ([], "numpy.savez"),
    ],
)
def test_what_is_missing(held: list[str], fix: str) -> None:
    """What is there tells what lacks."""
    assert wanted_names(held) == ()
    assert fix in missing_arrays(dict.fromkeys(held, X), "d.npz").fix


def test_unread_arrays() -> None:
    """Samples beside those that are taken are not passed over silently; names of classes are."""
    split = ["x_train", "y_train", "x_test", "y_test"]
    (note,) = unread_arrays([*split, "x_val", "y_val"], "d.npz")
    assert "x_val, y_val are not read" in note.message
    (whole,) = unread_arrays([*split, "x", "y"], "d.npz")
    assert "x, y are not read" in whole.message
    assert unread_arrays([*split, "names", "sampling_rate"], "d.npz") == unread_arrays(["x", "y"], "") == []
