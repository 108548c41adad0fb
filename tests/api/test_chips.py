"""``spear_deploy.check_chips``: which chips take a network, in what order, as data."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spear_deploy
from spear_deploy.chips import chip_names
from spear_deploy.errors import InputError
from spear_deploy.frontends import Imported, Semantics
from spear_deploy.resources import resource
from tests.targets.checked.networks import chain, matrix


@pytest.fixture(scope="module")
def digits() -> Imported:
    folder = resource("examples/digits")
    return spear_deploy.load(folder / "digits.nir", folder / "semantics.toml")


def test_every_chip_answers(digits: Imported) -> None:
    """Each of those that come with the tool, once; the digits fit Loihi, and Speck with its own neurons."""
    checks = spear_deploy.check_chips(digits)
    assert sorted(check.chip for check in checks) == list(chip_names())
    answers = {check.chip: check.answer for check in checks}
    assert answers == {
        **dict.fromkeys(("loihi1", "loihi2", "kapoho_bay", "kapoho_point", "hala_point"), "yes"),
        **dict.fromkeys(("speck2e", "speck2f"), "with adaptation"),
        **dict.fromkeys(("spinnaker1", "spinnaker2"), "cannot say"),
        **dict.fromkeys(("akida1", "brainscales2", "dynap_se2", "truenorth"), "no"),
        **dict.fromkeys(("xylo_audio2", "xylo_audio3", "xylo_imu"), "no"),
    }


def test_in_order(digits: Imported) -> None:
    """Those that take it first, the smallest in front; those that do not by the number of findings, then their size."""
    checks = spear_deploy.check_chips(digits)
    order = ["yes", "with adaptation", "cannot say", "no"]
    places = [order.index(check.answer) for check in checks]
    assert places == sorted(places)
    fitting = [check.of_cores for check in checks if check.answer == "yes"]
    assert fitting == sorted(fitting)
    refusing = [check.distance for check in checks if check.answer == "no"]
    assert refusing == sorted(refusing)


def test_an_answer_is_that_of_lowering(digits: Imported) -> None:
    """Cores, memory and the fullest core are those of the placement that ``lower`` gives."""
    (check,) = spear_deploy.check_chips(digits, ["loihi2"])
    placement = spear_deploy.lower(digits, "loihi2").placement
    assert check.placement == placement
    fullest = max(placement.populations, key=lambda p: p.utilisation[p.binding])
    assert check.busiest == (fullest.name, fullest.binding, fullest.utilisation[fullest.binding])
    shares = [p.cores * p.utilisation["synapse_words"] for p in placement.populations]
    assert check.memory_share == pytest.approx(sum(shares) / 128)


def test_what_pruning_may_cure_is_told(tmp_path: Path) -> None:
    """A network that is too large for the cores alone is far, not foreign."""
    path = tmp_path / "small.toml"
    path.write_text(
        'inherits = "truenorth"\ntitle = "Two cores"\n[capacity]\ncores = { value = 2, source = "ME" }\n'
        '[sources]\nME = "made up for this test"\n'
    )
    large = Imported(chain((8,), matrix(600, 8)), Semantics(dt=1.0))
    (check,) = spear_deploy.check_chips(large, [path])
    assert (check.answer, check.curable, check.distance) == ("no", True, (1, pytest.approx(np.log(3 / 2))))
    (check,) = spear_deploy.check_chips(replace(large, network=chain((8,), matrix(500, 8))), [path])
    assert (check.answer, check.curable, check.findings) == ("yes", False, ())


def test_as_data(digits: Imported) -> None:
    """What JSON holds of it comes back as it was."""
    for check in spear_deploy.check_chips(digits, ["loihi2", "spinnaker1", "truenorth"]):
        data = check.as_data()
        assert json.loads(json.dumps(data, allow_nan=False)) == data
        assert data["answer"] == check.answer
        assert [finding["code"] for finding in data["findings"]] == [finding.code for finding in check.findings]
        assert data["cores"] == (None if check.placement is None else check.placement.cores)


def test_what_is_no_network_or_chip(digits: Imported) -> None:
    """E001 for what load() did not give, E008 for an unknown chip."""
    with pytest.raises(InputError, match="E001 check_chips"):
        spear_deploy.check_chips(digits.network)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="E008 truenorht.*\n.*did you mean truenorth"):
        spear_deploy.check_chips(digits, ["truenorht"])
    with pytest.raises(InputError, match="E008 check_chips: 1.5 is not a list of chips"):
        spear_deploy.check_chips(digits, 1.5)  # type: ignore[arg-type]
    (alone,) = spear_deploy.check_chips(digits, "truenorth")
    assert alone == spear_deploy.check_chips(digits, ["truenorth"])[0]
    assert spear_deploy.check_chips(digits, []) == ()
    assert spear_deploy.check_chips(digits, "all") == spear_deploy.check_chips(digits)


@pytest.mark.parametrize("bits", ["8", 8.5, np.float32(8), True, np.ones(2)], ids=lambda bits: type(bits).__name__)
def test_lowering_takes_whole_numbers_of_bits(digits: Imported, bits: Any) -> None:
    """E007 for others, and E008 for a format whose name is none."""
    with pytest.raises(InputError, match="E007 weight_bits .*is not a whole number"):
        spear_deploy.lower(digits, weight_bits=bits)
    with pytest.raises(InputError, match="E008 keep_to .*there is no such export format"):
        spear_deploy.lower(digits, keep_to=[])  # type: ignore[arg-type]
