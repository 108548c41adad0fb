"""Every figure of a profile is used: changing it alone changes a program, a placement or a finding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spear_deploy.errors import InputError, SpearError
from spear_deploy.network import Conv2d, Flatten, Linear, SumPool2d
from spear_deploy.targets import InputRange, LoweringOptions, load_chip
from spear_deploy.targets.speck.profile import SpeckProfile
from spear_deploy.targets.speck.target import SPECK
from tests.targets.figures import changed, paths
from tests.targets.speck.networks import chain, conv
from tests.targets.speck.test_rules import three_destinations

SMALLER = {
    "kernel_words": (64,) * 9,
    "neuron_words": (64,) * 9,
    "bias_words": (3,) * 9,
    "destinations": 3,
    "kernel_max": 2,
    "padding_max": 0,
    "channels_max": 3,
    "strides": (1,),
    "pools": (1,),
    "input_map_max": 8,
    "output_map_max": 8,
    "weight_bits": 4,
    "bias_bits": 4,
    "threshold_bits": 6,
    "readout_classes": 2,
}
"""Another value of each figure."""


def outcome(chip: SpeckProfile) -> list[Any]:
    """Return all that a chip makes of two networks."""
    rng = np.random.default_rng(0)
    small = chain(
        (2, 16, 16),
        (conv(rng, 2, 4, 3, stride=(2, 2), padding=(1, 1), bias=True),),
        (SumPool2d((2, 2), (2, 2)), conv(rng, 4, 4, 3, padding=(1, 1))),
        (Flatten(), Linear(rng.normal(0, 0.5, (3, 64)).astype(np.float32))),
        threshold=1.5,
        floor=-2.0,
    )
    wide = chain((2, 9, 9), (Conv2d(np.ones((4, 2, 1, 1), np.float32)),))
    found: list[Any] = []
    for network in (small, wide, three_destinations()):
        try:
            lowered = SPECK.compiler(chip, {"input": InputRange()}, LoweringOptions()).lower(network)
            layers = [(p.weight.tolist(), p.bias, p.threshold, p.low) for p in lowered.program.populations]  # type: ignore[attr-defined]
            found.append((str(layers), lowered.placement, [str(note) for note in lowered.notes]))
        except SpearError as error:
            found.append([str(finding) for finding in error.findings])
    return found


CHIP = load_chip("speck2f")


@pytest.mark.parametrize("path", list(paths(CHIP)), ids=".".join)
def test_every_figure_is_used(path: tuple[str, ...]) -> None:
    """Another value changes what comes out."""
    assert isinstance(CHIP, SpeckProfile)
    assert outcome(changed(CHIP, path, SMALLER)) != outcome(CHIP)


def test_cores_have_all_three_memories() -> None:
    """Lists of other lengths are no chip (E011)."""
    assert isinstance(CHIP, SpeckProfile)
    with pytest.raises(InputError, match="9, 9, 8 cores"):
        replace(CHIP.memory, bias_words=replace(CHIP.memory.bias_words, value=(1024,) * 8))
