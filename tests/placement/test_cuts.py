"""Cuts of an axis, and of a population: every position in one part, parts of the sizes that are told."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.placement.cuts import Cut, part_of_neurons, whole


@st.composite
def cuts(draw, extent: int | None = None) -> Cut:
    """Any cut: along the axis, or into any lists of positions."""
    extent = draw(st.integers(1, 12)) if extent is None else extent
    if draw(st.booleans()):
        return Cut.even(extent, draw(st.integers(1, extent)))
    parts = draw(st.integers(1, extent))
    of = [*range(parts), *(draw(st.integers(0, parts - 1)) for _ in range(extent - parts))]
    of = draw(st.permutations(of))
    return Cut.by_parts([[position for position in range(extent) if of[position] == part] for part in range(parts)])


@given(st.integers(1, 40), st.data())
def test_even_parts_and_strips_cover_an_axis(extent, data):
    """Even parts differ by one, the larger first; strips have one width, and a rest."""
    parts, width = data.draw(st.integers(1, extent)), data.draw(st.integers(1, extent))
    even, strips = Cut.even(extent, parts), Cut.strips(extent, width)
    assert even.sizes == tuple(len(part) for part in np.array_split(np.arange(extent), parts))
    assert strips.part_of.tolist() == [position // width for position in range(extent)]
    assert sum(even.sizes) == sum(strips.sizes) == extent


@given(st.lists(cuts(), min_size=1, max_size=3))
def test_a_neuron_lies_in_the_part_of_each_of_its_positions(of_axes):
    """Parts are counted in C order, and hold as many neurons as the sizes of the axes multiply to."""
    shape = tuple(sum(cut.sizes) for cut in of_axes)
    counts = tuple(len(cut.sizes) for cut in of_axes)
    found = part_of_neurons(of_axes)
    positions = np.unravel_index(np.arange(len(found)), shape)
    expected = [cut.part_of[where] for cut, where in zip(of_axes, positions, strict=True)]
    np.testing.assert_array_equal(found, np.ravel_multi_index(expected, counts))
    sizes = np.array([1])
    for cut in of_axes:
        sizes = np.multiply.outer(sizes, cut.sizes).ravel()
    np.testing.assert_array_equal(np.bincount(found, minlength=len(sizes)), sizes)


def test_a_whole_population_is_one_part():
    """All neurons are in part 0."""
    assert part_of_neurons(whole((3, 2, 2))).tolist() == [0] * 12
