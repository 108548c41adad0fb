"""The benchmark of the networks of the literature: their shapes, their weights, and what its rows say."""

from __future__ import annotations

import numpy as np

from benchmarks.compiling import Took
from benchmarks.literature import (
    CALIBRATION,
    RESULTS,
    SUBJECTS,
    Subject,
    arguments,
    calibrated,
    gesture,
    known,
    pilotnet,
    row,
    samples,
    split_of,
    table,
    verdict,
)
from benchmarks.networks import events_conv
from spear_deploy.measure.runs import measure_float


def test_shapes_are_those_of_the_packages() -> None:
    """As many neurons as in the files of sinabs and of lava-dl, which the examples count."""
    counts = {
        build: sum(each.size for each in build(np.random.default_rng(0)).neurons) for build in (gesture, pilotnet)
    }
    assert counts == {gesture: 177_547, pilotnet: 158_509}


def test_a_tenth_of_each_population_fires() -> None:
    """On the samples that weights were scaled on, within what so few of the last one's ten neurons allow."""
    subject = Subject(events_conv, 8, events=True)
    network = subject.build(np.random.default_rng(0))
    split = split_of(subject, samples(subject, network)[:CALIBRATION])
    spikes = measure_float(calibrated(network, split), split).spikes
    for each in network.neurons:
        rate = spikes[each.name].mean() / each.size / subject.steps
        assert 0.09 <= rate <= 0.2, each.name


def test_what_did_not_go_through_is_told_by_its_code() -> None:
    """A refused network is a row with exit code and error, without figures; the verdict names it."""
    refused = Took(1.0, 0.5, 50.0, 3, '{"findings": [{"code": "E035"}, {"code": "N023"}]}', "")
    found = row("PilotNet", "kapoho_point", "deploy", refused)
    assert found["codes"] == ["E035"]
    assert "synops" not in found
    assert verdict({"exit_code": 0}, found) == "exit code 3: [E035](reference/errors/E035.md)"
    (*_, line) = table([found])
    assert line.startswith("| PilotNet | [`kapoho_point`](chips/kapoho_point.md) |  |  |")


def test_what_is_checked_in_is_of_today() -> None:
    """No stage is there twice, commands are those of today, and runs of a bundle count what the deployment counted."""
    rows = [((each["network"], each["chip"], each["stage"]), each) for each in known(RESULTS)]
    found = dict(rows)
    assert len(found) == len(rows)
    assert {name for name, _, _ in found} == set(SUBJECTS) - {"VGG16, pooled"}, "docs/scale.md says what was not run"
    for (name, chip, stage), each in found.items():
        assert each["command"] == f"spear-deploy {' '.join(arguments(name, chip, stage))}"
        if stage == "run":
            assert each["synops"][1] == found[name, chip, "deploy"]["synops"][1], (name, chip)
