"""Time-series sets by name: as written, and as numpy finds them in the package's other files."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from spear_deploy import untrusted
from spear_deploy.data import DataOptions, load_data
from spear_deploy.data.kinds import series
from spear_deploy.errors import BackendError, InputError
from spear_deploy.network.normalisation import InputTransform
from tests.data.files import refused

HEADER = "#words\n@problemName Made\n@timeStamps false\n@missing false\n@classLabel true {}\n@data\n"
TRAIN = "1,2,3:4,5,6:b\n\n7,8:9,10:a\n1,1:1,1:a\n0,0:0,1:b\n"
TEST = "1,2,3,4:1,2,3,4:c\n5:6:b\n"


def write(folder: Path, train: str = TRAIN, test: str = TEST, header: str = HEADER) -> DataOptions:
    path = folder / "Made"
    path.mkdir(exist_ok=True)
    (path / "Made_TRAIN.ts").write_text(header + train)
    (path / "Made_TEST.ts").write_text(header + test)
    return DataOptions(folder=folder)


def installed(name: str) -> Path:
    if importlib.util.find_spec("aeon") is None:
        pytest.skip("aeon, whose files are read, is not installed")
    return series._installed("") / name


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """(N, T, C), zeros behind the shorter ones, classes of both parts sorted by name; all of it said."""
    data = load_data("aeon:Made", write(tmp_path))
    x = np.moveaxis(data.samples.batch(np.arange(6)), 0, 1)
    assert x.shape == (6, 4, 2)
    np.testing.assert_array_equal(x[0], [[1, 4], [2, 5], [3, 6], [0, 0]])
    np.testing.assert_array_equal(x[5], [[5, 6], [0, 0], [0, 0], [0, 0]])
    np.testing.assert_array_equal(data.test.labels, [1, 0, 0, 1, 2, 1])
    assert (data.name, data.split, len(data.test)) == ("Made", "given", 2)
    assert "1 to 4 steps, those shorter than 4 padded with zeros at the end" in data.notes[0].message
    assert "a 0, b 1, c 2" in data.notes[1].message
    before = data.fingerprint
    assert load_data("aeon:Made", write(tmp_path)).fingerprint == before
    assert load_data("aeon:Made", write(tmp_path, test=TEST.replace("5:6", "5:7"))).fingerprint != before


def test_padding_is_what_the_network_sees_as_zero(tmp_path: Path) -> None:
    """Values below 0 need the normalisation that the first layer takes over; then zeros become its mean too."""
    options = write(tmp_path, train=TRAIN.replace("7,8", "-2,8"))
    assert refused("aeon:Made", options) == ["E005"]
    shifted = DataOptions(folder=tmp_path, transform=InputTransform.of("2,1", None))
    x = load_data("aeon:Made", shifted).samples.batch(np.array([1]))[:, 0]
    np.testing.assert_array_equal(x, [[0, 11], [10, 12], [2, 2], [2, 2]])


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Bad lines of both files by number, headers without a reading, names that lead elsewhere, unused options."""
    options = write(tmp_path, train="1,2:1:a\n1,?:1,2:a\n1:2:a\n1:b\n1,x:1,2:a\n", test="1:nan:a\n")
    with pytest.raises(InputError) as caught:
        load_data("aeon:Made", options)
    told = [finding.message for finding in caught.value.findings]
    assert [finding.code for finding in caught.value.findings] == ["E005"] * 2
    assert "line 7" in told[0]
    assert "and 1 more" in told[0]
    assert "line 7: values that are missing or infinite" in told[1]
    with pytest.raises(InputError, match="has time stamps, has no classes"):
        load_data("aeon:Made", write(tmp_path, header="@timeStamps true\n@classLabel false\n@data\n"))
    write(tmp_path, test="1:2:3:a\n")
    assert refused("aeon:Made", DataOptions(folder=tmp_path)) == ["E005"]
    (tmp_path / "Made" / "Made_TEST.ts").write_bytes(b"\xff\xfe\x00")
    assert refused("aeon:Made", DataOptions(folder=tmp_path)) == ["E005"]
    with pytest.raises(InputError, match=r"E008(.|\n)*did you mean aeon:Made"):
        load_data("aeon:Mode", DataOptions(folder=tmp_path))
    assert refused("aeon:../Made", DataOptions(folder=tmp_path / "Made")) == ["E008"]
    assert refused("aeon:Made", DataOptions(folder=tmp_path, steps=4)) == ["E005"]


def test_padding_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One long series makes all of them long: more than is believed of the files is refused."""
    monkeypatch.setattr(untrusted, "_BYTES", 0)
    options = write(tmp_path, train="1:a\n" * 2000 + ",".join("1" * 20000) + ":a\n", test="1:a\n")
    with pytest.raises(InputError, match="E005.*are allowed"):
        load_data("aeon:Made", options)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """E064, with the command that brings the files alone."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BackendError, match="E064(.|\n)*--no-deps aeon"):
        load_data("aeon:JapaneseVowels", DataOptions())


def test_gunpoint_is_that_of_the_other_file() -> None:
    """The package holds the training samples as tab-separated values too, which numpy reads."""
    table = np.loadtxt(installed("GunPoint") / "GunPoint_TRAIN.tsv")
    data = load_data("aeon:GunPoint", DataOptions(transform=InputTransform.of("4,1", None)))
    x = data.samples.batch(np.arange(50))[:, :, 0].T
    np.testing.assert_allclose(x - 4, table[:, 1:], atol=1e-5)
    np.testing.assert_array_equal(data.train.labels[:50], table[:, 0] - 1)
    assert (len(data.train) + len(data.val), len(data.test)) == (50, 150)


def test_japanese_vowels() -> None:
    """The figures of the set's paper: 270 and 370 series of 12 channels, 7 to 29 steps, 9 speakers."""
    installed("JapaneseVowels")
    data = load_data("aeon:JapaneseVowels", DataOptions(transform=InputTransform.of("3,1", None)))
    assert (len(data.train) + len(data.val), len(data.test)) == (270, 370)
    assert (data.steps, data.shape) == (29, (12,))
    assert "7 to 29 steps" in data.notes[0].message
    np.testing.assert_array_equal(np.bincount(data.train.labels[:270]), [30] * 9)
