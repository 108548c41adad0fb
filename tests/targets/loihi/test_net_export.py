"""A .net file follows lava-dl's layout, netx runs it as the emulator does, and what it cannot hold is E038."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from spear_deploy.errors import UnsupportedError
from spear_deploy.frontends.net.limits import bits_problem, loading_problem
from spear_deploy.network import Conv2d, Flatten, Linear, Network, SumPool2d
from spear_deploy.network.ops import Shape, window_count
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses
from spear_deploy.targets.loihi.emulator.emulator import LoihiEmulator
from spear_deploy.targets.loihi.net_export import write_net
from spear_deploy.targets.loihi.program import InputPort, LoihiPopulation, LoihiProgram, LoihiProjection
from spear_deploy.targets.loihi.quantise import quantise
from spear_deploy.targets.ports import InputRange
from tests.frontends.net.net_interpreter import interpret
from tests.strategies import REGISTERS, Builder, weights
from tests.targets.loihi.netx_runs import netx_python, run_netx, with_netx

__all__ = ["netx_python"]

SAMPLES, STEPS = 2, 16
SEED = 20


def chain(port: InputPort, *layers: tuple[Synapses, int, dict[str, Any]]) -> LoihiProgram:
    """A program of one population for each layer: synapses, exponent, and registers besides the defaults."""
    populations, projections, shape = [], [], port.shape
    for depth, (synapses, exponent, registers) in enumerate(layers, 1):
        shape = target_shape(synapses, shape)
        values = {"du": 4095, "dv": 100, "vth": 300, "bias_mant": 0, "bias_exp": 0} | registers
        arrays = {name: np.asarray(value, np.int32) for name, value in values.items()}
        populations.append(LoihiPopulation(synapses.target, shape, "lif", depth, np.asarray(1.0), **arrays))
        projections.append(LoihiProjection(synapses, exponent, 0))
    return LoihiProgram("loihi2", (port,), tuple(populations), tuple(projections), (populations[-1].name,))


def joined(program: LoihiProgram, *projections: tuple[Synapses, int]) -> LoihiProgram:
    """The program with more projections, (synapses, delay) each."""
    added = tuple(LoihiProjection(synapses, 0, delay) for synapses, delay in projections)
    return replace(program, projections=(*program.projections, *added))


def target_shape(synapses: Synapses, source: Shape) -> Shape:
    weight = synapses.weight
    if isinstance(synapses, DenseSynapses):
        return (len(weight),)
    sizes = zip(source[1:], weight.shape[2:], synapses.stride, synapses.padding, synapses.dilation, strict=True)
    return (len(weight), *(window_count(*size) for size in sizes))


def small(**registers: Any) -> LoihiProgram:
    """A convolution of a 2 x 3 x 4 map into 2 x 2 x 2, and a dense layer of 3 neurons that takes ``registers``."""
    conv = ConvSynapses("w1", "in", "p1", np.arange(-8, 8).reshape(2, 2, 2, 2).astype(np.int16), (1, 2))
    dense = DenseSynapses("w2", "p1", "p2", np.arange(24).reshape(3, 8).astype(np.int16) - 9)
    first = {"du": 2047, "bias_mant": np.arange(2)[:, None, None] * np.ones((2, 2, 2)), "bias_exp": 6}
    return chain(InputPort("in", (2, 3, 4), 1), (conv, 1, first), (dense, 0, registers))


def contents(path: Path) -> dict[str, Any]:
    """All data sets by name."""
    found: dict[str, Any] = {}

    def visit(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()]

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return found


def findings(program: LoihiProgram, folder: Path) -> list[str]:
    """What the export of a program is refused for; no file is left."""
    with pytest.raises(UnsupportedError) as raised:
        write_net(folder / "refused.net", program)
    assert {finding.code for finding in raised.value.findings} == {"E038"}
    assert not list(folder.iterdir())
    return [f"{finding.where}: {finding.message}" for finding in raised.value.findings]


def test_layout(tmp_path: Path) -> None:
    """Layers, geometry, weights with their exponent applied, neurons, and biases in units of 64."""
    program = small(vth=np.array([5, 6, 7]))
    write_net(tmp_path / "small.net", program)
    found = contents(tmp_path / "small.net")
    neuron = {"type", "iDecay", "vDecay", "vThMant", "refDelay", "gradedSpike"}
    conv = {"inChannels", "outChannels", "kernelSize", "stride", "padding", "dilation", "groups", "weight", "bias"}
    assert set(found) == {
        *(f"layer/{index}/{name}" for index in range(4) for name in ("type", "shape")),
        *(f"layer/{index}/neuron/{name}" for index in (1, 3) for name in neuron),
        *(f"layer/1/{name}" for name in conv),
        *(f"layer/3/{name}" for name in ("inFeatures", "outFeatures", "weight")),
    }
    types = [found[f"layer/{index}/type"] for index in range(4)]
    assert [value.dtype for value in types] == [np.dtype("S10")] * 4
    assert [value.tolist() for value in types] == [[b"input"], [b"conv"], [b"flatten"], [b"dense"]]
    shapes = [found[f"layer/{index}/shape"].tolist() for index in range(4)]
    assert shapes == [[2, 3, 4], [2, 2, 2], [8], [3]]
    np.testing.assert_array_equal(found["layer/1/weight"], program.projections[0].synapses.weight * 2)
    np.testing.assert_array_equal(found["layer/3/weight"], program.projections[1].synapses.weight)
    assert found["layer/1/stride"].tolist() == [1, 2]
    assert found["layer/1/bias"].tolist() == [0, 1]
    assert found["layer/1/neuron/type"].tolist() == [b"CUBA"]
    assert (found["layer/1/neuron/iDecay"], found["layer/1/neuron/vDecay"]) == (2048, 100)
    assert found["layer/3/neuron/vThMant"].tolist() == [5, 6, 7]


def test_neurons_that_differ_within_a_channel(tmp_path: Path) -> None:
    """Registers of single neurons of a map are stored in netx's (W, H, C)."""
    thresholds = np.arange(8).reshape(2, 2, 2) + 1
    program = small()
    first = replace(program.populations[0], vth=thresholds.astype(np.int32))
    write_net(tmp_path / "small.net", replace(program, populations=(first, program.populations[1])))
    found = contents(tmp_path / "small.net")
    np.testing.assert_array_equal(found["layer/1/neuron/vThMant"], thresholds.T)


def test_dense_layers_need_no_flattening(tmp_path: Path) -> None:
    """A dense layer that reads a map of input takes it flattened, one that reads a dense layer as it is."""
    first = DenseSynapses("w1", "in", "p1", np.ones((5, 24), np.int16))
    second = DenseSynapses("w2", "p1", "p2", np.ones((2, 5), np.int16))
    write_net(tmp_path / "dense.net", chain(InputPort("in", (2, 3, 4), 1), (first, 0, {}), (second, 0, {})))
    found = contents(tmp_path / "dense.net")
    assert [found[f"layer/{index}/type"].tolist() for index in range(3)] == [[b"input"], [b"dense"], [b"dense"]]
    assert found["layer/0/shape"].tolist() == [24]
    assert "layer/3/type" not in found


def test_bytes_are_a_function_of_the_program(tmp_path: Path) -> None:
    """Equal programs give equal files."""
    write_net(tmp_path / "first.net", small())
    write_net(tmp_path / "second.net", small())
    assert (tmp_path / "first.net").read_bytes() == (tmp_path / "second.net").read_bytes()


def dense(weight: Any, exponent: int = 0, **registers: Any) -> LoihiProgram:
    """One dense layer."""
    synapses = DenseSynapses("w", "in", "p", np.asarray(weight, np.int16))
    return chain(InputPort("in", (synapses.weight.shape[1],), 1), (synapses, exponent, registers))


def conv(weight: Any, exponent: int = 0, **geometry: Any) -> LoihiProgram:
    """One convolution of a single pixel for each input channel."""
    synapses = ConvSynapses("w", "in", "p", np.asarray(weight, np.int16)[:, :, None, None], **geometry)
    return chain(InputPort("in", (synapses.weight.shape[1] * synapses.groups, 1, 1), 1), (synapses, exponent, {}))


def fed_back(lag: int = 1, weight: Any = ((0, 1), (1, 0)), **registers: Any) -> LoihiProgram:
    """Two neurons that hear each other ``lag`` steps later."""
    back = DenseSynapses("back", "p", "p", np.asarray(weight, np.int16))
    return joined(dense([[1, -2], [3, 4]], **registers), (back, lag - 1))


def delayed(*delays: int, **registers: Any) -> LoihiProgram:
    """Two layers; each neuron of the first, which takes ``registers``, feeds the second at a delay of its own."""
    size = len(delays)
    first = DenseSynapses("w1", "in", "p1", np.ones((size, 2), np.int16))
    whole = DenseSynapses("w2", "p1", "p2", np.arange(size, dtype=np.int16)[None] * -8 + 5)
    program = chain(InputPort("in", (2,), 1), (first, 0, registers), (whole, 0, {}))
    one = np.eye(size, dtype=np.int16)
    parts = [(replace(whole, name=f"w2.{i}", weight=whole.weight * one[i]), d) for i, d in enumerate(delays)]
    return joined(replace(program, projections=program.projections[:1]), *parts)


def with_neurons(program: LoihiProgram, **fields: Any) -> LoihiProgram:
    """The program with fields of its last population replaced."""
    return replace(program, populations=(*program.populations[:-1], replace(program.populations[-1], **fields)))


MAP_LOOP = joined(conv([[1, 1]]), (ConvSynapses("back", "p", "p", np.ones((1, 1, 1, 1), np.int16)), 0))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (dense([[0, 0]]), "all its weights are zero"),
        (dense([[-64, -3]]), "load its weight -64 as -63"),
        (dense([[0, -2]], 2), "load its weight -8 as -4"),
        (dense([[127, -3]], 2), "weights -12 to 508 lie outside -256 to 254"),
        (dense([[128, 3]], 1), "weights 6 to 256 lie outside -256 to 255"),
        (dense([[-1, 129]]), "9 bits"),
        (dense([[0, -129]]), "9 bits"),
        (conv([[127, -3]], 2), "weights -12 to 508 lie outside"),
        (conv([[129, -3]]), "9 bits"),
        (conv([[1]] * 128, groups=128), "groups of 128 exceeds 127"),
        (dense([[1, 2]], bias_mant=65), "not a multiple of 64"),
        (dense([[1, 2]], bias_mant=-4095, bias_exp=7), "exceeds 4095 * 64"),
        (fed_back(2), "hears itself after 2 steps"),
        (fed_back(weight=[[-128, 0], [0, -2]]), "load its weight -128 as -127.5"),
        (fed_back(weight=[[0, 253], [0, 0]]), "9 bits"),
        (fed_back(bias_mant=301, bias_exp=6), "fire before a sample begins"),
        (
            joined(fed_back(), (DenseSynapses("again", "p", "p", np.eye(2, dtype=np.int16)[::-1]), 0)),
            "same two neurons",
        ),
        (MAP_LOOP, "as matrices only"),
        (delayed(0, 63), "arrive 63 steps late"),
        (delayed(0, 1, bias_mant=301, bias_exp=6), "fire before a sample begins"),
        (joined(dense([[1, 2]]), (DenseSynapses("w2", "in", "p", np.ones((1, 2), np.int16)), 1)), "same two neurons"),
        (
            joined(fed_back(), (DenseSynapses("w2", "in", "p", np.zeros((2, 2), np.int16)), 1)),
            "loses the weight exponent",
        ),
        (with_neurons(dense([[1, 2]]), reset="subtract"), "resets by subtraction; netx"),
        (with_neurons(dense([[1, 2]]), reset_delay=True), "resets to zero, a step after the spike"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refuses_what_netx_would_change(program: LoihiProgram, message: str, tmp_path: Path) -> None:
    """What netx clips, cannot scale, does not have or runs wrongly is refused, each with the one reason."""
    (found,) = findings(program, tmp_path)
    assert message in found


def test_delayed_convolution(tmp_path: Path) -> None:
    """netx ignores the delay of a convolution."""
    program = conv([[1, 1]])
    late = replace(program.projections[0], delay=1)
    (found,) = findings(replace(program, projections=(late,)), tmp_path)
    assert "ignores delays of convolutions" in found


@pytest.mark.parametrize(
    "program",
    [
        dense([[127, -127]], 1),
        dense([[-63, 0]], 1),
        dense([[-3, -5]]),
        dense([[64, 64]], 1),
        dense([[255, 0]]),
        dense([[-255, -1]]),
        dense([[1, -1]], bias_mant=[-1], bias_exp=6),
        conv([[0]]),
        conv([[-64, 0]], 2),
        conv([[255, 0]]),
        fed_back(weight=[[-127, 0], [127, 0]]),
        fed_back(bias_mant=300, bias_exp=6),
        delayed(62, 61, 0),
        delayed(1, bias_mant=300, bias_exp=6),
    ],
)
def test_accepts_the_neighbours_of_what_it_refuses(program: LoihiProgram, tmp_path: Path) -> None:
    """The limits are no narrower than netx's."""
    write_net(tmp_path / "accepted.net", program)
    assert (tmp_path / "accepted.net").is_file()


def test_layout_of_recurrence_and_delays(tmp_path: Path) -> None:
    """Parallel projections are one matrix of weights and one of delays; a loop of one population is dense_rec."""
    write_net(tmp_path / "back.net", fed_back(weight=[[0, 7], [-8, 0]]))
    found = contents(tmp_path / "back.net")
    assert found["layer/1/type"].tolist() == [b"dense_rec"]
    assert found["layer/1/weight_rec"].tolist() == [[0, 7], [-8, 0]]
    assert "layer/1/delay" not in found
    write_net(tmp_path / "late.net", delayed(4, 9))
    found = contents(tmp_path / "late.net")
    assert found["layer/2/type"].tolist() == [b"dense"]
    assert found["layer/2/weight"].tolist() == [[5, -3]]
    assert found["layer/2/delay"].tolist() == [[4, 9]]


def test_lists_all_findings_at_once(tmp_path: Path) -> None:
    """A graph that is not a chain, readouts and values: one error names them all."""
    matrix = np.ones((4, 4), np.int16)
    program = chain(
        InputPort("in", (5, 1, 1), 1),
        (DenseSynapses("first", "in", "p1", np.ones((4, 5), np.int16)), 0, {"bias_mant": 1}),
        (DenseSynapses("second", "p1", "p2", np.zeros((4, 4), np.int16)), 0, {}),
        (DenseSynapses("third", "p2", "p3", matrix), 0, {}),
    )
    last = replace(program.populations[2], kind="readout")
    skip = LoihiProjection(DenseSynapses("skip", "in", "p3", np.ones((4, 5), np.int16)), 0, 2)
    program = replace(
        program,
        inputs=(*program.inputs, InputPort("unused", (1,), 1)),
        populations=(*program.populations[:2], last),
        projections=(*program.projections, skip),
    )
    places = [text.split(": ")[0] for text in findings(program, tmp_path)]
    assert places == [
        "input 'unused'",
        "population 'in'",
        "population 'p3'",
        "population 'p1'",
        "population 'p3'",
        "population 'p2'",
    ]


def test_convolution_behind_a_dense_layer(tmp_path: Path) -> None:
    """netx has no way back from a vector to a map."""
    first = DenseSynapses("first", "in", "p1", np.ones((4, 2), np.int16))
    second = ConvSynapses("second", "p1", "p2", np.ones((1, 1, 1, 1), np.int16))
    program = chain(InputPort("in", (2,), 1), (first, 0, {}))
    before = replace(program.populations[0], shape=(1, 2, 2))
    after = replace(before, name="p2", depth=2)
    program = replace(
        program, populations=(before, after), projections=(*program.projections, LoihiProjection(second, 0, 0))
    )
    (found,) = findings(program, tmp_path)
    assert found.startswith("population 'p1'")


def test_quantised_within_the_limits(untrained_network: Network, tmp_path: Path) -> None:
    """A network fits if quantisation keeps to the format's exponents."""
    program = quantise(untrained_network, "loihi2", REGISTERS, {}).program
    refused = replace(program, projections=tuple(replace(p, exponent=p.exponent + 2) for p in program.projections))
    assert all("netx has no weight exponent" in text for text in findings(refused, tmp_path))
    write_net(tmp_path / "network.net", quantise(untrained_network, "loihi2", REGISTERS.within_net(), {}).program)
    assert (tmp_path / "network.net").is_file()


KINDS = {
    "dense": ("dense",),
    "denses": ("dense", "dense", "dense"),
    "conv": ("conv",),
    "convs": ("conv", "grouped"),
    "conv-dense": ("conv", "dense"),
    "grouped-conv-dense-dense": ("grouped", "conv", "dense", "dense"),
}
TIMED = {
    "recurrent": ("recurrent",),
    "recurrents": ("recurrent", "recurrent"),
    "delayed": ("delayed",),
    "delayeds": ("dense", "delayed", "delayed"),
    "conv-delayed-recurrent-dense": ("conv", "delayed", "recurrent", "dense"),
}


def random_chain(rng: np.random.Generator, kinds: tuple[str, ...], max_value: int) -> LoihiProgram:
    """Layers of all geometries, signs and exponents that the format takes; biases, and registers of single neurons."""
    port = InputPort("in", (2, 7, 6) if kinds[0] in ("conv", "grouped") else (20,), max_value)
    layers, shape = [], port.shape
    is_timed = bool({"recurrent", "delayed"} & set(kinds))
    for level, kind in enumerate(kinds, 1):
        ends = (f"w{level}", f"p{level - 1}" if level > 1 else "in", f"p{level}")
        signs = ((-127, 127, 1), (0, 127, 1), (-127, 100, 1), (0, 255, 0), (-255, -1, 0))
        low, high, most = signs[rng.integers(3 if is_timed else len(signs))]
        if kind in ("conv", "grouped"):
            groups = 2 if kind == "grouped" else 1
            weight = rng.integers(low, high + 1, (4, shape[0] // groups, 3, 2)).astype(np.int16)
            synapses: Synapses = ConvSynapses(*ends, weight, (1, 1 + level % 2), (1, 2), (1, 2), groups)
        else:
            synapses = DenseSynapses(*ends, rng.integers(low, high + 1, (8, prod(shape))).astype(np.int16))
        shape = target_shape(synapses, shape)
        exponent = int(rng.integers(0, most + 1))
        drive = typical_sum(synapses.weight) * (max(1, max_value // 2) if level == 1 else 1) << exponent
        loudest = drive // (48 if is_timed else 5)  # biases alone must not make a timed chain fire
        registers = {
            "du": register(rng, shape, 2500, 4096),
            "dv": register(rng, shape, 0, 1000),
            "vth": register(rng, shape, drive // 8 if is_timed else drive // 4, drive if is_timed else 3 * drive // 2),
            "bias_mant": register(rng, shape, -loudest, min(4095, loudest + (high < 0) * drive)),
            "bias_exp": 6,
        }
        layers.append((synapses, exponent, registers))
    program = chain(port, *layers)
    projections = [part for p, kind in zip(program.projections, kinds, strict=True) for part in timed(rng, p, kind)]
    return replace(program, projections=tuple(projections))


def timed(rng: np.random.Generator, projection: LoihiProjection, kind: str) -> list[LoihiProjection]:
    """The projection, split by random delays, or with one from its target back to it."""
    synapses = projection.synapses
    if kind == "delayed":
        delay = rng.choice([0, 2, 5], synapses.weight.shape)
        parts = [(int(d), np.where(delay == d, synapses.weight, 0)) for d in np.unique(delay)]
        return [
            replace(projection, synapses=replace(synapses, name=f"{synapses.name}.{d}", weight=part), delay=d)
            for d, part in parts
        ]
    if kind == "recurrent":
        size = len(synapses.weight)
        weight = rng.integers(-100, 101, (size, size)).astype(np.int16)
        back = DenseSynapses(f"{synapses.name}.back", synapses.target, synapses.target, weight)
        return [projection, replace(projection, synapses=back)]
    return [projection]


def typical_sum(weight: NDArray[Any]) -> int:
    """What arrives at a neuron when about a third of its inputs are active."""
    rows = weight.reshape(len(weight), -1).astype(np.float64)
    return int(np.mean(0.3 * np.abs(rows.sum(axis=1)) + 0.5 * np.linalg.norm(rows, axis=1)))


def register(rng: np.random.Generator, shape: Shape, low: int, high: int) -> NDArray[np.int64]:
    """One value for all neurons, for each channel, or for each neuron."""
    each = [(), (shape[0], *(1 for _ in shape[1:])), shape][rng.integers(3)]
    values = np.asarray(rng.integers(low, high, each))
    return np.broadcast_to(values, shape) if each else values


def random_input(rng: np.random.Generator, program: LoihiProgram, samples: int, steps: int) -> NDArray[np.uint8]:
    """Payloads (T, B, \\*shape)."""
    (port,) = program.inputs
    size = (steps, samples, *port.shape)
    return (rng.integers(1, port.max_value + 1, size) * (rng.random(size) < 0.4)).astype(np.uint8)


def interpreted(program: LoihiProgram, x: NDArray[np.uint8], folder: Path) -> NDArray[Any]:
    """The spikes of the last layer that the file of a program stands for, (T, B, \\*shape)."""
    write_net(folder / "program.net", program)
    samples = [interpret(folder / "program.net", x[:, sample])[-1][0] for sample in range(x.shape[1])]
    return np.stack(samples, axis=1)


@pytest.mark.parametrize("max_value", [1, 15], ids=["binary", "graded"])
@pytest.mark.parametrize("kinds", (KINDS | TIMED).values(), ids=KINDS | TIMED)
def test_file_stands_for_the_program(kinds: tuple[str, ...], max_value: int, tmp_path: Path) -> None:
    """What a file says, read by the book, are the emulator's spikes, in every kind of chain."""
    rng = np.random.default_rng(SEED + len(kinds))
    program = random_chain(rng, kinds, max_value)
    x = random_input(rng, program, 2, 30)
    expected = LoihiEmulator(program).run({"in": x}).spikes[program.outputs[0]]
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(interpreted(program, x, tmp_path), expected)


FLOATS = ["conv-pool-conv", "pool-dense", "dense-recurrent-dense", "dense-delayed-dense"]


def float_chain(rng: np.random.Generator, kind: str) -> Network:
    """A network of float parameters: pooling between layers, or recurrence, or a delay; vectors behind maps."""
    build = Builder(rng, (2, 8, 8))
    match kind:
        case "conv-pool-conv":
            build.add((build.same(3),))
            build.add((SumPool2d((2, 2), (2, 2)), build.same(4)))
            build.add((SumPool2d((2, 2), (2, 2)), Conv2d(weights(rng, 3, 4, 2, 2))))
        case "pool-dense":
            build.add((build.same(3),))
            build.add((SumPool2d((2, 2), (2, 2)), Flatten(), Linear(weights(rng, 9, 48))))
        case "dense-recurrent-dense":
            build.add((Flatten(), Linear(weights(rng, 12, 128))), **silent(12))
            build.feed_back((Linear(weights(rng, 12, 12) - np.float32(0.1)),), 1)
        case _:
            build.add((Flatten(), Linear(weights(rng, 12, 128))), **silent(12))
            build.add((Linear(weights(rng, 12, 12)),), delay=3, **silent(12))
    build.add((*((Flatten(),) if len(build.last.shape) == 3 else ()), Linear(weights(rng, 5, build.last.size))))
    return build.network()


def silent(size: int) -> dict[str, NDArray[np.float32]]:
    """No bias: an early spike could not be cleared."""
    return {name: np.zeros(size, np.float32) for name in ("bias", "reset_value")} | {
        "threshold": np.full(size, 0.8, np.float32)
    }


@pytest.mark.parametrize("kind", FLOATS)
def test_file_stands_for_the_quantised_network(kind: str, tmp_path: Path) -> None:
    """Networks of float weights, pooled, with biases, recurrent or delayed, fit once quantised within the limits."""
    rng = np.random.default_rng(len(kind))
    program = quantise(float_chain(rng, kind), "loihi2", REGISTERS.within_net(), {"in": InputRange()}).program
    x = random_input(rng, program, 2, 20)
    expected = LoihiEmulator(program).run({"in": x}).spikes[program.outputs[0]]
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(interpreted(program, x, tmp_path), expected)


def measured(program: LoihiProgram, x: NDArray[np.uint8], python: str, folder: Path, every: int) -> NDArray[Any]:
    """What netx's last layer sends on payloads (steps, \\*shape), with all neurons reset ``every`` so many steps."""
    write_net(folder / "program.net", program)
    is_map = isinstance(program.projections[0].synapses, ConvSynapses)
    fed = x if is_map else x.reshape(len(x), -1)
    how = {"depth": len(program.populations), "reset_interval": every, "max_value": program.inputs[0].max_value}
    return run_netx(python, folder / "program.net", fed, **how)


@pytest.mark.slow
@pytest.mark.parametrize("max_value", [1, 15], ids=["binary", "graded"])
@pytest.mark.parametrize("kinds", KINDS.values(), ids=KINDS)
def test_netx_gives_the_emulators_spikes(
    kinds: tuple[str, ...], max_value: int, netx_python: str, tmp_path: Path
) -> None:
    """netx loads the file, and every spike of the last layer is the emulator's, in samples that follow each other."""
    rng = np.random.default_rng(SEED + len(kinds))
    program = random_chain(rng, kinds, max_value)
    x = random_input(rng, program, SAMPLES, STEPS)
    expected = LoihiEmulator(program).run({"in": x}).spikes[program.outputs[0]]
    assert 0 < expected.mean() < 1
    stream = x.swapaxes(0, 1).reshape(SAMPLES * STEPS, *x.shape[2:])
    sent = measured(program, stream, netx_python, tmp_path, STEPS).reshape(SAMPLES, STEPS, *expected.shape[2:])
    np.testing.assert_array_equal(sent.swapaxes(0, 1), expected)


@pytest.mark.slow
@pytest.mark.parametrize("max_value", [1, 15], ids=["binary", "graded"])
@pytest.mark.parametrize("kinds", TIMED.values(), ids=TIMED)
def test_netx_recurs_and_delays_as_the_emulator(
    kinds: tuple[str, ...], max_value: int, netx_python: str, tmp_path: Path
) -> None:
    """The same for layers that feed themselves and for matrices of delays, a sample in a run."""
    rng = np.random.default_rng(SEED + len(kinds))
    program = random_chain(rng, kinds, max_value)
    x = random_input(rng, program, 1, 30)
    expected = LoihiEmulator(program).run({"in": x}).spikes[program.outputs[0]][:, 0]
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(measured(program, x[:, 0], netx_python, tmp_path, 64), expected)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FLOATS)
def test_netx_runs_quantised_networks(kind: str, netx_python: str, tmp_path: Path) -> None:
    """The same for networks of float parameters, quantised within the limits of the format."""
    rng = np.random.default_rng(len(kind))
    program = quantise(float_chain(rng, kind), "loihi2", REGISTERS.within_net(), {"in": InputRange()}).program
    x = random_input(rng, program, 1, 20)
    expected = LoihiEmulator(program).run({"in": x}).spikes[program.outputs[0]][:, 0]
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(measured(program, x[:, 0], netx_python, tmp_path, 64), expected)


@pytest.mark.slow
def test_netx_loads_matrices_as_told(netx_python: str, tmp_path: Path) -> None:
    """Of random matrices, alone and in pairs, exactly those are refused that netx and Lava change."""
    rng = np.random.default_rng(0)
    layers: list[list[NDArray[np.int64]]] = []
    while len(layers) < 400:
        high, step = 2 ** rng.integers(0, 9), 2 ** rng.integers(0, 4)
        signs = [(-1, 1), (0, 1), (-1, 0)]
        low_high = [np.multiply(signs[rng.integers(3)], high) for _ in range(rng.integers(1, 3))]
        blocks = [rng.integers(low, up + 1, (2, 3)) * step for low, up in low_high]
        fitting = [np.where(rng.random(b.shape) < 0.3, 0, np.clip(b, -256, 254)) for b in blocks]
        if any(b.any() for b in fitting) and not bits_problem(*fitting):
            layers.append(fitting)
    stored = {f"{i:03}.{j}": block for i, blocks in enumerate(layers) for j, block in enumerate(blocks)}
    np.savez(tmp_path / "weights.npz", **stored)
    script = Path(__file__).with_name("load_weights.py")
    with_netx(netx_python, script, tmp_path)
    with np.load(tmp_path / "loaded.npz") as loaded:
        kept = [all(np.array_equal(loaded[f"{i:03}.{j}"], b) for j, b in enumerate(bs)) for i, bs in enumerate(layers)]
    assert 20 < kept.count(False) < 380
    assert kept == [not loading_problem(*blocks) for blocks in layers]
