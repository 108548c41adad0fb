"""What chips that are checked say of networks: every rule with its amount, and what could not be checked."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spear_deploy.catalogue import CATALOGUE
from spear_deploy.chips import chip_names
from spear_deploy.errors import Finding, InputError, UnsupportedError
from spear_deploy.network import Conv2d, Flatten, Linear, SumPool2d
from spear_deploy.network.ops import LinearOp
from spear_deploy.targets import CheckedTarget, LoweringOptions, compiler_for, emulated_target, load_chip
from spear_deploy.targets.checked.profile import CheckedProfile
from spear_deploy.targets.checked.subject import NetworkToCheck, different_weights
from spear_deploy.targets.checked.target import CHECKED
from tests.network.by_torch import one_by_one

from .networks import chain, kernel, matrix, with_everything

NAMES = [name for name in chip_names() if load_chip(name).target == "checked"]
TRUENORTH, DYNAP, AKIDA = (load_chip(name) for name in ("truenorth", "dynap_se2", "akida1"))


def found(chip: Any, network: Any) -> list[Finding]:
    return list(CHECKED.check(chip, network).findings)


def codes(chip: Any, network: Any) -> list[str]:
    return [finding.code for finding in found(chip, network)]


def test_the_chips_that_are_checked() -> None:
    """Six chips are; the family is a target without an emulator, and says so by its type."""
    assert NAMES == ["akida1", "brainscales2", "dynap_se2", "spinnaker1", "spinnaker2", "truenorth"]
    assert isinstance(CHECKED, CheckedTarget)
    assert not any(isinstance(emulated_target(name), CheckedTarget) for name in ("loihi", "speck", "xylo"))


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lowered_to_them(name: str) -> None:
    """E090 with the chip, and what can be done instead."""
    with pytest.raises(UnsupportedError) as caught:
        compiler_for(load_chip(name), {}, LoweringOptions())
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("E090", name)
    assert "checked, not emulated" in finding.message
    assert f"inspect MODEL --chip {name}" in finding.fix


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_can_be_stated(name: str) -> None:
    """Its code is in the catalogue, and every place of its text is filled."""
    chip = load_chip(name)
    for rule, figures in CHECKED.rules(chip):
        text = rule.text_for(figures)
        assert rule.code in CATALOGUE
        assert text.endswith(".")
        assert "None" not in text
        assert "  " not in text


def test_a_network_that_truenorth_takes() -> None:
    """Integrate-and-fire, four weights a neuron, 256 sources: no finding, no check left out, one core."""
    weights = np.tile(np.array([1.0, 0.5, -0.5, -1.0], np.float32), (256, 64))
    checked = CHECKED.check(TRUENORTH, chain((256,), (Linear(weights),)))
    assert (checked.findings, checked.notes, checked.unmade) == ((), (), ())
    assert checked.placement is not None
    assert checked.placement.cores == 1
    assert checked.placement.of("layer0").utilisation == {"neurons": 1.0, "axons_in": 1.0, "synapse_words": 1.0}


def test_fan_in_with_its_amount() -> None:
    """DYNAP-SE2 has 64 synapses a neuron: the neurons that have more are counted, with the largest number."""
    assert found(DYNAP, chain((1, 8, 8), kernel(1, 1, 9, padding=(4, 4)), beta=0.5)) == []  # 64 sources in all
    neurons = NetworkToCheck(chain((1, 20, 20), kernel(1, 1, 9, padding=(4, 4)))).fan_in["layer0"]
    (finding,) = found(DYNAP, chain((1, 20, 20), kernel(1, 1, 9, padding=(4, 4)), beta=0.5))
    assert (finding.value, finding.limit, finding.slack) == (81, 64, -17)
    assert finding.message.startswith(f"{int((neurons > 64).sum())} of its 400 neurons have more, 81 the most")


OPS: list[tuple[tuple[int, ...], tuple[LinearOp, ...]]] = [
    ((2, 7, 6), kernel(4, 2, 3, padding=(1, 1), stride=(2, 1))),
    ((4, 6, 6), kernel(6, 4, 3, groups=2, dilation=(2, 1))),
    ((2, 8, 8), (SumPool2d((2, 2), (2, 2)), *kernel(3, 2, 3, padding=(1, 1)))),
    ((2, 4, 4), (SumPool2d((2, 2), (2, 2)), Flatten(), *matrix(5, 8))),
    ((9,), matrix(4, 9)),
]


@pytest.mark.parametrize(("shape", "ops"), OPS)
def test_fan_in_is_that_of_pytorch(shape: tuple[int, ...], ops: tuple[LinearOp, ...]) -> None:
    """Every neuron's existing synapses, at borders too: the non-zero rows of the chain's matrix, by PyTorch."""
    size = int(np.prod(shape))
    columns = one_by_one(ops, torch.eye(size, dtype=torch.float64).reshape(size, *shape)).reshape(size, -1)
    expected = (columns != 0).sum(dim=0).numpy()
    assert np.array_equal(NetworkToCheck(chain(shape, ops)).fan_in["layer0"], expected)


def test_weights_of_a_neuron_are_counted_as_rounded() -> None:
    """Different weights of one neuron, apart from 0, at the chip's bits; a map's neurons have those of its kernel."""
    rows = np.array([[1, 0.5, 0, 0], [1, 0.999, -1, 0.3]], np.float32)
    subject = NetworkToCheck(chain((4,), (Linear(rows),)))
    assert different_weights(subject, "layer0", 16) == 4
    assert different_weights(subject, "layer0", 9) == 3  # 0.999 of 255 is 255
    weights = np.arange(1, 19, dtype=np.float32).reshape(2, 1, 3, 3)
    assert different_weights(NetworkToCheck(chain((1, 5, 5), (Conv2d(weights),))), "layer0", 9) == 9
    (finding,) = found(TRUENORTH, chain((1, 5, 5), (Conv2d(weights),)))
    assert (finding.code, finding.value, finding.limit) == ("E094", 9, 4)


@pytest.mark.parametrize(
    ("chip", "changes", "expected"),
    [
        (TRUENORTH, {}, []),
        (TRUENORTH, {"beta": 0.9}, ["E093"]),
        (TRUENORTH, {"beta": 0.0}, ["E093"]),
        (TRUENORTH, {"alpha": 0.5}, ["E093"]),
        (TRUENORTH, {"reset": "subtract"}, []),
        (TRUENORTH, {"reset": "subtract", "reset_delay": True}, ["E093"]),
        (TRUENORTH, {"spikes": "integer"}, ["E093"]),
        (TRUENORTH, {"threshold": None}, ["E093"]),
        (TRUENORTH, {"floor": -1.0}, []),
        (DYNAP, {"beta": 0.9}, []),
        (DYNAP, {"beta": 0.9, "reset": "subtract"}, ["E093"]),
        (DYNAP, {}, ["E093"]),
        (AKIDA, {"beta": 0.0}, []),
        (AKIDA, {"beta": 0.0, "reset": "subtract"}, []),  # a unit without memory has nothing to reset
        (AKIDA, {"beta": 0.9}, ["E093"]),
    ],
)
def test_neurons(chip: Any, changes: dict[str, Any], expected: list[str]) -> None:
    """Kinds, resets, spikes a step, readouts."""
    assert codes(chip, chain((4,), matrix(3, 4), **changes)) == expected


def test_shapes_of_kernels_and_matrices() -> None:
    """Akida's kernels, with pooling composed in, strides and matrices; a loop feeds itself."""
    assert codes(AKIDA, chain((2, 9, 9), kernel(2, 2, 4), beta=0.0)) == ["E095"]
    assert codes(AKIDA, chain((2, 9, 9), kernel(2, 2, 3, stride=(3, 3)), beta=0.0)) == ["E095"]
    assert codes(AKIDA, chain((2, 9, 9), kernel(2, 2, 3), beta=0.0)) == []
    assert codes(AKIDA, chain((57_335,), matrix(1, 57_335), beta=0.0)) == ["E095"]
    told = [f.message.split(". ")[0] for f in found(AKIDA, with_everything()) if f.code == "E095"]
    assert told == ["it feeds itself"]


def test_delays_beyond_what_a_place_asks() -> None:
    """A step in a loop is not a delay; what waits longer is held against the limit, where there is one."""
    network = with_everything()
    assert [name for name, _ in NetworkToCheck(network).delays()] == ["flat"]
    slow = replace(network, projections=tuple(replace(p, delay=16) for p in network.projections))
    late = [f.value for f in found(TRUENORTH, slow) if f.code == "E095"]
    assert late == [16]


def test_checks_that_could_not_be_made_are_named() -> None:
    """One note with every figure that is absent and would be needed; no figure, no answer."""
    checked = CHECKED.check(load_chip("spinnaker1"), with_everything())
    (note,) = [each for each in checked.notes if each.code == "N040"]
    assert checked.unmade == (
        "synapses.fan_in",
        "synapses.weight_bits",
        "synapses.delay_max",
        "capacity.neurons_per_core",
        "capacity.sources_per_core",
        "capacity.destination_cores",
    )
    assert all(path in note.message for path in checked.unmade)
    assert checked.placement is None
    assert "synapses.delay_max" not in CHECKED.check(load_chip("spinnaker1"), chain((4,), matrix(3, 4))).unmade


def own(tmp_path: Path, text: str) -> CheckedProfile:
    path = tmp_path / "own.toml"
    path.write_text(f'title = "Own"\ntarget = "checked"\n{text}\n[sources]\nME = "a profile made up for this test"\n')
    chip = load_chip(path)
    assert isinstance(chip, CheckedProfile)
    return chip


def test_the_least_profile(tmp_path: Path) -> None:
    """A number of cores is enough for a profile; nothing else is checked then, and all of it is named."""
    chip = own(tmp_path, '[capacity]\ncores = { value = 2, source = "ME" }')
    checked = CHECKED.check(chip, with_everything())
    assert (checked.findings, checked.placement, CHECKED.rules(chip)) == ((), None, [])
    assert len(checked.unmade) == 13


CORES = '[capacity]\ncores = { value = 2, source = "ME" }\n'
ENERGY = "".join(
    f'[energy.{name}]\nlow = {{ value = 1.0, source = "ME" }}\nhigh = {{ value = 1.0, source = "ME" }}\n'
    for name in ("synaptic_op", "neuron_update", "spike")
)
FAN_IN = '[synapses]\nfan_in = { value = 9, source = "ME" }'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[capacity]\ncore = { value = 2, source = "ME" }', "capacity.core: is not a key"),
        ("", "capacity: is missing"),
        (CORES + '[neurons]\nkinds = { value = ["hh"], source = "ME" }', "kinds: must be a list of memoryless, if"),
        (
            CORES + 'sources_per_core = { value = 8, source = "ME" }\n' + FAN_IN,
            "fan_in: is 9, above capacity.sources_per_core, 8",
        ),
        (CORES + ENERGY, "energy: is of no use"),
    ],
)
def test_profiles_that_cannot_be_meant(text: str, message: str, tmp_path: Path) -> None:
    """E011 names the figure."""
    with pytest.raises(InputError, match="E011") as caught:
        own(tmp_path, text)
    assert message in str(caught.value)


def test_memory_and_loops_of_a_chip_of_ones_own(tmp_path: Path) -> None:
    """Weights of a kernel count once; a chip that has no loops says so."""
    chip = own(
        tmp_path,
        '[capacity]\ncores = { value = 2, source = "ME" }\n[synapses]\nweight_bits = { value = 8, source = "ME" }\n'
        '[layers]\nloops = { value = false, source = "ME" }\n'
        '[restrictions]\nweight_bytes = { value = 17, source = "ME" }',
    )
    (finding,) = found(chip, chain((1, 20, 20), kernel(2, 1, 3)))
    assert (finding.code, finding.value, finding.limit) == ("E096", 18, 17)
    assert [f.where for f in found(chip, with_everything()) if f.code == "E095"] == ["population 'hidden'"]


def test_notes_of_analog_chips() -> None:
    """Continuous time, and the weights that vanish at few bits, with their shares."""
    weights = np.array([[1.0, 0.5, 0.01, 0.01]], np.float32)
    checked = CHECKED.check(DYNAP, chain((4,), (Linear(weights),), beta=0.5))
    assert checked.findings == ()
    told = {note.code: note.message for note in checked.notes}
    assert set(told) == {"N041", "N042"}
    assert "'layer0' 50.0% of 4" in told["N042"]


def test_no_figure_is_without_a_name() -> None:
    """Every limit whose absence can be told has words of its own."""
    tables = {"capacity", "synapses", "neurons", "layers"}
    every = {f"{table}.{field.name}" for table in tables for field in fields(getattr(TRUENORTH, table))}
    from spear_deploy.targets.checked.target import _NAMES

    assert set(_NAMES) == every - {"capacity.cores"}
