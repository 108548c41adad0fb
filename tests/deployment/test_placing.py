"""Deployments that are placed otherwise than by the target's own rule: what is reported, and what is refused."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

import spear_deploy
from spear_deploy.errors import InputError
from spear_deploy.measure.load import measured_load
from spear_deploy.measure.runs import measure_program
from spear_deploy.report.neurons import neuron_rows

SMALL = """inherits = "loihi1"
title = "Loihi 1 with cores of four neurons"

[capacity]
neurons_per_core = { value = 4, source = "X" }

[sources]
X = "made up"
"""


@pytest.fixture(scope="module")
def chip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chip whose cores are so small that the tiny network's populations are cut."""
    path = tmp_path_factory.mktemp("chip") / "small.toml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def done(
    tiny_nir: Path, tiny_npz: Path, chip: Path, tmp_path_factory: pytest.TempPathFactory
) -> spear_deploy.Deployment:
    """The tiny network as it came in, balanced."""
    folder = tmp_path_factory.mktemp("balanced") / "build"
    return spear_deploy.deploy(tiny_nir, tiny_npz, chip=chip, synops="100%", place="balance", output=folder)


def test_no_core_is_busier_than_by_the_own_rule(done: spear_deploy.Deployment) -> None:
    """On the samples that it was chosen by; with as many cores, and the load is the measured SynOps."""
    work = done.work
    program, data = work.measured.lowered.program, work.data
    val = measure_program(program, data.val)
    load = measured_load(program, work.ruled, val, data.steps)
    assert sum(int(each.sum()) for each in load.arrived.values()) == val.total.sum()
    own, found = load.cost(work.ruled), load.cost(work.measured.lowered.placement)
    assert found <= own
    assert found.busiest <= own.busiest
    assert found.cores <= own.cores
    assert work.on_test.lowered.placement == work.measured.lowered.placement


def test_the_report_follows_the_placement(done: spear_deploy.Deployment) -> None:
    """The busiest core is that of the loads, beside what the own rule gives; the tables put neurons where they lie."""
    report, lowered = done.report, done.work.measured.lowered
    found, loads = report["bottleneck"], report["pictures"]["cores"]["loads"]
    assert found["placement"] == "balance"
    assert found["synops"] == max(load["synops"] for load in loads) == loads[found["core"]]["synops"]
    assert sum(load["synops"] for load in loads) * report["data"]["steps"] == pytest.approx(
        report["synops"]["measured"]["mean"]
    )
    assert found["by_own_rule"]["cores"] >= found["cores"] == len(loads)
    assert found["latency"]["low"] < found["latency"]["high"]
    rows = neuron_rows(report, {})
    for place in lowered.placement.populations:
        cores = [row["core"] for row in rows if row["population"] == place.name]
        assert cores == place.core_of_neurons(lowered.program.shapes[place.name]).tolist()
    assert {load["core"]: load["neurons"] for load in loads} == Counter(row["core"] for row in rows)
    page = (done.folder / "report.html").read_text()
    assert all(f"core {load['core']}: {load['synops']:,.0f} SynOps a step" in page for load in loads)


def test_by_default_nothing_changes(tiny_nir: Path, tiny_npz: Path, chip: Path) -> None:
    """The target's own rule, and nothing beside it."""
    default = spear_deploy.deploy(tiny_nir, tiny_npz, chip=chip, synops="100%")
    assert default.work.ruled is None
    assert default.report["bottleneck"]["placement"] == "default"
    assert default.report["bottleneck"]["by_own_rule"] is None
    assert default.work.measured.lowered is default.work.baseline.lowered


def test_what_there_is_not_is_refused(tiny_nir: Path, tiny_npz: Path) -> None:
    """An unknown name, and a chip whose cores leave no choice: E008 before anything is measured."""
    with pytest.raises(InputError, match="E008 place nonsense"):
        spear_deploy.deploy(tiny_nir, tiny_npz, synops="100%", place="nonsense")
    with pytest.raises(InputError, match="xylo_audio2 holds every population whole"):
        spear_deploy.deploy(tiny_nir, tiny_npz, chip="xylo_audio2", synops="100%", place="balance", adapt=True)
