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
    """Nine layers fire on the emulated chip as lava-dl recorded, bin by bin; so do the sums of the sigma-delta one."""
    printed = prepare("pilotnet", home("lava-dl"), tmp_path)
    assert printed.splitlines() == [
        "0 of 2,536,128 bins differ from the spikes that lava-dl recorded",
        "0 of 497,289 sums differ from those that lava-dl recorded of sigma-delta neurons",
    ]
    imported = spear_deploy.load(tmp_path / "pilotnet.net")
    cores = {chip: spear_deploy.lower(imported, chip).placement.cores for chip in ("loihi2", "kapoho_bay")}
    assert cores == {"loihi2": 76, "kapoho_bay": 225}
    assert spear_deploy.load_sigma_delta(tmp_path / "pilotnet_sdnn.net").placement.cores == 35


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
