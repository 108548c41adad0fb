"""Every figure of a profile is used: changing it alone changes a program, a placement or a finding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spear_deploy.errors import SpearError
from spear_deploy.targets import InputRange, LoweringOptions, load_chip
from spear_deploy.targets.xylo.profile import XyloProfile
from spear_deploy.targets.xylo.target import XYLO
from tests.targets.figures import changed, paths

from .networks import network, spikes

OTHER = {
    "inputs": 5,
    "hidden_neurons": 11,
    "output_neurons": 2,
    "recurrent_entries": 100,
    "fan_out": 10,
    "fan_in": 10,
    "input_reach": 6,
    "output_reach": 6,
    "bits": 4,
    "shift_max": 1,
    "state_bits": 12,
    "decay_bits": 1,
    "per_input": 2,
    "per_hidden": 1,
    "per_output": 2,
}


def outcome(chip: XyloProfile) -> Any:
    x = spikes(steps=20, samples=4) * 3
    net = network(threshold=0.5)
    try:
        lowered = XYLO.compiler(chip, {"input": InputRange.of(x)}, LoweringOptions()).lower(net)
    except SpearError as error:
        return str(error)
    found = lowered.emulate(x)
    integers = [s.weight.tolist() for s in lowered.program.synapses]
    registers = [(p.dash_syn.tolist(), p.dash_mem.tolist(), p.threshold.tolist()) for p in lowered.program.populations]
    sent = {name: np.asarray(values).tolist() for name, values in found.spikes.items()}
    return integers, registers, sent, [str(f) for f in lowered.placement.findings], lowered.program.arithmetic


AUDIO2, AUDIO3 = (load_chip(name) for name in ("xylo_audio2", "xylo_audio3"))
FIGURES = [(chip, path) for chip in (AUDIO2, AUDIO3) for path in paths(chip)]


@pytest.mark.parametrize(
    ("chip", "path"), FIGURES, ids=lambda each: ".".join(each) if isinstance(each, tuple) else each.name
)
def test_every_figure_is_used(chip: XyloProfile, path: tuple[str, ...]) -> None:
    """No figure is told that nothing depends on."""
    assert outcome(changed(chip, path, OTHER)) != outcome(chip)
