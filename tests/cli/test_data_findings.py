"""Data as users have them: what is found and what to do is told, in one message."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spear_deploy.frontends import Semantics, save
from spear_deploy.network import Conv2d, Flatten, Input, Linear, Network, Population, Projection
from tests.cli.conftest import Run
from tests.conftest import leaky
from tests.strategies import neuron, weights

Y = np.arange(60) % 3
X = (np.random.default_rng(0).random((60, 6, 12)) < 0.4).astype(np.uint8)
PIXELS = np.random.default_rng(1).integers(0, 256, (60, 3, 5, 6))
PIXELS[:, :, 0, 0] = 255 * (np.arange(60)[:, None] % 2)
NORMALISED = ((PIXELS / 255 - 0.5) / 0.25).astype(np.float32)


def saved(folder: Path, **arrays: Any) -> Path:
    path = folder / "d.npz"
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("arrays", "texts"),
    [
        ({"X": X, "labels": Y}, ["E005", "it holds X (60, 6, 12), labels (60,)", "x=d['X'], y=d['labels']"]),
        ({"images": X, "targets": Y}, ["E005", "images (60, 6, 12)", "x=d['images'], y=d['targets']"]),
        ({"x": np.moveaxis(X, 1, 0), "y": Y}, ["E005", "x has shape (6, 60, 12)", "60 labels", "moveaxis(x, 1, 0)"]),
        ({"x": np.moveaxis(X, 1, 2), "y": Y}, ["E005", "axis 2 of x is time", "numpy.moveaxis(x, 2, 1)"]),
        ({"x": X, "y": np.eye(3)[Y]}, ["E006", "y has shape (60, 3): one-hot", "argmax(y, 1)"]),
        ({"x": X, "y": Y + 1}, ["E006", "labels start at 1", "y - 1"]),
        ({"x": X, "y": np.arange(60) % 7}, ["E006", "(7 classes)", "3 outputs"]),
        ({"x": X, "y": Y[:50]}, ["E006", "y has 50 labels, x has 60 samples"]),
        ({"x": X, "y": Y / 7}, ["E006", "values are not classes"]),
        ({"x": np.where(X, np.inf, 0), "y": Y}, ["E005", "NaN or infinite values, in 60 of 60 samples"]),
        ({"x": X[:0], "y": Y[:0]}, ["E005", "x is empty: its shape is (0, 6, 12)"]),
        ({"x": X[:, 0], "y": Y}, ["E005", "x has shape (60, 12)", "--steps T"]),
        ({"x": X - 0.5, "y": Y}, ["E005", "down to -0.5", "--normalise"]),
        ({"x": np.array([X[0], X[1][:3]], dtype=object), "y": Y[:2]}, ["E005", "pickled objects", "pad samples"]),
        ({"x": X, "y": np.array(["a", "b", "c"])[Y]}, ["E005", "y: holds <U1", "numpy.unique(y, return_inverse=True)"]),
        ({"x": X[:40], "y": Y[:40], "x_test": X[40:], "y_test": Y[40:]}, ["E005", "call x and y x_train and y_train"]),
        (
            {"x": np.where(X, np.nan, 0)[:, :, :11], "y": np.eye(3)[Y]},
            ["NaN", "one-hot", "samples have shape (11,) in a step, the network's input has (12,)"],
        ),
    ],
)
@pytest.mark.parametrize("command", ["inspect", "compile"])
def test_findings(
    arrays: dict[str, Any], texts: list[str], command: str, spear: Run, tiny_nir: Path, tmp_path: Path
) -> None:
    """2, with what was found and the fix; nothing is written."""
    compiles = ("--chip", "loihi2", "--synops", "50%", "-o", tmp_path / "build") if command == "compile" else ()
    done = spear(command, tiny_nir, "--data", saved(tmp_path, **arrays), *compiles)
    assert done.code == 2
    for text in texts:
        assert text in done.err
    assert not (tmp_path / "build").exists()


@pytest.fixture
def seeing(tmp_path: Path) -> Path:
    """A network of 3 x 5 x 6 inputs whose first layer is a padded convolution."""
    rng = np.random.default_rng(0)
    populations = (
        Input("in", (3, 5, 6)),
        Population("maps", (4, 5, 6), neuron(rng, (4, 5, 6))),
        Population("out", (3,), leaky(3)),
    )
    first, second = Conv2d(weights(rng, 4, 3, 3, 3), weights(rng, 4), padding=(1, 1)), Linear(weights(rng, 3, 120))
    projections = (Projection("a", "in", "maps", (first,)), Projection("b", "maps", "out", (Flatten(), second)))
    save(tmp_path / "seeing.nir", Network(populations, projections, ("out",)), Semantics(dt=1.0))
    return tmp_path / "seeing.nir"


def spikes_told(out: str) -> dict[str, str]:
    """Spikes a sample by population, as inspect prints them."""
    rows = [line.split() for line in out.splitlines()]
    return {row[0]: row[1] for row in rows if len(row) >= 3 and row[0] in ("maps", "out") and "." in row[1]}


def test_every_way_to_give_pixels_is_the_same(spear: Run, seeing: Path, tmp_path: Path) -> None:
    """Bytes with a scale and a normalisation, values with a normalisation, normalised ones: the same spikes."""
    normalise = ("--normalise", "0.5,0.25")
    ways = [
        (PIXELS, (*normalise, "--input-scale", "1/255")),
        (PIXELS / 255, normalise),
        (NORMALISED, normalise),
        (NORMALISED, (*normalise, "--input-scale", "1/255")),
        (NORMALISED, ("--normalise", "0.5,0.5,0.5/0.25,0.25,0.25")),
    ]
    told = []
    for x, options in ways:
        done = spear("inspect", seeing, "--data", saved(tmp_path, x=x, y=Y), "--steps", 4, *options)
        assert done.code == 0
        assert "folded into the first layer" in done.out
        told.append({name: float(text.replace(",", "")) for name, text in spikes_told(done.out).items()})
    assert told[0]["maps"] > 0
    for other in told[1:]:
        assert other == pytest.approx(told[0], abs=0.2)  # single precision meets a threshold now and then


def test_normalised_data_on_the_chip(spear: Run, seeing: Path, tmp_path: Path) -> None:
    """The bundle is fed bytes, exactly; its report says so, and run takes raw or normalised values."""
    data, folder = saved(tmp_path, x=NORMALISED, y=Y), tmp_path / "build"
    options = ("--steps", 4, "--normalise", "0.5,0.25", "--input-scale", "1/255")
    done = spear("compile", seeing, "--data", data, *options, "--chip", "loihi2", "--synops", "100%", "-o", folder)
    assert done.code == 0
    report = json.loads((folder / "report.json").read_text())
    assert report["data"]["transform"] == "--input-scale 0.00392157 --normalise 0.5,0.25"
    assert "folded into the first layer" in done.out
    with np.load(folder / "samples.npz") as samples:
        assert (samples["x"].dtype, samples["x"].max()) == (np.uint8, 255)
    ran = spear("run", folder, "--data", data, *options)
    assert f"accuracy {report['accuracy']['quantised']:.2%} on 12 samples" in ran.out
    raw = spear("run", folder, "--data", saved(tmp_path, x=PIXELS, y=Y), "--steps", 4)
    assert raw.out.splitlines()[-1] == ran.out.splitlines()[-1]
    refused = spear("run", folder, "--data", saved(tmp_path, x=NORMALISED, y=Y), "--steps", 4)
    assert (refused.code, "--normalise" in refused.err) == (2, True)


def test_a_range_that_suggests_another_scale(spear: Run, seeing: Path, tmp_path: Path) -> None:
    """Bytes without a scale are taken, with a note in inspect and report; with it there is none."""
    data = saved(tmp_path, x=PIXELS, y=Y)
    plain = spear("inspect", seeing, "--data", data, "--steps", 4)
    assert "N009" in plain.out
    assert "x ranges from 0 to 255" in plain.out
    assert "--input-scale 1/255" in plain.out
    assert "N009" not in spear("inspect", seeing, "--data", data, "--steps", 4, "--input-scale", "1/255").out


def test_normalisations_that_cannot_be(spear: Run, seeing: Path, tmp_path: Path) -> None:
    """What cannot be read, has other channels, or is of values that become spikes: 2."""
    data = saved(tmp_path, x=NORMALISED, y=Y)
    for given, text in [("0.5", "MEAN,STD"), ("1,2/3", "MEAN,STD"), ("1,1/2,2", "one of each channel")]:
        done = spear("inspect", seeing, "--data", data, "--steps", 4, "--normalise", given)
        assert done.code == 2
        assert "E016" in done.err
        assert text in done.err
    digits = spear("inspect", seeing, "--data", "digits", "--normalise", "0.5,0.5")
    assert (digits.code, "--encoding constant" in digits.err) == (2, True)


def test_one_test_sample(spear: Run, tiny_nir: Path, tmp_path: Path) -> None:
    """A test part of one sample is deployed and reported, without a number that is none."""
    data = saved(tmp_path, x_train=X[:40], y_train=Y[:40], x_test=X[40:41], y_test=Y[40:41])
    folder = tmp_path / "build"
    done = spear("compile", tiny_nir, "--data", data, "--chip", "loihi2", "--synops", "100%", "-o", folder)
    assert done.code == 0
    assert "1 test sample, which has no standard error" in done.out
    assert "the test part holds 1 of 3 classes" in " ".join(done.out.split())
    text = (folder / "report.json").read_text()
    assert "NaN" not in text
    assert json.loads(text)["data"]["classes"] == {"train": 3, "val": 3, "test": 1}
    assert re.search(r"\bnan\b", (folder / "report.html").read_text(), re.IGNORECASE) is None
