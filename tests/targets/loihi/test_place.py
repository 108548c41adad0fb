"""Core counts that compilers have printed, and the laws of placement."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import ceil, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.networks import vgg16
from benchmarks.placement import PRINTED, Printed
from benchmarks.placement import yolo_kp as shapes_of_yolo_kp
from spear_deploy.network import AvgPool2d, Network
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses, outlines
from spear_deploy.placement import Placement
from spear_deploy.targets import ChipProfile, load_chip
from spear_deploy.targets.loihi.place import place

Shape = tuple[int, ...]
LOIHI1, LOIHI2 = load_chip("loihi1"), load_chip("loihi2")


def conv(source: str, target: str, out: int, inputs: int, kernel: int, stride=(1, 1), padding=(0, 0), groups=1):
    weight = np.broadcast_to(np.int8(0), (out, inputs, kernel, kernel))
    return ConvSynapses(f"{source}>{target}", source, target, weight, stride, padding, (1, 1), groups)


def dense(source: str, target: str, outputs: int, inputs: int) -> DenseSynapses:
    return DenseSynapses(f"{source}>{target}", source, target, np.broadcast_to(np.int8(0), (outputs, inputs)))


def mlp(*sizes: int) -> tuple[dict[str, Shape], list[Synapses]]:
    shapes: dict[str, Shape] = {f"p{i}": (size,) for i, size in enumerate(sizes)}
    return shapes, [dense(f"p{i}", f"p{i + 1}", b, a) for i, (a, b) in enumerate(pairwise(sizes))]


def with_capacity(chip: ChipProfile, **values: int) -> ChipProfile:
    figures = {name: replace(getattr(chip.capacity, name), value=value) for name, value in values.items()}
    return replace(chip, capacity=replace(chip.capacity, **figures))


# (target, source channels, source extent, kernel, stride (y, x), padding (y, x), weight bits, cores, words per core)
PILOTNET = [
    ((24, 32, 99), (3, 66, 200), 3, (2, 2), (0, 0), 5, 25, 81),
    ((36, 15, 49), (24, 32, 99), 3, (2, 2), (0, 0), 5, 13, 864),
    ((48, 7, 24), (36, 15, 49), 3, (2, 2), (0, 0), 5, 3, 1620),
    ((64, 4, 22), (48, 7, 24), 3, (2, 1), (1, 0), 5, 3, 2592),
    ((64, 4, 22), (48, 7, 24), 3, (2, 1), (1, 0), 4, 3, 2160),
    ((64, 2, 20), (64, 4, 22), 3, (1, 1), (0, 0), 4, 2, 2880),
]
# the words are the printed percentage of 16 000
YOLO_KP = [
    ((16, 224, 224), (3, 448, 448), 3, (2, 2), (1, 1), 5, 224, 54),
    ((32, 112, 112), (16, 224, 224), 3, (2, 2), (1, 1), 6, 112, 576),
    ((64, 56, 56), (32, 112, 112), 3, (2, 2), (1, 1), 5, 56, 1728),
    ((128, 28, 28), (64, 56, 56), 3, (2, 2), (1, 1), 5, 28, 6336),
    ((256, 28, 28), (128, 28, 28), 3, (1, 1), (1, 1), 5, 56, 12672),
    ((256, 14, 14), (256, 28, 28), 3, (2, 2), (1, 1), 4, 16, 11520),
    ((512, 14, 14), (256, 14, 14), 3, (1, 1), (1, 1), 5, 32, 13824),
    ((256, 14, 14), (512, 14, 14), 1, (1, 1), (0, 0), 5, 14, 10752),
    ((512, 14, 14), (256, 14, 14), 3, (1, 1), (1, 1), 5, 32, 13824),
    ((48, 14, 14), (512, 14, 14), 1, (1, 1), (0, 0), 7, 4, 3072),
]


@pytest.mark.parametrize(
    ("target", "source", "kernel", "stride", "padding", "bits", "cores", "words"), PILOTNET + YOLO_KP
)
def test_convolution_takes_the_printed_cores_and_memory(target, source, kernel, stride, padding, bits, cores, words):
    """Every convolution row of lava-dl's PilotNet and YOLO-KP notebooks: cores and memory words of a core."""
    shapes = {"in": source, "out": target}
    synapses = [conv("in", "out", target[0], source[0], kernel, stride, padding)]
    (placed,) = place(shapes, synapses, LOIHI2, inputs={"in"}, weight_bits=bits).populations
    assert (placed.cores, placed.synapse_words_per_core) == (cores, words)


def yolo_kp() -> tuple[dict[str, Shape], list[Synapses]]:
    net = shapes_of_yolo_kp()
    return dict(net.shapes), list(net.synapses)


COUNTED = {"Oxford": 4, "pseudo-MobileNet": 159, "N-TIDIGITS": 3, "Braille": 3}
"""What is counted otherwise than it was printed; docs/placement.md says why."""


@pytest.mark.parametrize("printed", PRINTED, ids=lambda each: each.name)
def test_networks_take_the_printed_cores(printed: Printed) -> None:
    """Whole networks, layer by layer, whose compilers printed their cores."""
    placed = printed.placed()
    assert placed.findings == ()
    assert placed.cores == COUNTED.get(printed.name, printed.cores)
    if printed.name not in COUNTED:
        assert tuple(each.cores for each in placed.populations) == printed.layers


def test_parts_of_a_vector_are_cut_again() -> None:
    """PilotNet's 2560 to 100: into 6 of 17 neurons, which take 12,800 words where 12,000 are allowed, then into 12."""
    whole, cut = (place(*mlp(2560, size), LOIHI2, inputs={"p0"}, weight_bits=4).populations[0] for size in (13, 100))
    assert (whole.cores, whole.synapse_words_per_core) == (1, 10_240)
    assert (cut.tile, cut.cores, cut.synapse_words_per_core) == ((9,), 12, 7680)
    fewer = place(*mlp(585, 128), LOIHI2, inputs={"p0"}, weight_bits=8)
    assert (fewer.cores, place(*mlp(784, 128), LOIHI2, inputs={"p0"}, weight_bits=8).cores) == (4, 3)


def test_yolo_kp_as_a_whole():
    """574 cores on Kapoho Point, as printed; neurons fill 87.52 % of a core where 3584 are printed."""
    placement = place(*yolo_kp(), load_chip("kapoho_point"), inputs={"p0"}, weight_bits=5)
    assert placement.cores == 574
    assert placement.findings == ()
    assert placement.populations[0].utilisation["neurons"] == pytest.approx(0.8752, abs=1e-4)
    assert placement.populations[0].binding == "neurons"


def test_axon_entries_are_never_fewer_than_printed():
    """Printed AxonMap of YOLO-KP: positions of a tile, neurons at the output; AxonIn: one or two."""
    printed = [224, 112, 56, 28, 28, 56, 56, 14, 56, 2688]
    placement = place(*yolo_kp(), load_chip("kapoho_point"), inputs={"p0"}, weight_bits=5)
    for placed, entries in zip(placement.populations, printed, strict=True):
        assert entries <= placed.axons_out_per_core <= 2 * entries
        assert placed.axons_in_per_core == 2


def test_input_layer_with_neurons():
    """PilotNet SNN's input layer 200 x 66 x 3 has neurons and no synapses: 13 cores."""
    (placed,) = place({"in": (3, 66, 200)}, [], LOIHI2, inputs=(), weight_bits=8).populations
    assert (placed.tile, placed.cores, placed.synapse_words_per_core) == ((3, 66, 16), 13, 0)


def test_pooled_vgg16_fits_a_board():
    """Its 3x3 behind 2x2 pools take the words of 3x3, not of 6x6, which no core holds; populations cost more."""
    network = vgg16(np.random.default_rng(0), pooled=True)
    placement = place(network.shapes, network.outlines, load_chip("hala_point"), inputs={"p0"}, weight_bits=8)
    assert placement.findings == ()
    words = {each.name: each.synapse_words_per_core for each in placement.populations}
    assert words["p11"] == words["p12"] == 512 * 9 * 3
    own = place(*with_pools_of_their_own(network), load_chip("hala_point"), inputs={"p0"}, weight_bits=8)
    assert placement.cores < own.cores
    assert placement.memory_bits < own.memory_bits


def with_pools_of_their_own(network: Network) -> tuple[dict[str, Shape], list[Synapses]]:
    """The same with each pooling a population, which sends on what it sums."""
    shapes, chains = dict(network.shapes), []
    for projection in network.projections:
        name, source, ops = projection.name, projection.source, projection.ops
        if isinstance(ops[0], AvgPool2d):
            shapes[f"{name}.pool"] = ops[0].output_shape(shapes[source])
            chains.append((f"{name}.sum", source, f"{name}.pool", ops[:1]))
            source, ops = f"{name}.pool", ops[1:]
        chains.append((name, source, projection.target, ops))
    return shapes, list(outlines(chains, shapes))


def test_cores_are_numbered():
    """lava-dl's MNIST network 784-128-64-10 takes 3, 1 and 1 cores."""
    placed = place(*mlp(784, 128, 64, 10), LOIHI2, inputs={"p0"}, weight_bits=8)
    assert [p.first_core for p in placed.populations] == [0, 3, 4]


@pytest.mark.parametrize(
    ("neurons", "bits", "words"),
    [(64, 8, 21), (200, 8, 63), (256, 8, 81), (100, 4, 26), (17, 4, 5), (9, 4, 3), (10, 4, 3), (1, 8, 1)],
)
def test_dense_words_for_each_axon_on_loihi2(neurons, bits, words):
    """Words for each axon that lava-dl's notebooks print for dense layers."""
    (placed,) = place(*mlp(1, neurons), LOIHI2, inputs={"p0"}, weight_bits=bits).populations
    assert placed.synapse_words_per_core == words


def test_n_mnist_on_loihi1():
    """NxTF's N-MNIST table: dense 512 from 2312 inputs takes 9 cores of up to 62 neurons, dense 10 takes one."""
    placement = place(*mlp(2312, 512, 10), LOIHI1, inputs={"p0"}, weight_bits=7)
    assert [p.cores for p in placement.populations] == [9, 1]
    for neurons, cores in ((62, 1), (63, 2)):
        (placed,) = place(*mlp(2312, neurons), LOIHI1, inputs={"p0"}, weight_bits=7).populations
        assert placed.cores == cores


@pytest.mark.parametrize(
    ("targets", "bits", "index", "words", "axons"),
    [
        (10, 8, 0, 2, 4096),
        (50, 8, 0, 7, 2340),
        (64, 8, 0, 9, 1820),
        (100, 8, 0, 14, 1170),
        (256, 8, 0, 36, 455),
        (1024, 8, 0, 144, 113),
        (64, 8, 10, 19, 862),
        (1024, 8, 10, 304, 53),
        (1024, 4, 0, 80, 204),
        (1024, 1, 0, 32, 512),
        (144, 8, 6, 34, 481),
    ],
)
def test_words_for_each_axon_on_loihi1(targets, bits, index, words, axons):
    """nengo-loihi's bits_per_axon, and how many such axons fill a core."""
    index_bits = replace(LOIHI1.storage.dense_index_bits, value=index)
    chip = replace(LOIHI1, storage=replace(LOIHI1.storage, dense_index_bits=index_bits))
    full = place(*mlp(axons, targets), chip, inputs={"p0"}, weight_bits=bits)
    over = place(*mlp(axons + 1, targets), chip, inputs={"p0"}, weight_bits=bits)
    assert full.populations[0].synapse_words_per_core == axons * words
    assert (full.cores, full.findings) == (1, ())
    assert over.cores > 1


def test_emulated_reset_takes_two_neurons_for_one():
    """With two compartments for each neuron a core holds half as many neurons."""
    one = place(*mlp(4, 1024), LOIHI1, inputs={"p0"}, weight_bits=8)
    two = place(*mlp(4, 1024), LOIHI1, inputs={"p0"}, weight_bits=8, compartments={"p1": 2})
    assert (one.cores, two.cores) == (1, 2)


def test_projections_into_one_population_add_up():
    """A population fed twice stores both kernels and charges both axon entries."""
    shapes = {"a": (4, 8, 8), "b": (4, 8, 8)}
    once = place(shapes, [conv("a", "b", 4, 4, 3)], LOIHI2, inputs={"a"}, weight_bits=8).populations[0]
    twice = place(shapes, [conv("a", "b", 4, 4, 3)] * 2, LOIHI2, inputs={"a"}, weight_bits=8).populations[0]
    assert twice.synapse_words_per_core == 2 * once.synapse_words_per_core
    assert twice.axons_in_per_core == 2 * once.axons_in_per_core


def test_depthwise_stores_one_kernel_for_each_channel():
    """A depthwise convolution's memory is that of its own weights, not of a full kernel."""
    shapes = {"a": (16, 4, 4), "b": (16, 4, 4)}
    synapses = [conv("a", "b", 16, 1, 3, padding=(1, 1), groups=16)]
    assert place(shapes, synapses, LOIHI2, inputs={"a"}, weight_bits=8).populations[0].synapse_words_per_core == 16 * 9


def test_too_many_cores_is_found_with_the_reason():
    """E035 says by how much the chip is exceeded and what binds each population."""
    (finding,) = place(*yolo_kp(), LOIHI2, inputs={"p0"}, weight_bits=5).findings
    assert finding.code == "E035"
    assert "574 cores, chip loihi2 has 128: 446 too many" in finding.message
    assert "'p1' takes 224 (bound by neurons)" in finding.message


def test_unit_that_no_core_can_hold_is_found():
    """E036 names the population, the resource, the need and the limit; the others are placed all the same."""
    placement = place(*mlp(5000, 20, 3), LOIHI1, inputs={"p0"}, weight_bits=8)
    (finding,) = placement.findings
    assert (finding.code, finding.where) == ("E036", "population 'p1'")
    assert "5000 axons in where a core has 4096" in finding.message
    assert [p.cores for p in placement.populations] == [20, 1]


def test_loops_are_placed():
    """A population that feeds itself stores its own synapses too; two that feed each other are placed as any."""
    alone = place({"a": (4,), "b": (64,)}, [dense("a", "b", 64, 4)], LOIHI2, inputs={"a"}, weight_bits=8).populations[0]
    recurrent = [dense("a", "b", 64, 4), dense("b", "b", 64, 64)]
    itself = place({"a": (4,), "b": (64,)}, recurrent, LOIHI2, inputs={"a"}, weight_bits=8).populations[0]
    assert itself.synapse_words_per_core == 17 * alone.synapse_words_per_core
    ring = [dense("a", "b", 900, 900), dense("b", "a", 900, 900)]
    for chip in (LOIHI1, LOIHI2):
        placement = place({"a": (900,), "b": (900,)}, ring, chip, inputs=(), weight_bits=8)
        assert placement.findings == ()
        assert all(max(p.utilisation.values()) <= 1 for p in placement.populations)


@st.composite
def chips(draw) -> ChipProfile:
    """Loihi 2 with small cores, so that every limit binds somewhere."""
    return with_capacity(
        LOIHI2,
        neurons_per_core=draw(st.integers(1, 300)),
        words_per_core=draw(words := st.integers(20, 20_000)),
        vector_words_per_core=draw(words),
        axons_in_per_core=draw(st.integers(2, 16_000)),
        axons_out_per_core=draw(st.integers(1, 600)),
    )


@st.composite
def networks(draw) -> list[tuple[int, int]]:
    """Channels before and after pruning of three maps, a vector and an output."""
    before = [draw(st.integers(1, 40)) for _ in range(4)]
    return [(n, draw(st.integers(1, n))) for n in before]


def build(channels: list[int], height: int, width: int) -> tuple[dict[str, Shape], list[Synapses]]:
    """A network with a residual connection: in -> a -> b -> c, a -> c, c -> d (dense) -> e (dense)."""
    a, b, c, d = channels
    half = ((height + 1) // 2, (width + 1) // 2)
    shapes: dict[str, Shape] = {
        "in": (2, height, width),
        "a": (a, height, width),
        "b": (b, *half),
        "c": (c, *half),
        "d": (d,),
        "e": (10,),
    }
    synapses: list[Synapses] = [
        conv("in", "a", a, 2, 3, padding=(1, 1)),
        conv("a", "b", b, a, 3, (2, 2), (1, 1)),
        conv("b", "c", c, b, 3, padding=(1, 1)),
        conv("a", "c", c, a, 1, (2, 2)),
        dense("c", "d", d, prod(shapes["c"])),
        dense("d", "e", 10, d),
    ]
    return shapes, synapses


def place_built(channels: list[int], height: int, width: int, chip: ChipProfile) -> Placement:
    return place(*build(channels, height, width), chip, inputs={"in"}, weight_bits=8)


@settings(max_examples=300, deadline=None)
@given(chip=chips(), channels=networks(), height=st.integers(1, 20), width=st.integers(1, 20))
def test_pruning_never_takes_more_cores(chip, channels, height, width):
    """On a chip whose out-axons are not counted by core, maps and vectors on one core take no more after pruning."""
    before = place_built([n for n, _ in channels], height, width, chip)
    after = place_built([kept for _, kept in channels], height, width, chip)
    for old, new in zip(before.populations, after.populations, strict=True):
        assert new.cores <= old.cores or (len(old.tile) == 1 and old.cores > 1)
    assert len(after.findings) <= len(before.findings)


@settings(max_examples=150, deadline=None)
@given(
    chip=chips() | st.just(LOIHI1) | st.just(LOIHI2),
    channels=st.lists(st.integers(1, 70), min_size=4, max_size=4),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
)
def test_tiles_cover_the_population_and_fit_their_cores(chip, channels, height, width):
    """Tiles times cores hold every neuron, cores are numbered without gaps, and no core is overfull."""
    shapes, _ = build(channels, height, width)
    placement = place_built(channels, height, width, chip)
    assert placement == place_built(channels, height, width, chip)
    too_large = {finding.where for finding in placement.findings if finding.code == "E036"}
    first = 0
    for p in placement.populations:
        assert all(part <= whole for part, whole in zip(p.tile, shapes[p.name], strict=True))
        assert p.cores * prod(p.tile) >= prod(shapes[p.name])
        assert p.cores >= prod(ceil(whole / part) for whole, part in zip(shapes[p.name], p.tile, strict=True))
        assert p.first_core == first
        assert (max(p.utilisation.values()) > 1) == (f"population {p.name!r}" in too_large)
        assert p.utilisation[p.binding] == max(p.utilisation.values())
        first += p.cores
    assert first == placement.cores
