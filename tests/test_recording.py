"""Inputs of networks and programs: arrays by name, all that is wrong with them at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import spear_deploy
from spear_deploy.errors import InputError
from spear_deploy.recording import as_inputs

PORTS = {"left": (2, 3), "right": (4,)}
LEFT, RIGHT = np.ones((5, 6, 2, 3)), np.zeros((5, 6, 4), np.uint8)


def test_arrays_by_name() -> None:
    """Arrays, tensors and lists are taken; an array alone is the only input."""
    found = as_inputs(PORTS, {"left": torch.tensor(LEFT, requires_grad=True), "right": RIGHT.tolist()})
    np.testing.assert_array_equal(found["left"], LEFT)
    np.testing.assert_array_equal(found["right"], RIGHT)
    np.testing.assert_array_equal(as_inputs({"right": (4,)}, RIGHT)["right"], RIGHT)


BAD: list[tuple[Any, str]] = [
    (np.ones((5, 6, 3, 2)), r"has shape \(5, 6, 3, 2\)"),
    (np.ones((5, 2, 3)), "has shape"),
    (np.ones(()), "has shape"),
    (None, "holds object, no numbers"),
    ([[1, 2], [3]], "holds object, no numbers"),
    ("spikes", "holds <U6, no numbers"),
    (LEFT.astype(complex), "holds complex128, no numbers"),
    (LEFT.astype(str), "no numbers"),
    (LEFT[:0], "is empty"),
    (LEFT[:, :0], "is empty"),
    (LEFT * np.nan, "not finite"),
    (LEFT * np.inf, "not finite"),
]


@pytest.mark.parametrize(("x", "told"), BAD)
def test_arrays_that_are_no_input(x: Any, told: str) -> None:
    """Another shape or type, an empty array, values that are not finite: E005 with the shape that is wanted."""
    with pytest.raises(InputError, match=told) as caught:
        as_inputs({"left": (2, 3)}, x)
    (finding,) = caught.value.findings
    assert (finding.code, finding.where) == ("E005", "input 'left'")
    assert "(steps, samples, 2, 3)" in finding.fix


def test_all_at_once() -> None:
    """An input that is missing, one that there is not, and one of another shape are told together."""
    with pytest.raises(InputError) as caught:
        as_inputs(PORTS, {"left": RIGHT, "middle": LEFT})
    found = {finding.where: finding.message for finding in caught.value.findings}
    assert found == {
        "input 'middle'": "there is none",
        "input 'left'": "has shape (5, 6, 4)",
        "input 'right'": "is missing",
    }


def test_every_call_looks_at_its_input(tiny_nir: Path) -> None:
    """``simulate``, ``lower`` and ``emulate`` refuse the same."""
    imported = spear_deploy.load(tiny_nir)
    lowered = spear_deploy.lower(imported)
    for x in (np.ones((5, 6, 99)), np.full((5, 6, 20), np.nan), "spikes", {"nobody": np.ones((5, 6, 20))}):
        for call in (imported.simulate, lowered.emulate, lambda x: spear_deploy.lower(imported, calibration=x)):
            with pytest.raises(InputError, match="E005 input"):
                call(x)
    with pytest.raises(InputError, match="E001 lower: Network is not an imported network"):
        spear_deploy.lower(imported.network)
