"""What a program says of itself."""

from __future__ import annotations

import numpy as np
import pytest

from spear_deploy.network.synapses import ConvSynapses
from spear_deploy.targets.loihi.program import InputPort, LoihiPopulation, LoihiProgram, LoihiProjection


@pytest.fixture
def program() -> LoihiProgram:
    """A convolution into spiking neurons."""
    scalar = np.asarray(7, np.int32)
    population = LoihiPopulation("p", (3, 2, 2), "lif", 1, np.asarray(12.5), scalar, scalar, scalar, scalar, scalar)
    weight = np.arange(-18, 18).reshape(3, 3, 2, 2).astype(np.int16)
    synapses = ConvSynapses("w", "in", "p", weight, (1, 2), (0, 1), (1, 1), 1)
    projection, port = LoihiProjection(synapses, 2, 0), InputPort("in", (3, 3, 3), 1)
    return LoihiProgram("loihi2", (port,), (population,), (projection,), ("p",))


def test_lookups(program):
    """Shapes with inputs first, synapses, a population by name, and what leads into it."""
    assert program.shapes == {"in": (3, 3, 3), "p": (3, 2, 2)}
    assert program.population("p").size == 12
    assert program.into("p") == program.projections
    assert program.synapses == (program.projections[0].synapses,)
