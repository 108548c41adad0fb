"""A .net file follows lava-dl's layout, netx runs it as the emulator does, and what it cannot hold is E038."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from spear_deploy.errors import UnsupportedError
from spear_deploy.lower.compose import ConvSynapses, DenseSynapses, Synapses
from spear_deploy.lower.netx import write_net
from spear_deploy.lower.program import ChipPopulation, ChipProgram, ChipProjection, InputPort
from spear_deploy.lower.quantise import Registers, quantise
from spear_deploy.network import Network
from spear_deploy.network.ops import Shape, window_count
from spear_deploy.simulate.emulator import Emulator

SAMPLES, STEPS = 2, 16
RUN_NETX = Path(__file__).with_name("run_netx.py")


def chain(port: InputPort, *layers: tuple[Synapses, int, dict[str, Any]]) -> ChipProgram:
    """A program of one population for each layer: synapses, exponent, and registers besides the defaults."""
    populations, projections, shape = [], [], port.shape
    for level, (synapses, exponent, registers) in enumerate(layers, 1):
        shape = target_shape(synapses, shape)
        values = {"du": 4095, "dv": 100, "vth": 300, "bias_mant": 0, "bias_exp": 0} | registers
        arrays = {name: np.asarray(value, np.int32) for name, value in values.items()}
        populations.append(ChipPopulation(synapses.target, shape, "lif", level, 1.0, **arrays))
        projections.append(ChipProjection(synapses, exponent, 0))
    return ChipProgram("loihi2", (port,), tuple(populations), tuple(projections), (populations[-1].name,))


def target_shape(synapses: Synapses, source: Shape) -> Shape:
    weight = synapses.weight
    if isinstance(synapses, DenseSynapses):
        return (len(weight),)
    sizes = zip(source[1:], weight.shape[2:], synapses.stride, synapses.padding, synapses.dilation, strict=True)
    return (len(weight), *(window_count(*size) for size in sizes))


def small(**registers: Any) -> ChipProgram:
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


def findings(program: ChipProgram, folder: Path) -> list[str]:
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


def dense(weight: Any, exponent: int = 0, **registers: Any) -> ChipProgram:
    """One dense layer."""
    synapses = DenseSynapses("w", "in", "p", np.asarray(weight, np.int16))
    return chain(InputPort("in", (synapses.weight.shape[1],), 1), (synapses, exponent, registers))


def conv(weight: Any, exponent: int = 0, **geometry: Any) -> ChipProgram:
    """One convolution of a single pixel for each input channel."""
    synapses = ConvSynapses("w", "in", "p", np.asarray(weight, np.int16)[:, :, None, None], **geometry)
    return chain(InputPort("in", (synapses.weight.shape[1] * synapses.groups, 1, 1), 1), (synapses, exponent, {}))


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (dense([[0, 0]]), "all its weights are zero"),
        (dense([[-64, -3]]), "reach -64, a power of two"),
        (dense([[0, -2]], 2), "reach -8, a power of two"),
        (dense([[127, -3]], 2), "weights -12 to 508 lie outside -256 to 254"),
        (conv([[127, -3]], 2), "weights -12 to 508 lie outside"),
        (conv([[1]] * 128, groups=128), "groups of 128 exceeds 127"),
        (dense([[1, 2]], bias_mant=65), "no multiple of 64"),
        (dense([[1, 2]], bias_mant=-4095, bias_exp=7), "exceeds 4095 * 64"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refuses_what_netx_would_change(program: ChipProgram, message: str, tmp_path: Path) -> None:
    """Values that netx clips, cannot scale or runs wrongly are refused, each with the one reason."""
    (found,) = findings(program, tmp_path)
    assert message in found


@pytest.mark.parametrize(
    "program",
    [
        dense([[127, -127]], 1),
        dense([[-63, 0]], 1),
        dense([[-3, -5]]),
        dense([[64, 64]], 1),
        dense([[1, -1]], bias_mant=[-1], bias_exp=6),
        conv([[0]]),
        conv([[-64, 0]], 2),
    ],
)
def test_accepts_the_neighbours_of_what_it_refuses(program: ChipProgram, tmp_path: Path) -> None:
    """The limits are no narrower than netx's."""
    write_net(tmp_path / "accepted.net", program)
    assert (tmp_path / "accepted.net").is_file()


def test_lists_all_findings_at_once(tmp_path: Path) -> None:
    """A graph that is no chain, readouts and values: one error names them all."""
    matrix = np.ones((4, 4), np.int16)
    program = chain(
        InputPort("in", (4, 1, 1), 1),
        (DenseSynapses("first", "in", "p1", matrix), 0, {"bias_mant": 1}),
        (DenseSynapses("second", "p1", "p2", np.zeros((4, 4), np.int16)), 0, {}),
        (DenseSynapses("third", "p2", "p3", matrix), 0, {}),
    )
    last = replace(program.populations[2], kind="readout")
    skip = ChipProjection(DenseSynapses("skip", "in", "p3", matrix), 0, 2)
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
        "population 'p3'",
        "projection 'skip'",
        "projection 'second'",
        "population 'p1'",
    ]


def test_convolution_behind_a_dense_layer(tmp_path: Path) -> None:
    """netx has no way back from a vector to a map."""
    first = DenseSynapses("first", "in", "p1", np.ones((4, 2), np.int16))
    second = ConvSynapses("second", "p1", "p2", np.ones((1, 1, 1, 1), np.int16))
    program = chain(InputPort("in", (2,), 1), (first, 0, {}))
    before = replace(program.populations[0], shape=(1, 2, 2))
    after = replace(before, name="p2", level=2)
    program = replace(
        program, populations=(before, after), projections=(*program.projections, ChipProjection(second, 0, 0))
    )
    (found,) = findings(program, tmp_path)
    assert found.startswith("projection 'first'")


def test_quantised_with_small_exponents(untrained_network: Network, tmp_path: Path) -> None:
    """A network without biases fits if quantisation keeps the exponents of its weights at 1 or below."""
    refused = quantise(untrained_network, "loihi2", Registers(), {}).program
    assert all("netx has no weight exponent" in text for text in findings(refused, tmp_path))
    accepted = quantise(untrained_network, "loihi2", Registers(max_weight_exponent=1), {}).program
    write_net(tmp_path / "network.net", accepted)
    assert (tmp_path / "network.net").is_file()


KINDS = {
    "dense": ("dense",),
    "denses": ("dense", "dense", "dense"),
    "conv": ("conv",),
    "convs": ("conv", "grouped"),
    "conv-dense": ("conv", "dense"),
    "grouped-conv-dense-dense": ("grouped", "conv", "dense", "dense"),
}


def random_chain(rng: np.random.Generator, kinds: tuple[str, ...], max_value: int) -> ChipProgram:
    """Layers of all geometries, signs and exponents that the format takes; biases, and registers of single neurons."""
    port = InputPort("in", (2, 7, 6) if kinds[0] != "dense" else (20,), max_value)
    layers, shape = [], port.shape
    for level, kind in enumerate(kinds, 1):
        ends = (f"w{level}", f"p{level - 1}" if level > 1 else "in", f"p{level}")
        low, high = ((-127, 127), (0, 127), (-127, 100))[rng.integers(3)]
        if kind == "dense":
            weight = rng.integers(low, high + 1, (8, int(np.prod(shape))))
            synapses: Synapses = DenseSynapses(*ends, weight.astype(np.int16))
        else:
            groups = 2 if kind == "grouped" else 1
            weight = rng.integers(low, high + 1, (4, shape[0] // groups, 3, 2)).astype(np.int16)
            synapses = ConvSynapses(*ends, weight, (1, 1 + level % 2), (1, 2), (1, 2), groups)
        shape = target_shape(synapses, shape)
        exponent = int(rng.integers(0, 2))
        drive = typical_sum(weight) * (max(1, max_value // 2) if level == 1 else 1) << exponent
        registers = {
            "du": register(rng, shape, 2500, 4096),
            "dv": register(rng, shape, 0, 1000),
            "vth": register(rng, shape, drive // 4, 3 * drive // 2),
            "bias_mant": register(rng, shape, -drive // 5, drive // 5),
            "bias_exp": 6,
        }
        layers.append((synapses, exponent, registers))
    return chain(port, *layers)


def typical_sum(weight: NDArray[Any]) -> int:
    """What arrives at a neuron when about a third of its inputs are active."""
    rows = weight.reshape(len(weight), -1).astype(np.float64)
    return int(np.mean(0.3 * np.abs(rows.sum(axis=1)) + 0.5 * np.linalg.norm(rows, axis=1)))


def register(rng: np.random.Generator, shape: Shape, low: int, high: int) -> NDArray[np.int64]:
    """One value for all neurons, for each channel, or for each neuron."""
    each = [(), (shape[0], *(1 for _ in shape[1:])), shape][rng.integers(3)]
    values = np.asarray(rng.integers(low, high, each))
    return np.broadcast_to(values, shape) if each else values


@pytest.fixture(scope="module")
def netx_python() -> str:
    """An interpreter with lava-nc and lava-dl; tests that need it are skipped without."""
    python = os.environ.get("SPEAR_DEPLOY_NETX_PYTHON")
    if not python:
        pytest.skip("SPEAR_DEPLOY_NETX_PYTHON names no interpreter with lava-nc and lava-dl")
    probe = [python, "-c", "import importlib.metadata; importlib.metadata.version('lava-dl'); import lava.proc"]
    if subprocess.run(probe, capture_output=True, check=False).returncode != 0:
        pytest.skip(f"lava-dl cannot be imported by {python}")
    return python


@pytest.mark.slow
@pytest.mark.parametrize("max_value", [1, 15], ids=["binary", "graded"])
@pytest.mark.parametrize("kinds", KINDS.values(), ids=KINDS)
def test_netx_gives_the_emulators_spikes(
    kinds: tuple[str, ...], max_value: int, netx_python: str, tmp_path: Path
) -> None:
    """netx loads the file, and every spike of the last layer is the emulator's, in several samples."""
    rng = np.random.default_rng(len(kinds))
    program = random_chain(rng, kinds, max_value)
    (port,) = program.inputs
    size = (STEPS, SAMPLES, *port.shape)
    x = rng.integers(1, max_value + 1, size) * (rng.random(size) < 0.4)
    expected = Emulator(program).run({"in": x.astype(np.uint8)}).spikes[program.outputs[0]]
    assert 0 < expected.mean() < 1
    measured = run_netx(netx_python, program, x, tmp_path)
    np.testing.assert_array_equal(measured, expected)


def run_netx(python: str, program: ChipProgram, x: NDArray[np.int64], folder: Path) -> NDArray[np.int64]:
    """Run payloads (T, B, *shape) sample after sample; return the last population's spikes (T, B, *shape).

    Layer k lags k steps behind the input, and a neuron-less input layer wants the reset offset 1.
    """
    depth, shape = len(program.populations), program.populations[-1].shape
    stream = x.swapaxes(0, 1).reshape(SAMPLES * STEPS, *program.inputs[0].shape)
    stream = np.concatenate([stream, np.zeros((depth, *stream.shape[1:]), stream.dtype)])
    write_net(folder / "chain.net", program)
    bits = program.inputs[0].max_value.bit_length() if program.inputs[0].max_value > 1 else 0
    np.savez(folder / "chain.npz", x=stream.T, message_bits=bits, reset_interval=STEPS)
    subprocess.run([python, str(RUN_NETX), str(folder)], check=True, timeout=120)
    sent: NDArray[np.int64] = np.load(folder / "chain.npy").T[depth:]
    return sent.reshape(SAMPLES, STEPS, *shape).swapaxes(0, 1)
