"""Trained networks that others' packages bring: the examples read them, chips hold them, and recordings agree."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import spear_deploy
from spear_deploy.errors import UnsupportedError
from tests.frameworks import home, source

ROOT = Path(__file__).resolve().parents[1]


def prepare(example: str, package: Path, output: Path, *options: str) -> str:
    """Run an example's script; return what it printed."""
    command = [sys.executable, "-m", f"examples.{example}.prepare", "--package", str(package), "-o", str(output)]
    return subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_pilotnet(tmp_path: Path) -> None:
    """Nine layers fire on the emulated chip as lava-dl recorded, bin by bin; sigma-delta is refused by layer."""
    printed = prepare("pilotnet", home("lava-dl"), tmp_path)
    assert printed == "0 of 2,536,128 bins differ from the spikes that lava-dl recorded\n"
    imported = spear_deploy.load(tmp_path / "pilotnet.net")
    cores = {chip: spear_deploy.lower(imported, chip).placement.cores for chip in ("loihi2", "kapoho_bay")}
    assert cores == {"loihi2": 76, "kapoho_bay": 225}
    with pytest.raises(UnsupportedError) as refused:
        spear_deploy.load(tmp_path / "pilotnet_sdnn.net")
    told = [(finding.code, finding.where) for finding in refused.value.findings]
    kinds = {0: "input"} | dict.fromkeys(range(1, 5), "conv") | dict.fromkeys(range(6, 10), "dense")
    assert told == [("E021", f"layer {number} ({kind})") for number, kind in kinds.items()]


def test_dvs_gesture(tmp_path: Path) -> None:
    """sinabs' weights take all nine cores of a Speck, seven to the last word; Loihi says what it lacks."""
    prepare("dvs_gesture", source("sinabs"), tmp_path, "--samples", "3", "--steps", "5")
    imported = spear_deploy.load(tmp_path / "gesture.nir")
    with np.load(tmp_path / "bars.npz") as arrays:
        x = np.swapaxes(arrays["x"], 0, 1)
    lowered = spear_deploy.lower(imported, "speck2f", calibration=x)
    assert (lowered.placement.cores, lowered.placement.findings) == (9, ())
    full = [max(population.utilisation.values()) for population in lowered.placement.populations]
    assert full == [1.0, 1.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 0.125]
    spikes = lowered.emulate(x).spikes
    assert all(spikes[population.name].any() for population in imported.network.neurons[:5])
    with pytest.raises(UnsupportedError) as refused:
        spear_deploy.lower(imported, "loihi2", calibration=x)
    assert {finding.code for finding in refused.value.findings} == {"E031", "E032"}
