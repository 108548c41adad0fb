"""Networks with neurons that the chip does not have: measured, adapted, deployed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from rich.console import Console

from spear_deploy.data import Dataset
from spear_deploy.deployment.adaptation import Retraining, foreign_neurons
from spear_deploy.deployment.bundle import MODEL
from spear_deploy.deployment.verdict import error_of
from spear_deploy.errors import UnsupportedError
from spear_deploy.execution import Execution
from spear_deploy.frontends import Imported, load
from spear_deploy.network import Linear, Network, Population, Projection
from spear_deploy.progress import Progress
from spear_deploy.report.build import build_report
from spear_deploy.report.schema import schema
from spear_deploy.targets import TARGETS, Compiler, InputRange, LoweringOptions, load_chip
from spear_deploy.targets.loihi.net_export import write_net
from spear_deploy.train.config import FinetuneConfig
from tests.tiny_deployments import SEARCH, Deploy


@pytest.fixture(scope="module")
def compiler() -> Compiler:
    """Loihi 2 for binary spikes."""
    chip = load_chip("loihi2")
    return TARGETS.get(chip.target).compiler(chip, {"input": InputRange()}, LoweringOptions())


@pytest.fixture(scope="module")
def foreign(imported: Imported) -> Imported:
    """The tiny network read as one of several spikes a step, which the chip's neuron cannot emit."""
    populations = tuple(
        replace(p, neuron=replace(p.neuron, reset="subtract", spikes="integer", floor=-1.0))
        if isinstance(p, Population)
        else p
        for p in imported.network.populations
    )
    semantics = replace(imported.semantics, reset="subtract", spikes="integer", floor=-1.0)
    return Imported(replace(imported.network, populations=populations), semantics)


def test_builtin_neurons_keep_all_but_what_the_chip_lacks(
    foreign: Imported, imported: Imported, compiler: Compiler
) -> None:
    """Decays, gains, biases and thresholds stay; a network of built-in neurons is left alone."""
    adapted, semantics = compiler.adapt(foreign.network, foreign.semantics)
    assert adapted.content_hash == imported.network.content_hash
    assert (semantics.reset, semantics.spikes, semantics.floor) == ("zero", "binary", None)
    assert foreign_neurons(foreign.network, compiler, foreign) == tuple(p.name for p in foreign.network.neurons)
    assert foreign_neurons(imported.network, compiler, imported) == ()


def test_refusal_comes_with_the_measured_effect(run_deploy: Deploy, foreign: Imported, tmp_path: Path) -> None:
    """What the chip lacks is listed, and what replacing it would do to accuracy and spikes (N007)."""
    with pytest.raises(UnsupportedError) as caught:
        run_deploy(tmp_path / "out", model=foreign)
    codes = [finding.code for finding in caught.value.findings]
    assert sorted(set(codes)) == ["E031", "E032", "N007"]
    note = caught.value.findings[-1]
    assert "spikes a sample" in note.message
    assert "--adapt" in note.fix
    assert not (tmp_path / "out").exists()


def test_adapted_network_is_deployed_and_reported(
    run_deploy: Deploy, foreign: Imported, compiler: Compiler, tmp_path: Path
) -> None:
    """Fine-tuned under the built-in neuron it recovers, fits the budget, and its file carries its new semantics."""
    progress = Progress(Console(quiet=True))
    done = run_deploy(tmp_path / "out", model=foreign, adapt=True, progress=progress)
    assert error_of(done) is None
    assert done.adaptation is not None
    assert done.adaptation.adapted.spikes != done.adaptation.source.spikes
    assert done.adaptation.finetuned.accuracy >= done.adaptation.adapted.accuracy
    again = load(tmp_path / "out" / MODEL)
    assert again.network.content_hash == done.measured.network.content_hash
    assert (again.semantics.reset, again.semantics.spikes, again.semantics.floor) == ("zero", "binary", None)
    report = build_report(done, progress.seconds, "spear-deploy deploy --adapt")
    Draft202012Validator(schema()).validate(json.loads(json.dumps(report)))
    assert report["adaptation"]["changed"] == list(foreign_neurons(foreign.network, compiler, foreign))
    lost = 100 * (done.adaptation.source.accuracy - report["accuracy"]["quantised"])
    assert report["accuracy"]["float"] == done.adaptation.source.accuracy
    assert report["accuracy"]["drop"] == pytest.approx(lost)


def test_training_that_runs_away_goes_again_at_a_lower_rate(
    foreign: Imported, compiler: Compiler, tiny_data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a quarter of the rate each time, until the network on the chip does about the SynOps that it may."""
    tried: list[float] = []

    def tuned(self: Retraining, config: FinetuneConfig, tick: object = None) -> Network:
        tried.append(config.learning_rate)
        adapted, _ = compiler.adapt(foreign.network, foreign.semantics)
        return adapted

    monkeypatch.setattr(Retraining, "tuned", tuned)
    retraining = Retraining(foreign, compiler, tiny_data, Execution())
    config = FinetuneConfig(learning_rate=8e-3)
    retraining.kept(config)
    assert tried == [8e-3]  # neurons of one spike a step cannot run away
    monkeypatch.setattr("spear_deploy.deployment.adaptation._bound", lambda *_: 1e-3 if len(tried) < 3 else 1e9)
    retraining.kept(config)
    assert tried[1:] == [8e-3, 2e-3]
    (told,) = retraining.ran_away
    assert told.rate == 8e-3
    assert told.spent > told.allowed == 1.5e-3


def test_adaptation_of_builtin_neurons_is_none(run_deploy: Deploy, tmp_path: Path) -> None:
    """A network that the chip can do is not fine-tuned for nothing."""
    assert run_deploy(tmp_path / "out", synops="100%", adapt=True).adaptation is None


def test_fewer_weight_bits(run_deploy: Deploy, tmp_path: Path) -> None:
    """Mantissas keep to the bits asked for, and the report says how many they are."""
    done = run_deploy(tmp_path / "out", synops="100%", weight_bits=4)
    assert max(np.abs(s.weight).max() for s in done.measured.lowered.program.synapses) <= 15
    assert done.compiler.weight_bits == 4


def test_net_can_be_exported(run_deploy: Deploy, imported: Imported, tiny_data: Dataset, tmp_path: Path) -> None:
    """Kept to ``net`` a network with biases becomes a program that the .net format holds."""
    done = run_deploy(tmp_path / "out", synops="100%", keep_to="net", search=SEARCH)
    write_net(tmp_path / "x.net", done.measured.lowered.program)
    assert (tmp_path / "x.net").stat().st_size > 0


def test_net_is_refused_before_anything_is_trained(run_deploy: Deploy, imported: Imported, tmp_path: Path) -> None:
    """A network that no .net file can hold, here one with a skip, is E038 at once."""
    network = imported.network
    first, last = network.neurons[0], network.neurons[-1]
    skip = Projection("skip", first.name, last.name, (Linear(np.ones((last.size, first.size), np.float32)),))
    model = replace(imported, network=replace(network, projections=(*network.projections, skip)))
    with pytest.raises(UnsupportedError, match="E038"):
        run_deploy(tmp_path / "out", model=model, keep_to="net")
    assert not (tmp_path / "out").exists()
