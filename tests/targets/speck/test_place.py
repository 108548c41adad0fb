"""Layers on unequal cores: sinabs' hardest network, and what is told where something does not fit."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from spear_deploy import Imported, Semantics, lower
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip
from spear_deploy.targets.speck.memory import LayerSize, Words, cores_of
from spear_deploy.targets.speck.place import match, place, suitable
from spear_deploy.targets.speck.profile import SpeckProfile
from tests.targets.speck.networks import chain, conv, gesture


def speck() -> SpeckProfile:
    chip = load_chip("speck2f")
    assert isinstance(chip, SpeckProfile)
    return chip


def test_sinabs_dvs_gesture_network_fills_all_nine_cores() -> None:
    """Every core holds a layer; layers 0 and 1 fill 65,536 neuron words, 5 and 6 as many kernel words."""
    lowered = lower(Imported(gesture(), Semantics(dt=1.0)), chip="speck2f", calibration=np.ones((2, 1, 2, 128, 128)))
    placed = lowered.placement.populations
    assert sorted(p.first_core for p in placed) == list(range(9))
    assert (lowered.placement.cores, lowered.placement.findings) == (9, ())
    assert [p.utilisation["neuron_words"] for p in placed[:2]] == [1.0, 1.0]
    assert [p.synapse_words_per_core for p in placed] == [128, 4096, 8192, 16384, 32768, 65536, 65536, 32768, 2048]
    assert [p.utilisation["kernel_words"] for p in placed if p.name in ("layer5", "layer6")] == [1.0, 1.0]
    cores = {p.name: p.first_core for p in placed}
    assert [layer.core for layer in lowered.program.populations] == list(cores.values())  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("features", "code", "told"),
    [
        ((17, 16, 32, 32, 64, 64, 256, 128), "E087", "fits with 16 of the 17 channels of 'layer0'"),
        ((16, 16, 32, 32, 64, 65, 256, 128), "E087", "fits with 64 of the 65 channels of 'layer5'"),
        ((16, 16, 32, 33, 64, 64, 256, 128), "E088", "all fit with 32 of the 33 channels of 'layer3'"),
    ],
)
def test_one_channel_more_anywhere_does_not_fit(features: tuple[int, ...], code: str, told: str) -> None:
    """The finding names layer, memory, core and the smallest change, and that change makes it fit."""
    compiler = compiler_for(speck(), {"input": InputRange()}, LoweringOptions())
    findings = compiler.place(gesture(features)).findings
    assert {finding.code for finding in findings} == {code}
    assert any(told in finding.message for finding in findings), [f.message for f in findings]
    assert compiler.place(gesture()).findings == ()


def test_a_bias_can_be_the_smallest_change() -> None:
    """Where only biases are too many, the change is to leave them out."""
    chip = speck()
    few = LayerSize("a", ("input",), 1, 2000, (1, 1), (1, 1), has_bias=True, is_output=False)
    assert suitable(few, cores_of(chip)) == []
    (finding,) = place([few], chip).findings
    assert "lacks 976 bias words" in finding.message
    assert "without the bias of 'a'" in finding.message
    assert (finding.value, finding.limit) == (2000, 1024)


@pytest.mark.parametrize("seed", range(30))
def test_the_matching_is_a_largest_one(seed: int) -> None:
    """As many layers have a core as scipy's maximum matching gives one, and each a suitable one of its own."""
    rng = np.random.default_rng(seed)
    cores = tuple(Words(*(int(n) for n in 2 ** rng.integers(4, 8, 3))) for _ in range(rng.integers(2, 10)))
    sizes = [
        LayerSize(f"l{n}", (), 1, int(2 ** rng.integers(2, 8)), (1, 1), (1, 1), has_bias=True, is_output=False)
        for n in range(rng.integers(2, 10))
    ]
    found = match(sizes, cores)
    table = csr_matrix([[core in suitable(s, cores) for core in range(len(cores))] for s in sizes], dtype=np.int8)
    largest = int((maximum_bipartite_matching(table, perm_type="column") >= 0).sum())
    given = {name: core for name, core in found.core_of.items() if core is not None}
    assert len(given) == len(set(given.values())) == largest
    assert all(core in suitable(s, cores) for s in sizes if (core := given.get(s.name)) is not None)


def test_channels_free_kernel_memory_at_powers_of_two_only() -> None:
    """32 channels or 17 take the same kernel words, input channels count as they are: as sinabs counts."""
    rng = np.random.default_rng(0)
    compiler = compiler_for(speck(), {"input": InputRange()}, LoweringOptions())
    words = [
        compiler.place(chain((channels, 8, 8), (conv(rng, channels, features, 3),)))
        .populations[0]
        .synapse_words_per_core
        for channels, features in ((3, 32), (3, 17), (3, 16), (2, 32))
    ]
    assert words == [3 * 16 * 32, 3 * 16 * 32, 3 * 16 * 16, 2 * 16 * 32]
