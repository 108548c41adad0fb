"""The laws of a balanced placement: every neuron on one core, no core overfull, no more cores, none busier."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st

from spear_deploy.network import Input, Linear, Network, Population, Projection
from spear_deploy.placement.balance import balance
from spear_deploy.placement.cuts import Cut, whole
from spear_deploy.placement.load import Load, arrived
from spear_deploy.targets import Compiler, InputRange, Lowered, LoweringOptions, Recutter, load_chip
from spear_deploy.targets.loihi.target import LOIHI
from tests.strategies import generators, networks, neuron
from tests.targets.loihi.test_place import with_capacity

LOIHI1, LOIHI2 = load_chip("loihi1"), load_chip("loihi2")


def load_on(lowered: Lowered, rng: np.random.Generator) -> Load:
    """Any number of spikes of each neuron, and the SynOps that they are."""
    program = lowered.program
    fired = {name: rng.integers(0, 20, int(np.prod(shape))) for name, shape in program.shapes.items()}
    at = {each.name: np.zeros(each.size, np.int64) for each in program.populations}
    for synapses in program.synapses:
        at[synapses.target] += arrived(synapses, program.shapes, fired[synapses.source])
    return Load(program.shapes, program.synapses, at, fired, 1)


@st.composite
def small_cores(draw):
    """Loihi 1 or 2 with cores so small that populations are cut."""
    chip = draw(st.sampled_from([LOIHI1, LOIHI2]))
    words = {"vector_words_per_core": draw(st.integers(20, 400))} if chip is LOIHI2 else {}
    neurons, most = draw(st.integers(2, 40)), draw(st.integers(40, 600))
    figures = {"neurons_per_core": neurons, "words_per_core": most, "cores_per_chip": 4096, **words}
    return with_capacity(chip, **figures)


def compiled(chip, network: Network) -> tuple[Compiler, Lowered]:
    compiler = LOIHI.compiler(chip, {network.inputs[0].name: InputRange()}, LoweringOptions())
    return compiler, compiler.lower(network)


@settings(max_examples=20, deadline=None)
@given(small_cores(), st.data(), generators())
def test_balancing_keeps_the_laws_of_placement(chip, data, rng):
    """For any network, cores and spikes; no cut at all is the target's own placement."""
    network = data.draw(networks())
    compiler, lowered = compiled(chip, network)
    assert isinstance(compiler, Recutter)
    assert compiler.recut(lowered, {}) == lowered.placement
    load, own = load_on(lowered, rng), lowered.placement
    found = balance(own, load, lambda cuts: compiler.recut(lowered, cuts))
    before, after = load.cost(own), load.cost(found)
    event("better" if after < before else "the same")
    assert after <= before
    assert after.cores <= before.cores
    assert after.busiest <= before.busiest
    first = 0
    for place, was in zip(found.populations, own.populations, strict=True):
        cores = place.core_of_neurons(load.shapes[place.name])
        assert place.first_core == first
        assert np.unique(cores).tolist() == list(range(first, first + place.cores))
        assert max(place.utilisation.values()) <= max(1.0, *was.utilisation.values())
        assert np.bincount(cores).max() <= place.neurons_per_core
        assert all(cut.largest <= part for cut, part in zip(place.cuts, place.tile, strict=True))
        first += place.cores
    assert found == balance(own, load, lambda cuts: compiler.recut(lowered, cuts))


def pair(weight: np.ndarray) -> Network:
    """An input and one vector."""
    cells = Population("out", (len(weight),), neuron(np.random.default_rng(0), (len(weight),)))
    return Network((Input("in", weight.shape[1:]), cells), (Projection("w", "in", "out", (Linear(weight),)),), ("out",))


def test_busy_neurons_are_dealt_out():
    """Four neurons of many synapses beside four of few: two of each a core, where the own rule has all four on one."""
    weight = np.ones((8, 16), np.float32)
    weight[4:, 1:] = 0
    compiler, lowered = compiled(with_capacity(LOIHI2, neurons_per_core=4), pair(weight))
    (program_weight,) = (each.weight for each in lowered.program.synapses)
    assert np.count_nonzero(program_weight, axis=1).tolist() == [16] * 4 + [1] * 4
    load = load_on(lowered, np.random.default_rng(0))
    fired = replace(load, fired={"in": np.ones(16, np.int64)}, arrived={"out": np.array([16] * 4 + [1] * 4)})
    found = balance(lowered.placement, fired, lambda cuts: compiler.recut(lowered, cuts))
    assert (fired.cost(lowered.placement).busiest, fired.cost(found).busiest) == (64, 34)
    (place,) = found.populations
    assert place.cuts[0].order
    assert sorted(np.bincount(place.core_of_neurons((8,))).tolist()) == [4, 4]


def test_a_part_that_no_core_holds_is_refused():
    """Parts beyond a core's neurons are no placement."""
    compiler, lowered = compiled(with_capacity(LOIHI2, neurons_per_core=4), pair(np.ones((8, 16), np.float32)))
    assert isinstance(compiler, Recutter)
    assert compiler.recut(lowered, {"out": (Cut((5, 3)),)}) is None
    assert compiler.recut(lowered, {"out": whole((8,))}) is None
    found = compiler.recut(lowered, {"out": (Cut((3, 3, 2)),)})
    assert found is not None
    assert found.cores == 3
