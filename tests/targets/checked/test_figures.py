"""Every figure of a profile is used: changing it alone changes a finding, a note or the placement."""

from __future__ import annotations

from typing import Any

import pytest

from spear_deploy.targets import load_chip
from spear_deploy.targets.checked.profile import CheckedProfile
from spear_deploy.targets.checked.target import CHECKED
from tests.targets.figures import changed, paths

from .networks import with_everything

OTHER: dict[str, Any] = {
    "cores": 3,
    "neurons_per_core": 11,
    "sources_per_core": 90,
    "synapses_per_core": 300,
    "destination_cores": 2,
    "fan_in": 10,
    "weight_bits": 3,
    "delay_max": 2,
    "kinds": ("memoryless",),
    "resets": ("late",),
    "spikes": ("integer",),
    "floor": False,
    "readout": True,
    "loops": False,
    "weights_of_a_neuron": 7,
    "fan_in_of_a_circuit": 5,
    "weight_bytes": 1,
    "kernels": (9,),
    "strides": (3,),
    "matrix_inputs": 21,
}
AGAIN: dict[str, Any] = {
    **OTHER,
    "spikes": ("binary",),
    "readout": False,
    "floor": True,
    "loops": True,
    "kinds": ("if",),
}
"""Where a chip has the value of the first already."""

CHIPS = [load_chip(name) for name in ("akida1", "brainscales2", "dynap_se2", "spinnaker1", "spinnaker2", "truenorth")]
FIGURES = [(chip, path) for chip in CHIPS for path in paths(chip) if path[-1] != "time"]


def outcome(chip: CheckedProfile) -> Any:
    checked = CHECKED.check(chip, with_everything())
    rules = [rule.text_for(figures) for rule, figures in CHECKED.rules(chip)]
    return (
        chip.cores,
        checked.placement,
        [str(each) for each in (*checked.findings, *checked.notes)],
        checked.unmade,
        rules,
    )


@pytest.mark.parametrize(
    ("chip", "path"), FIGURES, ids=lambda each: ".".join(each) if isinstance(each, tuple) else each.name
)
def test_every_figure_is_used(chip: CheckedProfile, path: tuple[str, ...]) -> None:
    """No figure is told that nothing depends on: with another one, or as good as one, other things are said."""
    assert any(outcome(changed(chip, path, others)) != outcome(chip) for others in (OTHER, AGAIN))
