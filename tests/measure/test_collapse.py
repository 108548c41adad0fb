"""What counts as a collapse, at each limit; and that the finding names the population that it comes from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spear_deploy.errors import Finding
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.collapse import collapse_findings
from spear_deploy.measure.fidelity import Fidelity, PopulationFidelity, WeightLoss
from spear_deploy.recording import Clips

SOUND = WeightLoss(100, 0.0, 0.0)
ORDER = ("first", "second", "out")


def row(name: str, chip: float, in_float: float = 10.0, **figures: object) -> PopulationFidelity:
    """A population with so many spikes a sample."""
    return replace(PopulationFidelity(name, in_float, chip, 0.0, None, SOUND, Clips(1000)), **figures)


def activity(decisions: np.ndarray) -> Activity:
    """A network that decides so; class 0 is right."""
    scores = np.eye(3)[decisions]
    return Activity({}, {}, {}, scores, np.zeros(len(decisions), np.int64))


def fidelity(
    *rows: PopulationFidelity, samples: int = 100, lost: int = 0, gained: int = 0, elsewhere: int = 0
) -> Fidelity:
    """Of the samples, some are lost, some gained, and some decided wrongly in another way; the rest is right."""
    in_float, on_chip = np.zeros((2, samples), int)
    on_chip[:lost] = 1
    in_float[lost : lost + gained] = 1
    in_float[lost + gained : lost + gained + elsewhere], on_chip[lost + gained : lost + gained + elsewhere] = 1, 2
    whole = rows or tuple(row(name, 10.0) for name in ORDER)
    ranked = sorted(whole, key=lambda each: -each.deviation)
    return Fidelity(tuple(ranked), activity(in_float), activity(on_chip))


def found(of: Fidelity, **more: object) -> list[tuple[str, str]]:
    """Place and message of the findings."""
    findings = collapse_findings(of, [each for each in ORDER if each in {r.name for r in of.populations}], **more)
    assert all(finding.code == "E066" and finding.fix for finding in findings)
    return [(finding.where, finding.message) for finding in findings]


def test_a_faithful_network_is_none():
    """Nor is one that fires somewhat more or less."""
    assert found(fidelity()) == []
    assert found(fidelity(row("first", 6.0), row("second", 17.0), row("out", 10.0), lost=2, gained=1)) == []


@pytest.mark.parametrize(("chip", "silenced"), [(0.0, "falls silent"), (0.99, "nearly falls silent"), (1.0, "")])
def test_a_silenced_population(chip, silenced):
    """Below a tenth of its spikes."""
    findings = found(fidelity(row("first", 10.0), row("second", chip), row("out", 10.0)))
    assert len(findings) == bool(silenced)
    for where, message in findings:
        assert where == "population 'second'"
        assert message.startswith(f"{silenced}: {chip:.4g} spikes a sample of 10 in float")


@pytest.mark.parametrize(("spikes", "silenced"), [(0.19, False), (0.2, True)])
def test_few_spikes_prove_no_silence(spikes, silenced):
    """Twenty over all samples."""
    assert bool(found(fidelity(row("first", 0.0, spikes)))) == silenced


def test_a_readout_is_never_silenced():
    """It has no spikes to lose."""
    readout = row("out", 0.0, float_spikes=None, chip_spikes=None, readout_error=0.5)
    assert found(fidelity(row("first", 10.0), readout)) == []


@pytest.mark.parametrize(("samples", "elsewhere", "collapses"), [(100, 10, False), (100, 11, True), (9, 2, False)])
def test_decisions_that_differ(samples, elsewhere, collapses):
    """More than a tenth, whether right or wrong; but two of nine prove nothing."""
    findings = found(fidelity(samples=samples, elsewhere=elsewhere))
    assert len(findings) == collapses
    for _, message in findings:
        assert message.startswith("89.0% of 100 samples are decided as in float, 90% at least is asked for")


@pytest.mark.parametrize(
    ("samples", "lost", "gained", "collapses"),
    [
        (100, 4, 0, False),  # 4 = 2 sqrt(4)
        (100, 5, 0, True),
        (100, 8, 2, False),  # 6 < 2 sqrt(10)
        (100, 9, 1, True),
        (5, 1, 0, False),
        (5, 4, 0, False),
        (5, 5, 0, True),
        (10_000, 400, 320, False),  # 80 > 2 sqrt(720), but 0.8 points > 2 x 0.2 is asked for below
    ],
)
def test_a_loss_beyond_two_standard_errors(samples, lost, gained, collapses):
    """Of the pairs, and of the accuracy."""
    of = fidelity(samples=samples, lost=lost, gained=gained)
    messages = [message for _, message in found(of) if "points of accuracy" in message]
    points, p = 100 * (lost - gained) / samples, 1 - lost / samples
    allowed = 200 * max(np.sqrt(lost + gained) / samples, np.sqrt(p * (1 - p) / samples))
    assert (points > allowed) == bool(messages)
    if samples < 10_000:
        assert bool(messages) == collapses


def test_the_cause_is_where_the_deviation_begins():
    """The population behind it is silent because of it; its own weights are all there."""
    lossy = replace(SOUND, zeroed=0.93)
    of = fidelity(row("first", 9.9), row("second", 0.5, weights=lossy), row("out", 0.0), lost=50)
    findings = found(of)
    assert [where for where, _ in findings] == [
        "population 'second'",
        "population 'out'",
        "population 'second'",
        "population 'second'",
    ]
    assert all("93.0% of its 100 weights round to zero" in message for _, message in findings)


def test_the_cause_is_the_first_that_departs():
    """Not one behind it that is further off, nor one before it that is hardly off."""
    of = fidelity(row("first", 9.5), row("second", 7.0), row("out", 2.0), elsewhere=50)
    ((where, message),) = found(of)
    assert where == "population 'second'"
    assert message.endswith("the cause is 'second': 7 spikes a sample, 10 in float")


def test_too_many_and_too_few_do_not_balance():
    """A population whose spikes move between neurons departs, though their number is the same."""
    of = fidelity(row("first", 10.0, moved=0.02), row("second", 10.0, moved=0.6), row("out", 4.0), elsewhere=50)
    ((where, message),) = found(of)
    assert where == "population 'second'"
    assert message.endswith("10 spikes a sample, 10 in float; neuron by neuron 60.0% are too many or too few")


def test_no_population_is_blamed_that_is_not_off():
    """Where none departs by a tenth, the finding says that the cause is spread, and how far the worst is off."""
    of = fidelity(row("first", 10.0), row("second", 10.2, moved=0.03), row("out", 9.6), elsewhere=50)
    ((where, message),) = found(of)
    assert where == "network"
    assert message.endswith("spread over the network: no population is off by 10%, 'out' by most, 4.0%")


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        ({"weights": replace(SOUND, clipped=0.2)}, "20.0% of its weights are clipped"),
        ({"clips": Clips(1000, membranes=470)}, "its membrane is clipped in 47.0% of the bins"),
        ({"clips": Clips(1000, currents=3)}, "its current wraps in 0.30% of the bins"),
    ],
)
def test_causes_are_named(figures, said):
    """With their amounts."""
    ((_, message),) = found(fidelity(row("first", 0.0, **figures)))
    assert said in message


def test_notes_on_the_population_are_causes_too():
    """Those on decays, biases and comparisons; of another population, or on other things, none."""
    notes = [
        Finding("N004", "population 'first'", "the membrane decay is off by 4.0%", severity="note"),
        Finding("N004", "population 'second'", "the current decay is off by 9.0%", severity="note"),
        Finding("N005", "population 'first'", "resets late", severity="note"),
    ]
    ((_, message),) = found(fidelity(row("first", 0.0)), notes=notes)
    assert message.endswith("(N004 the membrane decay is off by 4.0%)")


def test_the_fix_is_one_that_can_be_followed():
    """More bits only where the chip has them."""
    of = fidelity(row("first", 0.0, weights=replace(SOUND, zeroed=0.5)))
    (narrow,) = collapse_findings(of, ["first"], more_bits=8)
    (wide,) = collapse_findings(of, ["first"])
    assert narrow.fix.startswith("give --weight-bits 8")
    assert wide.fix.startswith("retrain with a limit on the largest weights")
    assert "--allow-loss" in narrow.fix
    assert "--allow-loss" in wide.fix
