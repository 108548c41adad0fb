"""A .net file becomes the network that netx runs, integer by integer; what has no counterpart is refused at once."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from spear_deploy.errors import InputError, SpearError, UnsupportedError
from spear_deploy.frontends.net.fields import LAYER_FIELDS
from spear_deploy.frontends.net.reader import NET_SEMANTICS, read_net
from spear_deploy.network import Conv2d, Flatten, Linear, Network, Scale
from spear_deploy.targets.loihi.emulator.emulator import LoihiEmulator
from spear_deploy.targets.loihi.net_export import write_net
from spear_deploy.targets.loihi.quantise import quantise
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.ports import InputRange
from tests.frameworks import home
from tests.frontends.net.net_interpreter import interpret
from tests.strategies import REGISTERS
from tests.targets.loihi.netx_runs import netx_python, run_netx, run_netx_encoder

__all__ = ["netx_python"]

STEPS = 24
RNG = np.random.default_rng(1)
START = RNG.bit_generator.state
NEURON = {"type": b"CUBA", "iDecay": 4096, "vDecay": 300, "vThMant": 90, "refDelay": 1, "gradedSpike": False}


@pytest.fixture(autouse=True)
def same_layers() -> None:
    """Every test draws the same layers, whichever ran before it."""
    RNG.bit_generator.state = START


def layer(kind: str, neuron: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    """Data sets of a layer; ``neuron`` overrides fields, None leaves the group out."""
    fields = {} if neuron is None else {f"neuron/{key}": value for key, value in (NEURON | neuron).items()}
    return {"type": np.array([kind], "S10"), **values, **fields}


def integers(*shape: int, low: int = -40, high: int = 60) -> NDArray[np.float32]:
    """Weights, stored as lava-dl does: integers in float32."""
    return RNG.integers(low, high + 1, shape).astype(np.float32)


def conv(shape: tuple[int, ...], weight: NDArray[Any], **values: Any) -> dict[str, Any]:
    geometry = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1}
    neuron = values.pop("neuron", {})
    return layer("conv", neuron, **({"shape": shape, "weight": weight} | geometry | values))


def dense(weight: NDArray[Any], kind: str = "dense", **values: Any) -> dict[str, Any]:
    return layer(kind, values.pop("neuron", {}), **({"shape": [len(weight)], "weight": weight} | values))


def store(path: Path, *layers: dict[str, Any]) -> Path:
    """Write layers as they are."""
    with h5py.File(path, "w") as file:
        for index, values in enumerate(layers):
            for name, value in values.items():
                file[f"layer/{index}/{name}"] = value
    return path


def maps() -> list[dict[str, Any]]:
    """Two convolutions, with all of their geometry, registers of channels and of neurons, and two matrices."""
    each = RNG.integers(60, 140, (3, 4, 4))  # (W, H, C)
    return [
        layer("input", shape=[2, 7, 5]),
        conv((4, 4, 3), integers(4, 2, 3, 3, 1), stride=[2, 1], padding=[1, 0], bias=integers(4, low=-5, high=9)),
        conv((4, 4, 3), integers(4, 2, 2, 3), groups=2, padding=[1, 2], dilation=[2, 2], neuron={"vThMant": each}),
        layer("flatten", shape=[48]),
        dense(integers(6, 48, low=-9, high=12), neuron={"iDecay": 1500, "vThMant": RNG.integers(60, 150, 6)}),
        dense(integers(5, 6), shape=[5, 1, 1], neuron={"vDecay": np.full(5, 12)}, bias=integers(5, low=-9, high=9)),
    ]


def loops() -> list[dict[str, Any]]:
    """Recurrent layers, the first fed by a row of inputs that is flattened."""
    return [
        layer("input", shape=[1, 1, 12]),
        layer("flatten", shape=[12]),
        dense(integers(8, 12), "dense_rec", weight_rec=integers(8, 8), neuron={"iDecay": 1024}),
        dense(integers(8, 8), "dense_rec", weight_rec=integers(8, 8, low=-30, high=10)),
    ]


def late() -> list[dict[str, Any]]:
    """Delays of outputs, of inputs, of each pair, and one for all."""
    return [
        dense(integers(8, 12), delay=RNG.integers(0, 9, 8).astype(np.float32)),
        dense(integers(6, 8), delay=RNG.integers(0, 4, 8)),
        dense(integers(6, 6), delay=RNG.integers(0, 3, (6, 6))),
        dense(integers(4, 6), delay=2),
    ]


def encoded() -> list[dict[str, Any]]:
    """Input neurons, which are driven through their bias, and a layer without neurons at the end."""
    return [
        layer("input", {"vDecay": 123}, shape=[3, 4, 4], weight=[76.0], bias=[-20.0]),
        conv((2, 2, 2), integers(2, 3, 3, 3)),
        layer("flatten", shape=[8]),
        dense(integers(4, 8), neuron=None),
    ]


def forgetful() -> list[dict[str, Any]]:
    """Neurons that keep nothing of their membrane, often at their thresholds, beside others that keep some."""
    neuron = {"vDecay": np.array([4096, 4096, 4096, 4096, 300, 300, 300, 300]), "vThMant": 128}
    return [
        dense(64 * integers(8, 12, low=-2, high=2), neuron=neuron),
        dense(64 * integers(4, 8, low=-1, high=2), neuron={"vDecay": 4096, "vThMant": 64}),
    ]


FILES = {"forgetful": forgetful, "maps": maps, "loops": loops, "late": late, "encoded": encoded}


def quantised(network: Network, maximum: int, registers: Registers | None = None) -> Any:
    return quantise(network, "loihi2", registers or REGISTERS, {"input": InputRange(maximum)}).program


@pytest.mark.parametrize("maximum", [1, 3])
@pytest.mark.parametrize("name", FILES)
def test_integers_survive(name: str, maximum: int, tmp_path: Path) -> None:
    """A file, read and quantised for Loihi 2, spikes as an interpreter of the file does, in every layer."""
    path = store(tmp_path / "file.net", *FILES[name]())
    network = read_net(path).network
    x = np.random.default_rng(0).integers(0, maximum + 1, (STEPS, *network["input"].shape))
    if "encoder" in {p.name for p in network.populations}:
        x = np.broadcast_to(x[:1], x.shape)
    program = quantised(network, maximum)
    out = LoihiEmulator(program).run({"input": np.ascontiguousarray(x[:, None]).astype(np.uint8)})
    expected = interpret(path, x)
    assert len(expected) == len(program.populations)
    for population, (spikes, v) in zip(program.populations, expected, strict=True):
        if population.kind == "readout":
            np.testing.assert_array_equal(out.membrane[population.name][:, 0], v)
        else:
            assert spikes.any()
            np.testing.assert_array_equal(out.spikes[population.name][:, 0], spikes)


@pytest.mark.parametrize("name", ["maps", "loops", "late"])
def test_read_and_written_again(name: str, tmp_path: Path) -> None:
    """A file that is read, quantised and exported again has the same layers, weights and delays."""
    path = store(tmp_path / "file.net", *FILES[name]())
    program = quantised(read_net(path).network, 1, REGISTERS.within_net())
    write_net(tmp_path / "again.net", program)
    with h5py.File(path) as file, h5py.File(tmp_path / "again.net") as again:
        synaptic = [[g for i in range(len(f["layer"])) if "weight" in (g := f[f"layer/{i}"])] for f in (file, again)]
        for before, after in zip(*synaptic, strict=True):
            assert np.asarray(before["type"]).item() == np.asarray(after["type"]).item()
            for key in ("weight", "weight_rec"):
                if key in before:
                    stored = before[key][()]
                    np.testing.assert_array_equal(after[key][()], stored.reshape(stored.shape[:4]))
            for key in ("iDecay", "vDecay", "vThMant"):
                old, new = (np.asarray(layer[f"neuron/{key}"][()]) for layer in (before, after))
                np.testing.assert_array_equal(*np.broadcast_arrays(old, new))


ONE = np.array([[3, 4]])
LAST = ("dense2", (1,))


def test_network_of_a_file(tmp_path: Path) -> None:
    """Multiples of 1/64, exact decays, biases of the membrane, a projection a delay, and netx's semantics."""
    weight = np.array([[64, -32, 0], [2, 0, 254]], np.float32)
    first = dense(weight, delay=[[0, 3, 3], [0, 0, 3]], bias=np.array([32, 1]), neuron={"iDecay": 1024, "vDecay": 4095})
    second = dense(np.array([[1, -1]]), "dense_rec", weight_rec=np.array([[5]]))
    imported = read_net(store(tmp_path / "file.net", first, second, dense(ONE[:, :1], neuron={"vThMant": 131_071})))
    network = imported.network
    assert imported.semantics == NET_SEMANTICS
    assert [(p.name, p.shape) for p in network.populations] == [
        ("input", (3,)),
        ("dense0", (2,)),
        ("dense1", (1,)),
        LAST,
    ]
    assert network.outputs == ("dense2",)
    neuron = network["dense0"].neuron
    assert neuron is not None
    assert neuron.alpha.tolist() == [0.75, 0.75]
    assert neuron.beta.tolist() == [1 / 4096] * 2
    assert neuron.bias.tolist() == [0.5, 1 / 64]
    assert neuron.threshold is not None
    assert neuron.threshold.tolist() == [90 / 64] * 2
    assert (neuron.reset, neuron.reset_delay, neuron.compare) == ("value", False, "gt")
    stored = {(p.name, p.source, p.target, p.delay): p.ops for p in network.projections}
    assert list(stored) == [
        ("dense0.delay0", "input", "dense0", 0),
        ("dense0.delay3", "input", "dense0", 3),
        ("dense1.weight", "dense0", "dense1", 0),
        ("dense1.weight_rec", "dense1", "dense1", 1),
        ("dense2.weight", "dense1", "dense2", 0),
    ]
    weights = [ops[0].weight.tolist() for ops in stored.values() if isinstance(ops[0], Linear)]
    first_matrix = [[[1, 0, 0], [2 / 64, 0, 0]], [[0, -0.5, 0], [0, 0, 254 / 64]]]
    assert weights == [*first_matrix, [[1 / 64, -1 / 64]], [[5 / 64]], [[3 / 64]]]
    last = network["dense2"].neuron
    assert last is not None
    assert last.is_readout
    (note,) = imported.notes
    assert (note.code, note.where, note.severity) == ("N006", "layer 2 (dense)", "note")


def test_geometry_of_a_file(tmp_path: Path) -> None:
    """Pairs are (y, x) as in PyTorch, a matrix after a map reads it in the order C, H, W, an encoder scales."""
    network = read_net(store(tmp_path / "file.net", *maps())).network
    first, second = (p.ops[0] for p in network.projections[:2])
    assert isinstance(first, Conv2d)
    assert isinstance(second, Conv2d)
    assert (first.stride, first.padding, second.groups, second.dilation) == ((2, 1), (1, 0), 2, (2, 2))
    assert [type(op) for op in network.projections[2].ops] == [Flatten, Linear]
    assert network["input"].shape == (2, 7, 5)
    scale = read_net(store(tmp_path / "encoded.net", *encoded())).network.projections[0].ops[0]
    assert isinstance(scale, Scale)
    assert np.all(scale.factor == 76 / 64)


INPUT = layer("input", shape=[2])
MAP = layer("input", shape=[1, 4, 4])
CONV = conv((1, 4, 4), np.ones((1, 1, 1, 1)))


@pytest.mark.parametrize(
    ("layers", "where", "message"),
    [
        ([INPUT, dense(ONE), layer("average", shape=[1])], "layer 2 (average)", "netx cannot load"),
        ([MAP, CONV, layer("pool", {}, shape=[1, 2, 2])], "layer 2 (pool)", "netx cannot load"),
        ([INPUT, layer("add", shape=[2]), dense(ONE)], "layer 1 (add)", "without a word"),
        ([INPUT, dense(ONE, neuron={"type": [b"CUBA", b"CUBA"]})], "layer 1 (dense)", "of type ['CUBA' 'CUBA']"),
        ([INPUT, dense(ONE, neuron={"type": b"RF_PHASE"})], "layer 1 (dense)", "of type RF_PHASE"),
        ([layer("dense", {}, shape=[1], **{"weight/real": ONE, "weight/imag": ONE})], "layer 0 (dense)", "complex"),
        ([dense(ONE, neuron={"iDecay": 0})], "layer 0 (dense)", "never decays"),
        ([layer("input", {"iDecay": 99}, shape=[2]), dense(ONE)], "layer 0 (input)", "synaptic current"),
        ([MAP, CONV | {"delay": np.array([1])}], "layer 1 (conv)", "ignores the delays"),
        ([dense(ONE, "dense_rec", weight_rec=[[1]], delay=1)], "layer 0 (dense_rec)", "loses the weight exponent"),
        ([dense(ONE, neuron={"wgtExp": 2})], "layer 0 (dense)", "wgtExp is not 0"),
        (
            [dense(ONE, neuron={"refDelay": 3})],
            "layer 0 (dense)",
            "refDelay is not 1: netx leaves",
        ),
        ([dense(ONE, neuron={"gradedSpike": True})], "layer 0 (dense)", "gradedSpike is not 0"),
        (
            [dense(ONE, neuron={"messageBits": 8})],
            "layer 0 (dense)",
            "messageBits is not 0",
        ),
        ([dense(ONE, neuron=None), dense(np.array([[1]]))], "layer 0 (dense)", "only the last layer"),
    ],
)
def test_unsupported(layers: list[dict[str, Any]], where: str, message: str, tmp_path: Path) -> None:
    """What netx does not run, or runs as something that has no counterpart here, is E021 and names the layer."""
    with pytest.raises(UnsupportedError) as raised:
        read_net(store(tmp_path / "file.net", *layers))
    (finding,) = raised.value.findings
    assert (finding.code, finding.where) == ("E021", where)
    assert message in finding.message
    assert finding.fix


@pytest.mark.parametrize("kind", LAYER_FIELDS)
@pytest.mark.parametrize("field", ["dropout", "neuron/tau_ref", "weight_norm"])
def test_unknown_fields_are_named(kind: str, field: str, tmp_path: Path) -> None:
    """A field that neither netx nor lava-dl knows is E026, in every type of layer, and all are told at once."""
    with pytest.raises(UnsupportedError) as raised:
        read_net(store(tmp_path / "file.net", layer(kind, {}, **{field: 1, "zzz": 2.5})))
    (finding,) = [finding for finding in raised.value.findings if finding.code == "E026"]
    assert finding.where == f"layer 0 ({kind})"
    assert f"fields {field!r}, 'zzz' of a {kind} layer" in finding.message
    assert finding.fix


@pytest.mark.parametrize(
    "harmless",
    [
        {"refDelay": 1, "gradedSpike": False, "messageBits": 0, "wgtExp": 0},
        {"theta": 5120, "tauRho": 0.5, "scaleRho": 10.0, "type": b"LOIHI"},
    ],
)
def test_fields_that_change_nothing(harmless: dict[str, Any], tmp_path: Path) -> None:
    """What lava-dl and its predecessor write beside the rest."""
    sizes = {"inFeatures": 2, "outFeatures": 2}
    read_net(store(tmp_path / "file.net", INPUT, dense(np.eye(2), neuron=harmless, **sizes)))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([INPUT], "no layer of neurons"),
        ([dense(ONE), INPUT], "only the first layer"),
        ([CONV], "cannot know the shape"),
        ([MAP, layer("flatten"), CONV], "a flatten layer stands before it"),
        ([MAP, CONV, dense(np.ones((2, 16)))], "no flatten layer made a vector"),
        ([dense(ONE), layer("flatten"), dense(np.array([[1]]))], "follows a flattened vector"),
        ([INPUT, conv((1, 1, 1), np.ones((1, 2, 1, 1)))], "needs 2 channels"),
        ([MAP, conv((1, 3, 3), np.ones((1, 1, 1, 1)))], "gives (1, 4, 4)"),
        ([MAP, conv((1, 4, 4), np.ones((1, 1, 1, 1)), stride=[0, 1])], "stride is [0, 1]"),
        ([MAP, conv((1, 4, 4), np.ones((1, 1, 1, 1)), padding=[128, 0])], "padding is [128, 0]"),
        ([MAP, conv((1, 4, 4), np.ones((1, 1, 1, 1)), groups=2)], "2 groups"),
        ([MAP, conv((1, 4, 4), np.ones((1, 1)))], "instead of (Cout, Cin, kH, kW)"),
        ([INPUT, dense(np.array([[3, 4, 5]]))], "reads 3 values, 'input' has 2"),
        ([dense(ONE, shape=[2])], "for 2 neurons"),
        ([dense(ONE, shape=[1, 1])], "neither (N,) nor (C, H, W)"),
        ([dense(ONE, shape=[1 << 22, 4, 4])], "neither (N,) nor (C, H, W)"),
        ([dense(ONE, "dense_rec")], "weight_rec is missing"),
        ([dense(ONE, "dense_rec", weight_rec=[[1, 2]])], "weight_rec has shape (1, 2)"),
        ([dense(ONE / 2)], "1 values that are not integers"),
        ([dense(ONE * np.nan)], "weight holds values beyond"),
        ([dense(ONE * 0)], "all its weights are zero"),
        ([dense(ONE * 100)], "weights 300 to 400 lie outside"),
        ([dense(np.array([[0, -64]]))], "load its weight -64 as -32"),
        ([dense(ONE, delay=63)], "delays 63 to 63"),
        ([dense(ONE, delay=[1, 2, 3])], "do not fit together"),
        ([dense(ONE, bias=[40_000])], "does not fit 16 bits"),
        ([dense(ONE, neuron={"vDecay": 5000})], "vDecay 5000 to 5000"),
        ([dense(ONE, neuron={"vThMant": 0})], "vThMant is 0"),
        ([dense(ONE, neuron={"vThMant": 1 << 18}), dense(np.array([[1]]))], "vThMant 262144 exceeds"),
        ([dense(ONE, neuron={"vThMant": [1, 2, 3]})], "do not fit together"),
        ([dense(ONE, neuron=None, bias=[1])], "a bias but no neurons"),
        ([layer("dense", {}, shape=[1])], "weight is missing"),
        ([dense(np.array([[b"a", b"b"]]))], "holds no numbers"),
        ([layer("dense", shape=[1], weight=ONE, **{"neuron/type": b"CUBA"})], "neuron/iDecay is missing"),
    ],
)
def test_damaged_layers(layers: list[dict[str, Any]], message: str, tmp_path: Path) -> None:
    """Fields that are missing, do not fit, or that netx would change on loading are E013."""
    with pytest.raises(InputError) as raised:
        read_net(store(tmp_path / "file.net", *layers))
    assert {finding.code for finding in raised.value.findings} == {"E013"}
    assert message in str(raised.value)


def test_all_findings_at_once(tmp_path: Path) -> None:
    """Every layer is looked at, whatever is wrong with those before it."""
    layers = [INPUT, dense(ONE * 100), layer("pool", {}), dense(ONE, neuron={"type": b"RF_PHASE"}), dense(ONE / 2)]
    with pytest.raises(InputError) as raised:
        read_net(store(tmp_path / "file.net", *layers))
    found = [(finding.code, finding.where) for finding in raised.value.findings]
    assert found == [
        ("E013", "layer 1 (dense)"),
        ("E021", "layer 2 (pool)"),
        ("E021", "layer 3 (dense)"),
        ("E013", "layer 4 (dense)"),
    ]


def renumbered(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file.move("layer/0", "layer/1")


def untyped(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["layer/0/type"]


def linked(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["layer/0/bias"] = h5py.ExternalLink("/etc/hostname", "/x")


def boastful(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file.create_dataset("layer/0/bias", (1 << 20, 1 << 20), np.float32, chunks=(1 << 10, 1 << 10))


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:900])


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"layer": 1}))


@pytest.mark.parametrize("damage", [renumbered, untyped, linked, boastful, truncated, pickled])
def test_damaged_files(damage: Any, tmp_path: Path) -> None:
    """Files that are not .net files, refer to others or claim to hold more than they do are E013, and fast."""
    path = store(tmp_path / "file.net", dense(ONE))
    damage(path)
    with pytest.raises(InputError) as raised:
        read_net(path)
    (finding,) = raised.value.findings
    assert (finding.code, finding.where) == ("E013", str(path))


def test_flipped_bytes(tmp_path: Path) -> None:
    """Whatever byte is damaged, a file is read or refused with findings."""
    path = store(tmp_path / "file.net", dense(ONE))
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(15):
        broken = bytearray(content)
        broken[rng.integers(len(content))] ^= 1 << rng.integers(8)
        path.write_bytes(broken)
        try:
            read_net(path)
        except SpearError as error:
            assert {finding.code for finding in error.findings} <= {"E013", "E021"}  # noqa: PT017


def test_missing_file(tmp_path: Path) -> None:
    """A path without a file is E001."""
    with pytest.raises(InputError) as raised:
        read_net(tmp_path / "absent.net")
    assert raised.value.findings[0].code == "E001"


def sample(name: str, folder: Path) -> Path:
    """A copy of a trained network that lava-dl's tests come with."""
    found = home("lava-dl") / "tests/lava/lib/dl/netx" / name
    return Path(shutil.copy(found, folder / found.name))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "steps"), [("tiny.net", 40), ("mnist.net", 30), ("gts/pilotnet_lif/network.net", 12)])
def test_trained_networks_run_as_in_netx(name: str, steps: int, netx_python: str, tmp_path: Path) -> None:
    """The last layer that fires, and the membrane of a last one that does not, are netx's, bit for bit."""
    path = sample(name, tmp_path)
    network = read_net(path).network
    image = np.random.default_rng(0).integers(0, 3, network["input"].shape)
    program = quantised(network, 2)
    x = np.broadcast_to(image.astype(np.uint8), (steps, 1, *image.shape))
    out = LoihiEmulator(program).run({"input": x})
    with h5py.File(path) as file:
        weight, bias = (int(np.asarray(file[f"layer/0/{key}"]).item()) for key in ("weight", "bias"))
        layers = len(file["layer"])
    last = program.populations[-1]
    spiking = [p for p in program.populations if p.kind == "lif"]
    silent = len(program.populations) - len(spiking)
    drive = {"bias": weight * image + bias, "steps": steps}
    sent, _ = run_netx_encoder(netx_python, path, **drive, depth=len(spiking) - 1, layers=layers - silent)
    expected = out.spikes[spiking[-1].name][:, 0]
    assert expected.any()
    np.testing.assert_array_equal(sent, expected)
    if silent:
        _, v = run_netx_encoder(netx_python, path, **drive, depth=len(spiking))
        np.testing.assert_array_equal(v, out.membrane[last.name][-1, 0])


@pytest.mark.slow
def test_trained_delays_run_as_in_netx(netx_python: str, tmp_path: Path) -> None:
    """The same for a network with a trained delay for each neuron, without the layer that netx cannot load."""
    path = sample("gts/ntidigits/ntidigits.net", tmp_path)
    with h5py.File(path, "a") as file:
        del file["layer/5"]
    x = (np.random.default_rng(0).random((100, 64)) < 0.05).astype(np.uint8)
    program = quantised(read_net(path).network, 1)
    expected = LoihiEmulator(program).run({"input": x[:, None]}).spikes[program.outputs[0]][:, 0]
    assert expected.any()
    np.testing.assert_array_equal(run_netx(netx_python, path, x, depth=3, reset_interval=128), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["maps", "loops", "late"])
def test_interpreter_is_netx(name: str, netx_python: str, tmp_path: Path) -> None:
    """The interpreter that the fast tests trust gives netx's spikes."""
    path = store(tmp_path / "file.net", *FILES[name]())
    network = read_net(path).network
    x = (np.random.default_rng(0).random((STEPS, *network["input"].shape)) < 0.5).astype(np.uint8)
    expected = interpret(path, x)
    sent = run_netx(netx_python, path, x, depth=len(expected), reset_interval=64)
    np.testing.assert_array_equal(sent, expected[-1][0])
