"""Numbers and sentences."""

from __future__ import annotations

import re

import pytest

from spear_deploy.report import wording


def test_verdict_within(report):
    """Within: the uses, and what they were measured on."""
    verdict = wording.verdict(report)
    assert (verdict.level, verdict.title) == ("good", "within budget")
    synops, cores, lost = report["budgets"]
    uses = (
        f"{synops['measured']:,.0f} (validation bound {synops['judged']:,.0f}) of {synops['limit']:,.0f} "
        "SynOps a sample, "
        f"{cores['measured']} of 128 cores, {lost['measured']:.2f} of 2.00 points of accuracy lost"
    )
    assert verdict.detail == f"{uses}; measured on the emulator"


def test_verdict_confirmed(validated):
    """Confirmed: by which backend, on how many samples."""
    assert wording.verdict(validated).detail.endswith("; confirmed spike by spike on lava (32 samples)")


@pytest.mark.parametrize(("error", "level"), [(0.55, "warn"), (0.56, "good"), (0.0, "warn")])
def test_verdict_of_a_loss(report, error, level):
    """Less accurate by more than two standard errors is a warning, unless a budget of accuracy was asked for."""
    report["accuracy"].update(drop=1.11, drop_error=error)
    assert wording.verdict(report).level == "good"
    report["budgets"].pop()
    assert wording.verdict(report).level == level
    report["accuracy"].update(drop=0.0)
    assert wording.verdict(report).level == "good"


def test_summary_names_both_yardsticks(report):
    """Points against the float network, and against the unpruned one that was fine-tuned as long."""
    report["accuracy"].update(drop=1.111)
    report["accuracy"]["reference"].update(steps=252, accuracy=0.97777, synops=153_858.0, drop=0.0, drop_error=0.681)
    against = "-1.11 points against the float network"
    assert wording.summary(report).endswith(f"({against}, +0.00 against the unpruned one fine-tuned too)")
    assert dict(wording.facts(report))["reference"] == (
        "unpruned, fine-tuned for 252 batches, quantised: 97.78%, 153,858 SynOps a sample; "
        "0.00 points lost against it (standard error 0.68)"
    )
    report["accuracy"]["reference"] = None
    assert wording.summary(report).endswith(f"({against})")
    assert "reference" not in dict(wording.facts(report))


def test_augmentation_is_told(report):
    """What was trained on stands beside how long; nothing is said of what was not asked for."""
    assert "changed at random" not in dict(wording.facts(report))["search"]
    report["augmentation"] = ["mirror", "shift"]
    assert "batches of images changed at random (mirror, shift)" in dict(wording.facts(report))["search"]


def test_verdict_over(report):
    """Over: by how much."""
    report["budgets"][0].update(limit=81_428.0, judged=95_000.0, measured=94_000.0, within=False)
    verdict = wording.verdict(report)
    assert (verdict.level, verdict.title) == ("bad", "over budget")
    assert verdict.detail == "94,000 (validation bound 95,000) of 81,428 SynOps a sample, 13,572 (16.7%) too many"


def test_verdict_mismatch_comes_first(diverged):
    """A mismatch outweighs a budget."""
    diverged["budgets"][0].update(judged=95_000.0, within=False)
    verdict = wording.verdict(diverged)
    assert (verdict.level, verdict.title) == ("bad", "emulator and lava disagree")
    assert verdict.detail == "3 of 461,824 bins differ"


def test_a_time_limit_is_part_of_the_verdict(unproven):
    """What did not finish is told apart from what failed, also where a budget is missed."""
    unproven["failure"] = "E062 lava: not finished after 5 s: 12 of 400 steps done\n     fix: allow more time"
    told = "the backend did not finish: E062 lava: not finished after 5 s: 12 of 400 steps done"
    assert wording.verdict(unproven).title == "not proven"
    assert wording.verdict(unproven).detail == told
    unproven["budgets"][0].update(within=False, judged=95_000.0)
    assert wording.verdict(unproven).title == "over budget"
    assert wording.verdict(unproven).detail.endswith(f"not proven: {told}")


def test_verdict_not_proven(unproven):
    """A backend that failed: no proof, for this reason; a budget that is missed outweighs it."""
    verdict = wording.verdict(unproven)
    assert (verdict.level, verdict.title) == ("bad", "not proven")
    assert verdict.detail == "the backend failed: E061 lava: the process died"
    line = dict(wording.facts(unproven))["validation"]
    assert line == "the backend failed: E061 lava: the process died; all figures are the emulator's"
    unproven["budgets"][0].update(judged=95_000.0, within=False)
    assert wording.verdict(unproven).title == "over budget"


def test_steps_that_did_something(report, validated):
    """A step is shown with its parts where it has several; one that had nothing to do is left out."""
    line = dict(wording.facts(report))["time"]
    names = ("importance", "rate", "gradual", "search", "compare", "close", "test", "reference")
    parts = ", ".join(rf"{name} [\d.]+s" for name in names)
    assert re.search(rf"search [\d.]+s \({parts}\)", line)
    assert re.search(r"baseline [\d.]+s, ", line)
    assert "validate" not in line
    assert "validate 41.4s" in dict(wording.facts(validated))["time"]
    total = sum(step["seconds"] for step in report["steps"])
    assert line.startswith(f"{wording.duration(total)}: ")


def test_notes_tell_the_room_that_is_left(validated):
    """Where a note is a matter of numbers."""
    notes = [sentence for subject, sentence in wording.facts(validated) if subject == "note"]
    assert notes == [
        "N003 population '1': they differ only at equality",
        "N004 population '3': a decay was rounded (room left: -0.02)",
    ]


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (80_531.2, 0, "80,531"),
        (0.5, 2, "0.50"),
        (0.004, 2, "0.0040"),
        (0.0, 2, "0.00"),
        (None, 0, ""),
        (-0.03, 0, "-0.030"),
    ],
)
def test_amounts(value, digits, text):
    """A budget's decimals, and more where a small figure would not be seen."""
    assert wording.amount(value, digits) == text


def test_validation_line(validated):
    """The proof in one line."""
    line = dict(wording.facts(validated))["validation"]
    assert line == "lava: 32 samples x 16 steps, 4 populations, 461,824 bins: 0 mismatches (48,012 spikes, 41.3s)"


def test_first_divergence(diverged):
    """Where to look, down to the neuron."""
    line = dict(wording.facts(diverged))["validation"]
    assert line.endswith("; first at sample 3, step 7, population 3, neuron (0, 4, 2): emulator 1, lava 0")


def test_energy_is_flagged(validated):
    """Never without the word."""
    energy = dict(wording.facts(validated))["energy"]
    assert "ESTIMATE" in energy
    assert "3.1 uJ to 5.2 uJ a sample (synaptic operations 1.8 uJ to 2.7 uJ, neuron updates 1.2 uJ to 1.9 uJ" in energy


def test_adaptation_line(validated):
    """Which neurons were replaced, and accuracy and activity before, after, and after fine-tuning."""
    line = dict(wording.facts(validated))["adaptation"]
    assert line == (
        "1, 3: as trained 98.33% and 1,527 spikes a sample; with the built-in neuron 91.11% and 1,205 spikes a "
        "sample; fine-tuned 98.06% and 1,318 spikes a sample"
    )


def test_unpruned_report(report):
    """Without a search there is no LRE line and no step that did not happen."""
    report["lre"] = report["search"] = None
    report["synops"]["predicted"] = None
    lines = dict(wording.facts(report))
    assert "LRE" not in lines
    assert lines["search"] == "none: the unpruned network is within the budgets"
    assert [step.label for step in wording.accuracy_steps(report)] == ["float", "quantised unpruned"]


def test_lre_with_few_samples(report):
    """What cannot be known of a line through two points is left out."""
    report["lre"].update(samples=7, slope=0.892, mape=None, high=None, intercept=-0.02)
    line = dict(wording.facts(report))["LRE"]
    assert line.startswith("the plain line: after = 0.892 x before - 0.020, 7 fine-tuned networks, predicted")
