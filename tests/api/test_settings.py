"""The keywords of ``deploy``: each looked at, all findings at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

from spear_deploy.api import settings
from spear_deploy.api.settings import Settings, check_settings, deploy_options, plain_settings
from spear_deploy.budgets import RESOURCES
from spear_deploy.errors import InputError

NUMBERS = settings._NUMBERS
NO_NUMBERS = ["3", "", [3], True, float("nan"), float("inf"), -1, 10**400, 1j, np.ones(2), object()]
HINTS = get_type_hints(Settings)
OPTIONAL = {name for name, hint in HINTS.items() if type(None) in get_args(hint)}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: type(value).__name__)
def test_values_that_are_no_such_number(name: str, value: Any) -> None:
    """Text, truths, lists, and numbers that are not finite or below 0 are E007 for every setting that is a number."""
    with pytest.raises(InputError) as caught:
        check_settings({name: value})
    (finding,) = caught.value.findings
    assert finding.code == "E007"
    assert finding.where.startswith(name)
    assert finding.fix.startswith("give a ")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("episodes", 4, 3),
        ("candidates", 1, 0),
        ("lowest_ratio", 1.0, 1.01),
        ("lowest_ratio", 1e-9, 0),
        ("epochs", 0.01, 0),
        ("seed", 2**32 - 1, 2**32),
        ("threads", 1, 0),
        ("memory", 1 << 30, 0),
        ("memory", 1, True),
        ("timeout", 0.5, 0),
        ("samples", 1, 0),
        ("weight_bits", 1, 0),
        ("steps", 1, 0),
        ("steps", 100_000, 100_001),
        ("bin_ms", 0.1, 0.0),
        ("episodes", 4, 4.0),
    ],
)
def test_bounds(name: str, good: float, bad: float) -> None:
    """The last value that is allowed and the first that is not; numpy's numbers are numbers."""
    check_settings({name: good})
    check_settings({name: np.asarray(good)[()]})
    with pytest.raises(InputError, match=f"E007 {name} {bad!r}: cannot be used"):
        check_settings({name: bad})


@pytest.mark.parametrize("name", settings._CHOICES)
@pytest.mark.parametrize("value", ["abacus", "", 3, ["normal"], np.ones(2)], ids=str)
def test_names_that_there_are_not(name: str, value: Any) -> None:
    """E008 with those that there are."""
    with pytest.raises(InputError) as caught:
        check_settings({name: value})
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("E008", f"{name} {value}")
    assert finding.fix == ", ".join(settings._CHOICES[name]())


@pytest.mark.parametrize("name", sorted(HINTS.keys() - RESOURCES.names()))
def test_none(name: str) -> None:
    """It is a value of those settings whose type says so, and a finding of the others, ``effort`` among them."""
    if name in OPTIONAL:
        check_settings({name: None})
        return
    with pytest.raises(InputError, match=rf"E00[78] {name} None: "):
        check_settings({name: None})


@pytest.mark.parametrize("name", sorted(name for name, hint in HINTS.items() if hint is bool))
@pytest.mark.parametrize("value", ["no", 1, 0, [], np.ones(2)], ids=str)
def test_truths(name: str, value: Any) -> None:
    """E007 for what is neither: ``adapt="no"`` adapted the network."""
    check_settings({name: True})
    check_settings(plain_settings({name: np.False_}))
    with pytest.raises(InputError, match=rf"E007 {name} .*: is neither True nor False"):
        check_settings({name: value})


@pytest.mark.parametrize("name", ["device", "keep_to"])
@pytest.mark.parametrize("value", [3, 10**400, ["net"], np.ones(2)], ids=lambda value: type(value).__name__)
def test_names_that_are_looked_up_later(name: str, value: Any) -> None:
    """E008 for what is not text."""
    with pytest.raises(InputError, match=rf"E008 {name} .*is not a name"):
        check_settings({name: value})


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("mirror", ("mirror",)),
        ("mirror,shift", ("mirror", "shift")),
        ("shift, mirror", ("shift", "mirror")),
        (["shift"], ("shift",)),
        (("shift", "shift"), ("shift", "shift")),
        ("", ()),
        ([], ()),
    ],
)
def test_augmentations(value: Any, names: tuple[str, ...]) -> None:
    """One name or several, in the order in which they come; empty is none, to undo what a project file asks for."""
    check_settings({"augment": value})
    options = deploy_options({"synops": 5, "augment": value}, Path()).search
    assert all(each.augment == names for each in (options.trial, options.stage, options.compare, options.finish))


@pytest.mark.parametrize("value", ["mirror,", ",", "mirr", 3, [3], [""], np.ones(2)], ids=str)
def test_augmentations_that_there_are_not(value: Any) -> None:
    """E008 with those that there are."""
    with pytest.raises(InputError) as caught:
        check_settings({"augment": value})
    assert caught.value.findings[0].code == "E008"
    assert "mirror" in caught.value.findings[0].fix


def test_all_at_once() -> None:
    """Every finding of every setting, in the order given."""
    with pytest.raises(InputError) as caught:
        check_settings({"episode": 8, "method": "speer", "seed": -1, "abacus": 1, "threads": 1})
    found = [(finding.code, finding.where) for finding in caught.value.findings]
    assert found == [("E008", "episode"), ("E008", "method speer"), ("E007", "seed -1"), ("E008", "abacus")]
    assert caught.value.findings[0].fix == "did you mean episodes?"
    assert "synops" in caught.value.findings[3].fix


def test_every_setting_that_is_checked_is_one() -> None:
    """No check outlives its setting."""
    assert {*NUMBERS, *settings._CHOICES} <= set(get_type_hints(Settings))


def test_the_emulator_does_not_prove_itself() -> None:
    """As a backend it means that none is run; others are run."""
    assert deploy_options({"synops": 5, "backend": "emulator"}, Path()).backend is None
    assert deploy_options({"synops": 5, "backend": "lava"}, Path()).backend == "lava"
