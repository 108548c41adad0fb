"""The size of a sensor, as the command line and Python give it."""

from __future__ import annotations

from typing import Any

import pytest

from spear_deploy.data.options import sensor_size
from spear_deploy.errors import InputError


@pytest.mark.parametrize("value", ["346,260", (346, 260), [346, 260], " 346 , 260 "])
def test_sizes(value: Any) -> None:
    """Width, then height; nothing where nothing is given."""
    assert sensor_size(value) == (346, 260)
    assert sensor_size(None) is None


@pytest.mark.parametrize("value", ["346", "346,260,2", "0,4", "a,b", 346, (346, -1), "99999,1"])
def test_what_is_no_size(value: Any) -> None:
    """E007, with what would be."""
    with pytest.raises(InputError, match=r"E007(.|\n)*W,H"):
        sensor_size(value)
