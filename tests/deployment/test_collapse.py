"""A collapse ends a deployment before its search, or is told where it is allowed; percentages of what was meant."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spear_deploy.data import Dataset
from spear_deploy.deployment.collapse import refuse_collapse
from spear_deploy.deployment.folder import JOURNAL
from spear_deploy.deployment.notes import known_samples
from spear_deploy.deployment.work import Work
from spear_deploy.errors import UnsupportedError
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.runs import measure_float, measure_program
from spear_deploy.train.config import Aims
from spear_deploy.train.finetune import finetune
from spear_deploy.train.teacher import Teacher
from tests.collapsing import collapsing, two_classes_split
from tests.tiny_deployments import Deploy


@pytest.fixture(scope="module")
def data() -> Dataset:
    return two_classes_split()


@pytest.fixture(scope="module")
def allowed(run_deploy: Deploy, data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Work:
    """A network that collapses, deployed all the same at half of its SynOps."""
    folder = tmp_path_factory.mktemp("allowed") / "build"
    return run_deploy(folder, model=collapsing(), data=data, synops="50%", allow_loss=True)


def test_a_collapse_ends_the_run_before_the_search(run_deploy: Deploy, data: Dataset, tmp_path: Path) -> None:
    """All findings at once, the fix says what the chip could do better, and nothing is written."""
    folder = tmp_path / "build"
    with pytest.raises(UnsupportedError) as caught:
        run_deploy(folder, model=collapsing(), data=data, synops="50%", weight_bits=4)
    findings = caught.value.findings
    assert {finding.code for finding in findings} == {"E066"}
    assert findings[0].where == "population 'hidden'"
    messages = [finding.message for finding in findings]
    assert messages[0].startswith("falls silent: 0 spikes a sample of 6 in float (33.3% of its 6 weights round to zero")
    assert any("50.0% of 30 samples are decided as in float" in message for message in messages)
    assert any("50.00 points of accuracy are lost" in message for message in messages)
    assert all(finding.fix.startswith("give --weight-bits 8") for finding in findings)
    assert not folder.exists()


def test_validation_samples_that_the_network_knows_are_told(allowed: Work) -> None:
    """N043 with both accuracies where they are further apart than chance explains, and not where they are alike."""
    assert allowed.baseline is not None
    val = allowed.baseline.float_val

    def right(count: int) -> Activity:
        scores = np.zeros((200, 2))
        scores[:count, 1] = 1
        return replace(val, scores=scores, labels=np.ones(200, np.int64))

    assert known_samples(replace(allowed.baseline, float_val=right(180), float_test=right(170))) == ()
    (note,) = known_samples(replace(allowed.baseline, float_val=right(190), float_test=right(160)))
    assert (note.code, note.severity) == ("N043", "note")
    assert "95.00% of the validation samples correctly and 80.00% of the test samples" in note.message
    assert known_samples(replace(allowed.baseline, float_val=right(160), float_test=right(190))) == ()


def test_a_collapse_that_is_allowed_is_a_note(allowed: Work) -> None:
    """With the same words, and the run goes on."""
    assert allowed.done[-1] == "validate"
    collapse = [note for note in allowed.notes if note.code == "E066"]
    assert {note.severity for note in collapse} == {"note"}
    assert collapse[0].message.startswith("falls silent")


def test_an_adapted_network_may_do_otherwise_in_float(allowed: Work) -> None:
    """It was trained as the chip computes: what would be a collapse is told, unless it answers worse than before."""
    refused = replace(allowed, options=replace(allowed.options, allow_loss=False))
    assert refused.fidelity is not None
    assert refused.baseline is not None
    for given in (None, refused.baseline.float_test):
        with pytest.raises(UnsupportedError, match="E066") as caught:
            refuse_collapse(replace(refused, given=given), refused.fidelity)
        first, *others = caught.value.findings
        assert ("with the chip's own neurons" in first.message) == (given is not None)
        assert ("--epochs" in first.fix) == (given is not None)
        assert all("retrain" not in other.fix for other in others) or given is None
    adapted = replace(refused, given=refused.baseline.chip_test)
    assert {note.severity for note in refuse_collapse(adapted, refused.fidelity)} == {"note"}


def test_a_percentage_is_of_the_float_network(allowed: Work, data: Dataset) -> None:
    """Where the chip does less than nine tenths of it; the note has both figures."""
    in_float = measure_float(collapsing().network, data.test).mean_synops
    on_chip = measure_program(allowed.lowered.program, data.test).mean_synops
    assert on_chip < 0.9 * in_float
    assert allowed.goal.budgets[0].limit == 0.5 * in_float
    (note,) = [note for note in allowed.notes if note.code == "N010"]
    assert f"{in_float:,.0f} SynOps a sample in float and {on_chip:,.0f} on the chip" in note.message


def test_a_faithful_network_has_no_notes(deployed: Work) -> None:
    """Its percentage is of what it does on the chip, and its fidelity is that of the activities of the baseline."""
    assert deployed.notes == ()
    assert deployed.goal.budgets[0].limit == pytest.approx(0.6 * deployed.baseline.chip_val.mean_synops)
    assert deployed.fidelity.in_float is deployed.baseline.float_test
    assert deployed.fidelity.on_chip is deployed.baseline.chip_test


def test_the_deployed_network_is_measured_too(deployed: Work) -> None:
    """On the chip it does what the search measured; the picture shows every population."""
    np.testing.assert_array_equal(deployed.deployed.on_chip.scores, deployed.on_test.activity.scores)
    in_float = measure_float(deployed.measured.network, deployed.data.test)
    np.testing.assert_array_equal(deployed.deployed.in_float.total, in_float.total)
    assert [each.name for each in deployed.distributions] == ["hidden1", "hidden2", "output"]


def test_the_reference_is_fine_tuned_as_long(deployed: Work) -> None:
    """The unpruned network after as many batches, within limits, lowered and measured: from the journal too."""
    samples = len(deployed.data.train)
    *_, last = deployed.search.candidate.tunings
    spent = sum(config.steps(samples) for config in deployed.search.candidate.tunings)
    steps = min(spent, deployed.options.search.reference.steps(samples))
    unpruned = deployed.baseline.network
    network = finetune(
        unpruned,
        deployed.data.train,
        replace(last, epochs=1e9, max_steps=steps),
        seed=0,
        aims=Aims(Teacher(unpruned, deployed.data.train)),
        simulator=deployed.compiler.trainable,
    ).network
    activity = measure_program(deployed.compiler.lower(network).program, deployed.data.test)
    reference = deployed.reference
    assert (reference.steps, reference.accuracy) == (steps, activity.accuracy)
    assert reference.synops == activity.mean_synops
    lost = activity.correct.astype(int) - deployed.on_test.activity.correct
    assert reference.points == pytest.approx(100 * lost.mean())
    assert reference.error == pytest.approx(100 * np.sqrt(np.abs(lost).sum()) / len(lost))
    lines = map(json.loads, (deployed.options.output / JOURNAL).read_text().splitlines())
    (journalled,) = [line["value"] for line in lines if line["kind"] == "reference"]
    assert journalled["steps"] == steps


def test_without_a_search_there_is_no_reference(run_deploy: Deploy, tmp_path: Path) -> None:
    """Nothing was fine-tuned; the deployed network is the unpruned one, which is measured once."""
    work = run_deploy(tmp_path / "build", synops="100%")
    assert work.reference is None
    assert work.deployed is work.fidelity
