"""--decide: accuracies by the rule that is asked for, from the file to the bundle."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from spear_deploy.frontends import Semantics, save
from spear_deploy.network import Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.report.schema import schema
from tests.cli.conftest import Run

CHIP = ("--chip", "loihi2")
QUICK = ("--episodes", 4, "--candidates", 1, "--epochs", 2)


def relay(threshold: float | None) -> Network:
    """Three inputs, three relays, three outputs: what comes in at a step goes out at it."""
    one, zero = np.ones(3, np.float32), np.zeros(3, np.float32)

    def cells(level: float | None) -> Neuron:
        return Neuron(zero, zero, one, zero, zero, None if level is None else level * one)

    populations = (Input("in", (3,)), Population("relay", (3,), cells(0.5)), Population("out", (3,), cells(threshold)))
    weight = Linear(np.eye(3, dtype=np.float32))
    projections = (Projection("a", "in", "relay", (weight,)), Projection("b", "relay", "out", (weight,)))
    return Network(populations, projections, ("out",))


@pytest.fixture
def racing(tmp_path: Path) -> tuple[Path, Path]:
    """A network and data whose label is the channel that is first, while the next one is most frequent."""
    y = np.arange(60) % 3
    x = np.zeros((60, 9, 3), np.uint8)
    for sample, label in enumerate(y):
        x[sample, 1, label] = 1
        x[sample, 4 + sample % 2 :, (label + 1) % 3] = 1
    model, data = tmp_path / "race.nir", tmp_path / "race.npz"
    save(model, relay(0.5), Semantics(dt=1.0))
    np.savez(data, x=x, y=y)
    return model, data


@pytest.mark.parametrize(
    ("options", "accuracy", "rule"), [((), "0.00%", "count"), (("--decide", "first"), "100.00%", "first")]
)
def test_inspect_by_spikes(
    options: tuple[str, ...], accuracy: str, rule: str, spear: Run, racing: tuple[Path, Path]
) -> None:
    """The same spikes, read by two rules; the one that is used is told."""
    done = spear("inspect", racing[0], "--data", racing[1], *options)
    assert done.code == 0
    assert f"accuracy {accuracy} on 12 test samples" in done.out
    assert f"decision: {rule}, the output " in done.out


@pytest.mark.parametrize(("rule", "accuracy"), [("last", 1.0), ("max", 0.0), ("sum", 0.0)])
def test_inspect_by_membranes(
    rule: str, accuracy: float, spear: Run, racing: tuple[Path, Path], tmp_path: Path
) -> None:
    """Of a readout the last, the largest and the summed membrane: here three answers."""
    network, data = relay(None), tmp_path / "late.npz"
    memory = replace(network.neurons[-1].neuron, beta=np.full(3, 0.5, np.float32))
    populations = (*network.populations[:2], Population("out", (3,), memory))
    save(tmp_path / "readout.nir", replace(network, populations=populations), Semantics(dt=1.0))
    y = np.arange(60) % 3
    x = np.zeros((60, 9, 3), np.uint8)
    x[np.arange(60), 8, y] = 1
    x[np.arange(60)[:, None], [1, 2, 3], (y[:, None] + 1) % 3] = 1
    np.savez(data, x=x, y=y)
    done = spear("inspect", tmp_path / "readout.nir", "--data", data, "--decide", rule)
    assert f"accuracy {accuracy:.2%} on" in done.out
    assert f"decision: {rule}, the readout " in done.out
    assert spear("inspect", tmp_path / "readout.nir", "--data", data, "--decide", "count").code == 2


@pytest.mark.parametrize("command", ["inspect", "compile"])
def test_a_rule_that_does_not_suit(command: str, spear: Run, racing: tuple[Path, Path], tmp_path: Path) -> None:
    """Membranes of an output that fires are not sent: 2, before anything is written, with the rules that suit."""
    compiles = (*CHIP, "--synops", "50%", "-o", tmp_path / "build") if command == "compile" else ()
    done = spear(command, racing[0], "--data", racing[1], *compiles, "--decide", "last")
    assert done.code == 2
    assert "E015 --decide last" in done.err
    assert "one of: count, first" in done.err
    assert not (tmp_path / "build").exists()


def test_a_bundle_keeps_its_rule(spear: Run, racing: tuple[Path, Path], tmp_path: Path) -> None:
    """Report, page and manifest name the rule; run goes by it unless told otherwise; chip and float agree."""
    folder = tmp_path / "build"
    model, data = racing
    done = spear("compile", model, *CHIP, "--data", data, "--synops", "100%", "--decide", "first", "-o", folder, *QUICK)
    assert done.code == 0
    assert "first: the output that fires first" in done.out
    report = json.loads((folder / "report.json").read_text())
    Draft202012Validator(schema()).validate(report)
    assert report["decision"]["rule"] == "first"
    assert (report["accuracy"]["float"], report["accuracy"]["quantised"]) == (1.0, 1.0)
    assert "first: the output that fires first" in (folder / "report.html").read_text()
    assert json.loads((folder / "manifest.json").read_text())["origin"]["decide"] == "first"
    assert "accuracy 100.00% on 12 samples by first" in spear("run", folder).out
    assert "accuracy 100.00% on 12 samples by first" in spear("run", folder, "--data", data).out
    assert "accuracy 0.00% on 12 samples by count" in spear("run", folder, "--data", data, "--decide", "count").out
    assert "E015" in spear("run", folder, "--decide", "sum").err


def test_a_search_is_judged_by_the_rule(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """With a budget to search for, every accuracy of the report is one by the rule that was asked for."""
    folder = tmp_path / "build"
    model = (tiny_nir, *CHIP, "--data", tiny_npz, "--synops", "75%")
    done = spear(
        "compile", *model, "--decide", "first", "-o", folder, "--episodes", 8, "--candidates", 1, "--epochs", 20
    )
    report = json.loads((folder / "report.json").read_text())
    assert done.code in (0, 4)
    ran = spear("run", folder, "--data", tiny_npz)
    assert f"accuracy {report['accuracy']['quantised']:.2%} on 24 samples by first" in ran.out
    deployed = spear("inspect", folder / "model.nir", "--data", tiny_npz, "--decide", "first")
    assert f"accuracy {report['accuracy']['finetuned']:.2%}" in deployed.out


@pytest.mark.parametrize(
    ("case", "options", "told"),
    [
        ("decision_by_first_spike", ("--decide", "first"), "accuracy 100.00%"),
        ("decision_by_first_spike", (), "decision: count"),
        ("readout_membrane_saturates", ("--decide", "last"), "accuracy 100.00%"),
        ("readout_membrane_saturates", (), "decision: sum"),
        ("npz_split_every_fifth", (), "accuracy 80.00% on 40 test samples"),
        ("npz_split_every_fifth", (), "40 test samples of 5 classes"),
        ("test_part_too_small_message", (), "on 1 test sample of data"),
    ],
)
def test_cases(case: str, options: tuple[str, ...], told: str, spear: Run, shared: Path) -> None:
    """Networks and data that were answered wrongly once."""
    folder = shared / "cases" / case
    if not folder.is_dir():
        pytest.skip(f"needs {folder}")
    semantics = ("--semantics", "nir", "--dt", 1)
    done = spear("inspect", folder / "model.nir", *semantics, "--data", folder / "data.npz", *options)
    assert done.code == 0
    assert told in done.out
