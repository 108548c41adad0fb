"""Events, binned."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.data import EventSamples
from spear_deploy.data.binning import ByTime


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_events_are_binned_exactly(data: st.DataObject) -> None:
    """Each event is counted in its cell and in the bin of its time since the sample's first event."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    counts = rng.integers(1, 30, 4)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    t = np.concatenate([np.sort(rng.integers(0, 5000, n)) + rng.integers(0, 10**6) for n in counts])
    address = rng.integers(0, 12, offsets[-1])
    width = int(data.draw(st.integers(1, 2000)))
    steps = 5000 // width + 1
    samples = EventSamples(t, address, offsets, (2, 2, 3), ByTime(width), steps, 1.0)
    expected = np.zeros((steps, 2, 12), np.uint8)
    for column, sample in enumerate((3, 1)):
        events = range(offsets[sample], offsets[sample + 1])
        for event in events:
            expected[(t[event] - t[events[0]]) // width, column, address[event]] += 1
    batch = samples.batch(np.array([3, 1]))
    np.testing.assert_array_equal(batch, expected.reshape(steps, 2, 2, 2, 3))
    assert batch.sum() == counts[3] + counts[1]
