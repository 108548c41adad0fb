"""Values become the payloads that a program takes."""

from __future__ import annotations

import numpy as np
import pytest

from spear_deploy.errors import InputError
from spear_deploy.targets.ports import InputPort


def test_port_encodes_values_as_payloads():
    """Rounded multiples of the scale; values outside the range are E039."""
    port = InputPort("in", (3,), 255, scale=51.0)
    assert port.encode(np.array([0.0, 0.03, 5.0])).tolist() == [0, 2, 255]
    assert port.encode(np.zeros(3)).dtype == np.uint8
    assert InputPort("in", (1,), 300).encode(np.array([300])).tolist() == [300]
    for value in (-1.0, 5.02):
        with pytest.raises(InputError, match="E039"):
            port.encode(np.array([value]))
