"""A whole deployment on Xylo, from Python: adapted, pruned, within its budget, and what a bundle of it does."""

from __future__ import annotations

from pathlib import Path

import pytest

import spear_deploy
from spear_deploy.cli.main import cli
from spear_deploy.errors import UnsupportedError

QUICK = {"episodes": 8, "candidates": 1, "epochs": 4.0, "samples": 4}


def test_a_lif_network_is_told_what_the_chips_neuron_does_to_it(tiny_nir: Path, tiny_npz: Path) -> None:
    """Refused with the measured effect of the chip's neuron."""
    with pytest.raises(UnsupportedError) as caught:
        spear_deploy.deploy(tiny_nir, tiny_npz, "xylo_audio2", synops="60%", **QUICK)
    assert {"E070", "E030", "N007"} <= {finding.code for finding in caught.value.findings}


def test_a_lif_network_is_adapted_and_deployed(
    tiny_nir: Path, tiny_npz: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Within half of the SynOps on one core; its bundle runs from the command line."""
    folder = tmp_path / "build"
    done = spear_deploy.deploy(tiny_nir, tiny_npz, "xylo_audio2", synops="60%", adapt=True, output=folder, **QUICK)
    report = done.report
    assert done.error is None
    assert (report["target"], report["weight_bits"]) == ("xylo", 8)
    assert {budget["resource"]: budget["within"] for budget in report["budgets"]} == {"synops": True, "cores": True}
    assert report["accuracy"]["quantised"] > 0.8
    adaptation = report["adaptation"]
    assert set(adaptation["changed"]) == {"hidden1", "hidden2", "output"}
    assert adaptation["finetuned"]["spikes"] < 2 * adaptation["source"]["spikes"]
    cli.main(["run", str(folder)], standalone_mode=False)
    assert "accuracy" in capsys.readouterr().out
