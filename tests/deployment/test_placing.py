"""Deployments that are placed otherwise than by the target's own rule: what is reported, and what is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

import spear_deploy
from spear_deploy.errors import InputError
from spear_deploy.execution import Execution
from spear_deploy.frontends import Semantics
from spear_deploy.frontends.nir.writer import save
from spear_deploy.journal import Journal
from spear_deploy.measure.load import measured_load
from spear_deploy.measure.runs import measure_program
from spear_deploy.network import Input, Network, Population, Projection
from spear_deploy.network.neuron import Neuron
from spear_deploy.network.ops import Conv2d, Flatten, Linear
from spear_deploy.report.neurons import neuron_rows
from spear_deploy.search.checkpoints import Checkpoints
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.options import SearchOptions
from tests.conftest import leaky

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


def _map_of(neuron: Neuron, shape: tuple[int, ...]) -> Neuron:
    return replace(neuron, **{each.name: _shaped(getattr(neuron, each.name), shape) for each in fields(neuron)})


def _shaped(value: object, shape: tuple[int, ...]) -> object:
    return value.reshape(shape) if isinstance(value, np.ndarray) else value


@pytest.fixture(scope="module")
def strips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A map of 7 channels on 8 columns, its data, and a chip that by rule cuts it into 8 columns, where 7 channels do.

    Most of the input is at one column, so that its core is the busiest by rule.
    """
    folder = tmp_path_factory.mktemp("strips")
    y = np.arange(90) % 3
    rates = np.where(np.arange(8) == 0, 0.9, 0.02) + 0.5 * (np.arange(8) == y[:, None] + 1)
    x = np.random.default_rng(0).random((90, 6, 1, 1, 8)) < rates[:, None, None, None, :]
    np.savez(folder / "data.npz", x=x.astype(np.uint8), y=y)
    sums = np.zeros((3, 7, 8), np.float32)
    sums[np.arange(3), :, np.arange(3) + 1] = 0.2
    network = Network(
        (
            Input("input", (1, 1, 8)),
            Population("map", (7, 1, 8), _map_of(leaky(56), (7, 1, 8))),
            Population("output", (3,), leaky(3)),
        ),
        (
            Projection("to_map", "input", "map", (Conv2d(np.full((7, 1, 1, 1), 1.5, np.float32), None),)),
            Projection("to_output", "map", "output", (Flatten(), Linear(sums.reshape(3, 56)))),
        ),
        ("output",),
    )
    save(folder / "strips.nir", network, Semantics(dt=1.0))
    (folder / "eight.toml").write_text(SMALL.replace("value = 4", "value = 8"))
    return folder / "strips.nir", folder / "data.npz", folder / "eight.toml"


def test_a_budget_of_cores_is_one_of_the_placement_that_is_used(strips: tuple[Path, Path, Path]) -> None:
    """Balanced, the unpruned network is within it: nothing is searched, and the budget is kept by what is delivered."""
    model, data, chip = strips
    done = spear_deploy.deploy(model, data, chip=chip, cores=8, place="balance")
    assert done.work.ruled.cores == 9
    assert done.work.measured.lowered.placement.cores == 8
    assert done.work.search is None
    (budget,) = (each for each in done.report["budgets"] if each["resource"] == "cores")
    assert (budget["measured"], budget["within"]) == (8, True)


def test_the_search_expects_that_placement(strips: tuple[Path, Path, Path], tmp_path: Path) -> None:
    """Of the unpruned widths it is the measured one; of narrower ones no more cores than by the own rule."""
    model, data, chip = strips
    work = spear_deploy.deploy(model, data, chip=chip, cores=8, place="balance").work
    checkpoints = Checkpoints(Journal(tmp_path / "journal", {}, resume=False), tmp_path / "weights")
    of_search = (SearchOptions(), Execution(), checkpoints, "balance")
    evaluator = Evaluator(work.baseline, work.data, work.compiler, *of_search)
    widths = [{"map": n} for n in range(1, 8)]
    assert evaluator.expected_placement(widths[-1]) == work.baseline.lowered.placement
    found = [(evaluator.expected_placement(n).cores, evaluator.placement(n).cores) for n in widths]
    assert all(expected <= by_rule for expected, by_rule in found)
    assert found[-1] == (8, 9)


def test_what_there_is_not_is_refused(tiny_nir: Path, tiny_npz: Path) -> None:
    """An unknown name, and a chip whose cores leave no choice: E008 before anything is measured."""
    with pytest.raises(InputError, match="E008 place nonsense"):
        spear_deploy.deploy(tiny_nir, tiny_npz, synops="100%", place="nonsense")
    with pytest.raises(InputError, match="xylo_audio2 holds every population whole"):
        spear_deploy.deploy(tiny_nir, tiny_npz, chip="xylo_audio2", synops="100%", place="balance", adapt=True)
