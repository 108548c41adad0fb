"""Energy and operations beside SANA-FE's, which runs the same placed network by itself."""

from __future__ import annotations

from dataclasses import astuple

import pytest

from benchmarks.energy import MESSAGE, compared, placed
from tests.frameworks import home


def test_sana_fe_fires_counts_and_spends_alike() -> None:
    """Spikes by neuron and step, operations of four kinds, and joules of three parts with its constants; the estimate
    departs from it by the messages of the input, which it leaves out, and of the output, which sends none.  Its time
    lies within the estimate's range."""
    folder = home("sanafe")
    lowered, x = placed()
    found = compared(folder, lowered, x[:, 0])
    assert found.same_spikes
    assert astuple(found.ours) == astuple(found.theirs)
    assert found.ours.spikes > 1000
    for part, energy in found.ours.terms.items():
        assert energy == pytest.approx(found.energy[part], rel=1e-9), part
    own, cited = found.estimates
    assert own.low == own.high
    more = 1e-12 * MESSAGE * (found.ours.packets - found.ours.spikes)
    assert own.low == pytest.approx(found.energy["total"] - more, rel=1e-9)
    assert cited.low < own.low < cited.high
    assert found.latency[0] < found.seconds < found.latency[1]
