"""Rough fine-tuning: in float where the chip answers as the float network does, as the chip computes elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from spear_deploy.data import Dataset
from spear_deploy.execution import Execution
from spear_deploy.journal import Journal
from spear_deploy.measure.measured import Baseline
from spear_deploy.measure.runs import measure_float, measure_program
from spear_deploy.network import Network
from spear_deploy.search.checkpoints import Checkpoints
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.options import SearchOptions
from spear_deploy.search.rate import find_rate
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip
from spear_deploy.train.config import FinetuneConfig

TRIAL = FinetuneConfig(epochs=1, batch=24)


@pytest.mark.parametrize("alike", [True, False])
def test_rough_training_is_that_of_what_is_near(
    alike: bool, tiny_network: Network, tiny_data: Dataset, tmp_path: Path
) -> None:
    """What a learning rate is found by too."""
    compiler = compiler_for(load_chip("loihi2"), {"input": InputRange()}, LoweringOptions(weight_bits=3))
    lowered = compiler.lower(tiny_network)
    in_float, on_chip = measure_float(tiny_network, tiny_data.val), measure_program(lowered.program, tiny_data.val)
    on_chip = replace(on_chip, scores=in_float.scores if alike else -in_float.scores)
    baseline = Baseline(tiny_network, lowered, in_float, on_chip, in_float, on_chip)
    assert baseline.answers_alike == alike
    checkpoints = Checkpoints(Journal(tmp_path / "journal", {}, resume=False), tmp_path / "weights")
    options = SearchOptions(trial=TRIAL)
    evaluator = Evaluator(baseline, tiny_data, compiler, options, Execution(), checkpoints)
    evaluator.tune_roughly(tiny_network, TRIAL)
    assert 6e-4 <= find_rate(evaluator, tiny_network, lambda done, total: None) <= 1e-2
    entries = [json.loads(line) for line in (tmp_path / "journal").read_text().splitlines()]
    assert {each["key"]["as"] for each in entries if each["kind"] == "tuned"} == {"float" if alike else "chip"}
