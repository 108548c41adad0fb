"""The table of float beside chip: as data, as text, on a narrow terminal."""

from __future__ import annotations

import copy
import io
import re

import numpy as np
import pytest
from rich.console import Console

from spear_deploy.measure.activity import Activity
from spear_deploy.measure.fidelity import Fidelity, PopulationFidelity, WeightLoss
from spear_deploy.recording import Clips
from spear_deploy.report.fidelity import columns, few, fidelity_data, overview, rare
from spear_deploy.report.terminal import print_fidelity


def _activity(*decisions: int) -> Activity:
    synops = {"w": np.full(len(decisions), 1000 * (1 + decisions[0]), np.int64)}
    return Activity(synops, synops, {}, np.eye(2)[list(decisions)], np.zeros(len(decisions), np.int64))


@pytest.fixture
def data():
    """A population that lost half its spikes, and a readout."""
    hidden = PopulationFidelity("hidden", 10.0, 5.0, 0.25, None, WeightLoss(8, 0.5, None), None)
    out = PopulationFidelity("out", None, None, None, 0.125, WeightLoss(4, 0.0, 0.25), Clips(200, 50, 1))
    return fidelity_data(Fidelity((hidden, out), _activity(0, 0, 0, 1), _activity(0, 0, 1, 1)))


def _printed(data, width):
    stream = io.StringIO()
    print_fidelity(data, Console(file=stream, width=width, force_terminal=width < 100, no_color=True))
    return stream.getvalue()


def test_data(data):
    """Every figure where it belongs; what is not known is null."""
    assert (data["samples"], data["same_decisions"], data["drop"]) == (4, 0.75, 25.0)
    assert data["drop_error"] == 25.0
    assert (data["accuracy_float"], data["accuracy_chip"]) == (0.75, 0.5)
    assert (data["accuracy_float_error"], data["accuracy_chip_error"]) == pytest.approx((np.sqrt(0.75 / 16), 0.25))
    hidden, out = data["populations"]
    assert (hidden["ratio"], hidden["rate_distance"], hidden["weights_zeroed"]) == (0.5, 0.25, 0.5)
    assert (hidden["weights_clipped"], hidden["membranes_clipped"], hidden["readout_error"]) == (None,) * 3
    assert (out["membranes_clipped"], out["currents_wrapped"], out["readout_error"]) == (0.25, 0.005, 0.125)
    assert (out["spikes_float"], out["ratio"], out["weights"]) == (None, None, 4)


def test_overview(data):
    """The whole network in a sentence."""
    assert overview(data) == (
        "75.0% of 4 samples decided alike; accuracy 75.00% (+-21.65) -> 50.00% (+-25.00), 25.00 points lost, "
        "standard error of the pairs 25.00; SynOps 1,000 -> 1,000"
    )


def test_clipped_inputs(data):
    """The share of values is in the data, and told where there are any."""
    activity = _activity(0, 0, 0, 1)
    row = PopulationFidelity("out", None, None, None, 0.125, WeightLoss(4, 0.0, 0.25), None)
    inputs = {"in": Clips(400, payloads=2), "spikes": Clips(100)}
    clipped = fidelity_data(Fidelity((row,), activity, activity, inputs))
    assert clipped["inputs"] == [
        {"name": "in", "payloads_clipped": 0.005},
        {"name": "spikes", "payloads_clipped": 0.0},
    ]
    assert overview(clipped).endswith("; 0.5% of the values of input 'in' clipped to the largest payload")
    assert data["inputs"] == []


def test_table(data):
    """A row for each, in the order given; nothing where there is no figure; no column without one."""
    lines = _printed(data, 100).splitlines()
    assert [line.split() for line in lines[-2:]] == [
        ["hidden", "10.0", "5.0", "0.500", "0.2500", "50.0%"],
        ["out", "12.5%", "0%", "25.0%", "25.0%", "0.5%"],
    ]
    spiking = [row for row in data["populations"] if row["name"] == "hidden"]
    assert "readout\nerror" not in columns(spiking)
    assert "membranes\nclipped" not in columns(spiking)


def test_a_narrow_terminal_cuts_no_number(report):
    """Columns are left out and named."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", _printed(report["fidelity"]["deployed"], 60))
    assert all(len(line) <= 60 for line in text.splitlines())
    assert "left out at this width: currents wrapped, rate distance" in text
    ratios = [population["ratio"] for population in report["fidelity"]["deployed"]["populations"]]
    assert all(f"{ratio:.3f}" in text for ratio in ratios)


def test_names_are_no_markup(data):
    """Brackets and control characters of names are shown."""
    evil = copy.deepcopy(data)
    evil["populations"][0]["name"] = "[red]x[/]\x1b[2J"
    assert "[red]x[/]?[2J" in _printed(evil, 100)


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (0.044, "0.044"), (9.44, "9.4"), (1297.6, "1,298")])
def test_few(value, text):
    """Spikes with the decimals that they need."""
    assert few(value) == text


@pytest.mark.parametrize(("share", "text"), [(0.0, "0%"), (0.0004, "<0.1%"), (0.469, "46.9%")])
def test_rare(share, text):
    """A share that is tiny is not nothing."""
    assert rare(share) == text
