"""Folders of images: what is read is what was written, and what cannot be used is told at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spear_deploy.data import DataOptions, load_data
from spear_deploy.errors import InputError, SpearError
from spear_deploy.network.normalisation import InputTransform
from tests.data.files import refused

Image = pytest.importorskip("PIL.Image", reason="the extra images is not installed")
PIXELS = np.random.default_rng(0).integers(0, 256, (12, 4, 6), np.uint8)
OPTIONS = DataOptions(steps=3)


def write(folder: Path, pixels: np.ndarray = PIXELS, classes: str = "ba") -> Path:
    """Save grey images, in turn of each class, in an order of names that is not that of creation."""
    for index in reversed(range(len(pixels))):
        path = folder / classes[index % len(classes)] / f"{index:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[index]).save(path)
    return folder


def everything(name: Path, options: DataOptions = OPTIONS) -> tuple[np.ndarray, np.ndarray]:
    samples = load_data(str(name), options).test
    return samples.samples.batch(np.arange(len(samples.samples)))[0], samples.labels


def test_pixels_and_labels_are_those_written(tmp_path: Path) -> None:
    """By sorted class and name, 0..1; bytes where training's scale is given; the same fingerprint again."""
    folder = write(tmp_path / "set")
    order = [*range(1, 12, 2), *range(0, 12, 2)]
    x, y = everything(folder)
    np.testing.assert_array_equal(x[:, 0], PIXELS[order].astype(np.float32) / 255)
    np.testing.assert_array_equal(y, [0] * 6 + [1] * 6)
    scaled = DataOptions(steps=3, transform=InputTransform.of(None, "1/255"))
    np.testing.assert_array_equal(everything(folder, scaled)[0][:, 0], PIXELS[order])
    data = load_data(str(folder), OPTIONS)
    assert (data.name, data.shape, data.steps, data.split) == ("set", (1, 4, 6), 3, "drawn")
    assert "12 images of 6 x 4, grey, divided by 255" in data.notes[0].message
    assert "a 0, b 1" in data.notes[1].message
    assert data.fingerprint == load_data(str(folder), OPTIONS).fingerprint
    Image.fromarray(255 - PIXELS[0]).save(folder / "b" / "00.png")
    assert data.fingerprint != load_data(str(folder), OPTIONS).fingerprint


def test_train_and_test_share_their_classes(tmp_path: Path) -> None:
    """A class that one part lacks has the same label in both; colours become channels."""
    colours = np.stack([PIXELS, PIXELS // 2, PIXELS // 3], axis=-1)
    write(tmp_path / "Train", colours, "abc")
    write(tmp_path / "test", colours[:4], "bc")
    (tmp_path / "test" / "b" / "notes.txt").write_text("x")
    data = load_data(str(tmp_path), OPTIONS)
    assert (data.split, data.shape, len(data.test)) == ("given", (3, 4, 6), 4)
    np.testing.assert_array_equal(data.test.own_labels, [1, 1, 2, 2])
    np.testing.assert_array_equal(data.test.batch(np.arange(1))[0][0, 0, 1] * 255, (PIXELS[0] // 2).astype(np.float32))
    assert "1 other files are not read" in data.notes[0].message


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Sizes, modes, damage and missing steps in one error; a size that only a header claims is not believed."""
    folder = write(tmp_path / "set")
    Image.fromarray(PIXELS[0, :2]).save(folder / "a" / "small.png")
    Image.fromarray(np.stack([PIXELS[0]] * 3, -1)).save(folder / "a" / "rgb.png")
    Image.fromarray(np.stack([PIXELS[0]] * 4, -1)).save(folder / "a" / "rgba.png")
    (folder / "b" / "broken.jpg").write_bytes(b"\xff\xd8no image")
    with pytest.raises(InputError) as caught:
        load_data(str(folder), DataOptions())
    told = " / ".join(finding.message for finding in caught.value.findings)
    assert [finding.code for finding in caught.value.findings] == ["E005"] * 4
    for part in ("no axis of time", "2 of 16 images cannot be read", "rgba.png (mode RGBA)", "small.png ((6, 2))"):
        assert part in told
    assert "rgb.png (3)" in told


def test_headers_are_not_believed(tmp_path: Path) -> None:
    """A picture of 20000 x 20000 in a few bytes is refused before it is unpacked, a cut one with its name."""
    folder = write(tmp_path / "bomb")
    file = folder / "a" / "01.png"
    whole = file.read_bytes()
    file.write_bytes(whole[:16] + (20000).to_bytes(4, "big") * 2 + whole[24:])
    assert refused(str(folder), OPTIONS) == ["E005"]
    file.write_bytes(whole[:50])
    with pytest.raises(InputError, match=r"E005.*01\.png"):
        load_data(str(folder), OPTIONS)


def test_layouts_that_have_two_readings(tmp_path: Path) -> None:
    """Only one part, or parts beside classes; images without a class; numbers sorted as text are noted."""
    write(tmp_path / "one" / "train")
    assert refused(str(tmp_path / "one"), OPTIONS) == ["E005"]
    write(tmp_path / "both" / "train")
    write(tmp_path / "both" / "test")
    write(tmp_path / "both")
    assert refused(str(tmp_path / "both"), OPTIONS) == ["E005"]
    (tmp_path / "bare").mkdir()
    Image.fromarray(PIXELS[0]).save(tmp_path / "bare" / "0.png")
    assert refused(str(tmp_path / "bare"), OPTIONS) == ["E005"]
    for label in ("2", "10"):
        write(tmp_path / "numbers", PIXELS[:6], "0")
        (tmp_path / "numbers" / "0").rename(tmp_path / "numbers" / label)
    notes = load_data(str(tmp_path / "numbers"), OPTIONS).notes
    assert any("10 comes before 2" in note.message for note in notes)
    (tmp_path / "empty").mkdir()
    assert refused(str(tmp_path / "empty"), OPTIONS) == ["E005"]


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """E064, with the command that brings Pillow."""
    folder = write(tmp_path / "set")
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(SpearError, match="E064.*PIL.*images"):
        load_data(str(folder), OPTIONS)
