"""The keywords of ``deploy``: each looked at, all findings at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest

from spear_deploy.api import settings
from spear_deploy.api.settings import Settings, check_settings, deploy_options
from spear_deploy.errors import InputError

NUMBERS = settings._NUMBERS
NO_NUMBERS = ["3", "", [3], True, float("nan"), float("inf"), -1, 1j, object()]


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


@pytest.mark.parametrize("name", ["method", "backend", "until", "encoding"])
def test_names_that_there_are_not(name: str) -> None:
    """E008 with those that there are."""
    check_settings({name: None})
    with pytest.raises(InputError) as caught:
        check_settings({name: "abacus"})
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("E008", f"{name} abacus")
    assert finding.fix == ", ".join(settings._CHOICES[name]())


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
