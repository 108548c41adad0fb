"""Which neuron lies on which core: every neuron once, boxes no larger than a tile, source units as they were kept."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from math import prod

import numpy as np
import pytest

from spear_deploy.report.neurons import neuron_rows
from spear_deploy.targets.loihi.place import place
from tests.targets.loihi.test_place import LOIHI1, LOIHI2, conv, mlp, with_capacity

_MAPS = {"in": (3, 16, 16), "a": (12, 16, 15), "b": (8, 14, 13)}
_CASES = {
    "vectors": (*mlp(700, 301, 90, 10), LOIHI1, "p0"),
    "maps": (
        _MAPS,
        [conv("in", "a", 12, 3, 3), conv("a", "b", 8, 12, 3)],
        with_capacity(LOIHI2, neurons_per_core=100),
        "in",
    ),
    "rows": (_MAPS, [conv("in", "a", 12, 3, 3)], with_capacity(LOIHI2, neurons_per_core=5), "in"),
}


@pytest.mark.parametrize("case", _CASES)
def test_neurons_fill_the_cores_of_the_placement(case: str) -> None:
    """All cores of a population hold a box of it that fits its tile, in C order of the parts."""
    shapes, synapses, chip, fed = _CASES[case]
    placement = place(shapes, synapses, chip, inputs={fed}, weight_bits=8)
    placed = [{**asdict(each), "first": each.first_core, "shape": shapes[each.name]} for each in placement.populations]
    rows = neuron_rows({"pictures": {"cores": {"populations": placed}}}, {})
    held = defaultdict(list)
    for row in rows:
        held[row["population"], row["core"]].append(row["neuron"])
    for each in placement.populations:
        shape = shapes[each.name]
        cores = [core for name, core in held if name == each.name]
        assert sorted(cores) == list(range(each.first_core, each.first_core + each.cores))
        neurons = [neuron for core in sorted(cores) for neuron in held[each.name, core]]
        assert sorted(neurons) == list(range(prod(shape)))
        starts = []
        for core in sorted(cores):
            places = np.array(np.unravel_index(held[each.name, core], shape))
            extent = places.max(axis=1) - places.min(axis=1) + 1
            assert extent.prod() == places.shape[1]
            assert np.all(extent <= each.tile)
            starts.append(tuple(places.min(axis=1)))
        assert starts == sorted(starts)
    assert any(each.cores > 1 for each in placement.populations)
    assert {row["source_unit"] for row in rows} == {None}
