"""The yardstick of pruning: the unpruned network, fine-tuned, and kept from running away."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from spear_deploy.data import Dataset
from spear_deploy.execution import Execution
from spear_deploy.journal import Journal
from spear_deploy.measure.measured import Baseline
from spear_deploy.measure.runs import measure_float, measure_program
from spear_deploy.progress import Progress
from spear_deploy.search.candidate import Candidate, Option
from spear_deploy.search.checkpoints import Checkpoints
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.methods import Proposal
from spear_deploy.search.options import SearchOptions
from spear_deploy.search.reference import fine_tuned_reference
from spear_deploy.train.config import FinetuneConfig
from tests.targets.xylo.networks import compiler, network
from tests.targets.xylo.test_training import task

TUNING = FinetuneConfig(epochs=2, batch=32)


@pytest.mark.parametrize("recurrent", [True, False])
def test_what_may_run_away_is_kept_to_its_own_synops(recurrent: bool, tmp_path: Path) -> None:
    """Neurons of several spikes a step do where they are in loops; others are fine-tuned without any bound."""
    split, net = task(), network(3, recurrent=recurrent)
    data = Dataset("patterns", split, split, split)
    bound = compiler(split.samples.spikes.transpose(1, 0, 2))
    lowered = bound.lower(net)
    in_float, on_chip = measure_float(net, split), measure_program(lowered.program, split)
    baseline = Baseline(net, lowered, in_float, on_chip, in_float, on_chip)
    checkpoints = Checkpoints(Journal(tmp_path / "journal", {}, resume=False), tmp_path / "weights")
    evaluator = Evaluator(baseline, data, bound, SearchOptions(reference=TUNING), Execution(), checkpoints)
    proposal = Proposal({"hidden": 12})
    option = Option("uniform", proposal, net, {}, evaluator.outcome(proposal), 1.0)
    candidate = Candidate(option, baseline.measured, 0.0, (replace(TUNING, learning_rate=1e-3),))
    found = fine_tuned_reference(candidate, on_chip, evaluator, Progress(Console(quiet=True)))
    assert found is not None
    entries = [json.loads(line) for line in (tmp_path / "journal").read_text().splitlines()]
    (tuned,) = [each for each in entries if each["kind"] == "tuned"]
    assert tuned["key"]["target"] == (pytest.approx(on_chip.mean_synops) if recurrent else None)
