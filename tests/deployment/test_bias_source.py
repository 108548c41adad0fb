"""A network whose bias gets a source of its own on the chip is deployed like any other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from spear_deploy.data import Dataset, SpikeSamples, Split
from spear_deploy.frontends import Imported, Semantics
from spear_deploy.network import Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.report.build import build_report
from spear_deploy.report.check import read_report
from tests.tiny_deployments import Deploy


def slow_filters() -> Imported:
    """Six hidden neurons with slow synaptic currents and biases in front of them, and an output."""
    rng = np.random.default_rng(4)

    def neurons(size: int, alpha: float) -> Neuron:
        one = np.ones(size, np.float32)
        return Neuron(alpha * one, 0.9 * one, one, 0 * one, 0 * one, one)

    first = Linear(rng.normal(0.02, 0.01, (6, 8)).astype(np.float32), np.linspace(0.01, 0.04, 6, dtype=np.float32))
    second = Linear(rng.normal(0.3, 0.3, (3, 6)).astype(np.float32))
    populations = (Input("in", (8,)), Population("p", (6,), neurons(6, 0.98)), Population("out", (3,), neurons(3, 0.0)))
    projections = (Projection("w1", "in", "p", (first,)), Projection("w2", "p", "out", (second,)))
    return Imported(Network(populations, projections, ("out",)), Semantics(dt=1.0), ())


def noise() -> Dataset:
    """Sixty samples for eight inputs."""
    rng = np.random.default_rng(0)
    samples = SpikeSamples((rng.random((60, 20, 8)) < 0.3).astype(np.uint8))
    parts = np.split(np.arange(60), [30, 45])
    return Dataset("noise", *(Split(samples, np.arange(60) % 3, part) for part in parts))


def test_it_is_deployed(run_deploy: Deploy, tmp_path: Path) -> None:
    """Search, fine-tuning, bundle and fidelity take the source along."""
    work = run_deploy(tmp_path / "build", model=slow_filters(), data=noise(), synops="80%", allow_loss=True)
    assert "p.bias" in work.lowered.program.shapes
    assert work.done[-1] == "validate"
    assert {row.name for row in work.fidelity.populations} == {"p", "out"}


def test_its_report_adds_up(run_deploy: Deploy, tmp_path: Path) -> None:
    """SynOps and cores of the source count with the population that it feeds, pruned and as it came."""
    for synops in ("80%", "100%"):
        folder = tmp_path / synops.removesuffix("%")
        work = run_deploy(folder, model=slow_filters(), data=noise(), synops=synops, allow_loss=True)
        report = build_report(work, {}, "test")
        assert [layer["name"] for layer in report["layers"]] == ["p", "out"]
        (folder / "report.json").write_text(json.dumps(report), encoding="utf-8")
        assert read_report(folder / "report.json") == json.loads(json.dumps(report))
        assert sum(layer["cores"] for layer in report["layers"]) == work.measured.lowered.placement.cores
