"""The Lava backend running ``.net`` files on netx, from file to file, against numpy: spikes of every layer.

Layer k, the first being 1, runs k steps behind the input.  The model below counts the network's own steps, so that it
has what netx does before the input reaches a layer; it runs every sample in a network of its own.  All arithmetic is
int64.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

pytestmark = pytest.mark.lava

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "backends/lava/src"
LAVA_DL = ROOT / "build/frameworks/lava-dl"
MARK = "SPEAR_DEPLOY_TEST_RUN"
SOON = 60.0
"""Seconds within which a run must have ended; most of it is for a loaded machine."""
_LIMIT = 1 << 23

Array = NDArray[np.int64]
Random = np.random.Generator


@dataclass(frozen=True)
class Layer:
    """A layer with synapses: a convolution if the weight has four axes; ``back`` is from the layer to itself.

    Delays are of each pair of neurons, or else of each output or, where their number does not fit, of each input.
    """

    shape: tuple[int, ...]
    weight: Array
    back: Array | None = None
    delay: Array | None = None
    bias: Array | None = None
    du: Any = 2000
    dv: Any = 300
    vth: Any = 120
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1

    @property
    def kind(self) -> str:
        return "conv" if self.weight.ndim == 4 else "dense" if self.back is None else "dense_rec"

    @property
    def delays(self) -> Array:
        if self.delay is None:
            return np.zeros_like(self.weight)
        of_outputs = self.delay.shape == self.weight.shape[:1]
        return np.broadcast_to(self.delay[:, None] if of_outputs else self.delay, self.weight.shape)


def write_net(path: Path, shape: Sequence[int], layers: Sequence[Layer], *, neurons: int | None = None) -> Path:
    """Write a chain; only the first of the layers get ``neurons``, if given."""
    with h5py.File(path, "w") as file:
        groups: list[Mapping[str, Any]] = [{"type": [b"input"], "shape": list(shape)}]
        for index, layer in enumerate(layers):
            if index and layer.weight.ndim == 2 and layers[index - 1].weight.ndim == 4:
                groups.append({"type": [b"flatten"], "shape": [layer.weight.shape[1]]})
            fields = {"type": [layer.kind.encode()], "shape": layer.shape, "weight": layer.weight}
            fields |= {"weight_rec": layer.back, "delay": layer.delay, "bias": layer.bias}
            if layer.kind == "conv":
                fields |= {name: getattr(layer, name) for name in ("stride", "padding", "dilation", "groups")}
            if neurons is None or index < neurons:
                fields |= {"neuron/type": [b"CUBA"], "neuron/iDecay": layer.du + 1, "neuron/vDecay": layer.dv}
                fields |= {"neuron/vThMant": layer.vth}
            groups.append(fields)
        for index, fields in enumerate(groups):
            file.create_group(f"layer/{index}").update({k: v for k, v in fields.items() if v is not None})
    return path


def evaluate(layers: Sequence[Layer], x: NDArray[Any]) -> list[Array]:
    """Spikes (samples, steps, neurons) of each layer, in time of its own, of payloads (samples, steps, \\*shape)."""
    samples = [_evaluate(layers, sample.astype(np.int64)) for sample in x]
    return [np.stack(spikes) for spikes in zip(*samples, strict=True)]


def _evaluate(layers: Sequence[Layer], x: Array) -> list[Array]:
    steps, total = len(x), len(x) + len(layers)
    sent = [np.zeros((total + 1, *shape), np.int64) for shape in (x.shape[1:], *(layer.shape for layer in layers))]
    sent[0][1 : steps + 1] = x
    states = [(np.zeros(layer.shape, np.int64),) * 2 for layer in layers]
    for step in range(1, total + 1):
        for level, layer in enumerate(layers, start=1):
            u, v = states[level - 1]
            if step % steps == (level + 1) % steps:
                u, v = np.zeros_like(u), np.zeros_like(v)
            arriving = _arriving(layer, sent[level - 1], sent[level], step)
            u = _decayed(u, layer.du + 1) + (arriving << 6)
            assert np.all(np.abs(u) < _LIMIT), "the current would wrap"
            v = np.clip(_decayed(v, layer.dv) + u + _bias(layer), 1 - _LIMIT, _LIMIT - 1)
            sent[level][step] = v > np.asarray(layer.vth) << 6
            states[level - 1] = u, np.where(sent[level][step], 0, v)
    return [sent[level][level + 1 : level + 1 + steps].reshape(steps, -1) for level in range(1, len(layers) + 1)]


def _arriving(layer: Layer, source: Array, own: Array, step: int) -> Array:
    if layer.kind == "conv":
        return _convolved(layer, source[step - 1])
    arriving = np.zeros(layer.shape, np.int64)
    for delay in range(min(int(layer.delays.max()) + 1, step)):
        arriving += np.where(layer.delays == delay, layer.weight, 0) @ source[step - 1 - delay].ravel()
    return arriving if layer.back is None else arriving + layer.back @ own[step - 1]


def _convolved(layer: Layer, spikes: Array) -> Array:
    (sy, sx), (py, px), (dy, dx) = layer.stride, layer.padding, layer.dilation
    padded = np.pad(spikes, ((0, 0), (py, py), (px, px)))
    _, height, width = layer.shape
    result = np.zeros(layer.shape, np.int64)
    made, taken = layer.weight.shape[0] // layer.groups, layer.weight.shape[1]
    for channel, y, x in np.ndindex(layer.weight.shape[0], *layer.weight.shape[2:]):
        rows = slice(y * dy, y * dy + (height - 1) * sy + 1, sy)
        columns = slice(x * dx, x * dx + (width - 1) * sx + 1, sx)
        window = padded[channel // made * taken :][:taken, rows, columns]
        result[channel] += np.einsum("chw,c->hw", window, layer.weight[channel, :, y, x])
    return result


def _bias(layer: Layer) -> Array | int:
    if layer.bias is None:
        return 0
    return (layer.bias << 6).reshape(-1, 1, 1) if layer.kind == "conv" else layer.bias << 6


def _decayed(value: Array, decay: Any) -> Array:
    result: Array = np.sign(value) * ((np.abs(value) * (4096 - decay)) >> 12)
    return result


@dataclass
class Run:
    """A run started for a test; its processes are known by a variable in their environment."""

    process: subprocess.Popen[str]
    mark: str
    events: list[dict[str, Any]] = field(default_factory=list)
    segments: set[Path] = field(default_factory=set)

    def read_until(self, enough: Callable[[dict[str, Any]], bool]) -> None:
        """Read events up to the first that is enough."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.events.append(json.loads(line))
            if enough(self.events[-1]):
                return

    def end(self, within: float = SOON) -> tuple[int, dict[str, Any]]:
        """Wait for the end, so many seconds; return the exit status and the last event."""
        output, _ = self.process.communicate(timeout=within)
        self.events += [json.loads(line) for line in output.splitlines()]
        return self.process.returncode, self.events[-1]

    def pids(self) -> dict[int, int]:
        """Living processes of the run, with their parents."""
        found = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    if f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes():
                        found[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                except (OSError, IndexError):
                    continue
        return found

    def note_shared_memory(self) -> None:
        """Note the segments that the run's processes have mapped now."""
        for pid in self.pids():
            try:
                mappings = Path(f"/proc/{pid}/maps").read_text().splitlines()
            except OSError:
                continue  # ended meanwhile
            self.segments |= {Path(line.split()[5]) for line in mappings if "/dev/shm/psm_" in line}

    def assert_nothing_left(self) -> None:
        """No process of the run lives, soon, and none of its shared memory is left."""
        deadline = time.monotonic() + SOON
        while time.monotonic() < deadline and (self.pids() or any(path.exists() for path in self.segments)):
            time.sleep(0.05)
        assert not self.pids()
        assert not [path for path in self.segments if path.exists()]


@dataclass
class Runner:
    """Runs the backend's source tree in a folder, with Lava's interpreter."""

    python: str
    folder: Path
    runs: list[Run] = field(default_factory=list)

    def start(self, *arguments: str, first_on_path: Path | None = None) -> Run:
        """Start the command line; ``first_on_path`` may replace modules."""
        path = [str(item) for item in (first_on_path, SOURCES, LAVA_DL) if item is not None]
        mark = uuid.uuid4().hex
        process = subprocess.Popen(
            [self.python, "-m", "spear_deploy_lava", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, MARK: mark, "TMPDIR": str(self.folder), "PYTHONPATH": os.pathsep.join(path)},
        )
        self.runs.append(Run(process, mark))
        return self.runs[-1]

    def start_net(self, net: Path, x: NDArray[Any], *options: str, first_on_path: Path | None = None) -> Run:
        """Start a run of a file on payloads (samples, steps, \\*shape)."""
        with h5py.File(self.folder / "input.h5", "w") as file:
            file["x/input"] = x
        files = ["--net", str(net), "--input", str(self.folder / "input.h5"), "--output", str(self.output)]
        return self.start("run", *files, *options, first_on_path=first_on_path)

    @property
    def output(self) -> Path:
        return self.folder / "output.h5"

    def refusal(self, net: Path, x: NDArray[Any], *options: str) -> str:
        """Run a file that is refused; return the message."""
        status, event = self.start_net(net, x, *options).end()
        assert (status, event["event"], event["kind"]) == (2, "error", "input")
        assert not self.output.exists()
        return str(event["message"])


@pytest.fixture(scope="session")
def python() -> str:
    """Lava's interpreter, if lava-dl is in its environment or in the folder for it; skips without."""
    installed = Path.home() / ".local/share/spear-deploy/backends/lava/venv/bin/python"
    chosen = os.environ.get("SPEAR_DEPLOY_LAVA_PYTHON") or str(installed)
    if not Path(chosen).is_file():
        pytest.skip(f"no Lava environment: there is no {chosen}")
    looked_up = [chosen, "-c", "import importlib.metadata; importlib.metadata.version('lava-dl')"]
    environ = {**os.environ, "PYTHONPATH": str(LAVA_DL)}
    if subprocess.run(looked_up, capture_output=True, check=False, env=environ).returncode != 0:
        pytest.skip("lava-dl is neither in the Lava environment nor in build/frameworks")
    return chosen


@pytest.fixture
def runner(python: str, tmp_path: Path) -> Any:
    """A runner whose processes cannot outlive the test."""
    runner = Runner(python, tmp_path)
    yield runner
    for run in runner.runs:
        run.process.kill()
        run.process.communicate()
        run.assert_nothing_left()


def _weight(random: Random, *shape: int, largest: int = 127) -> Array:
    return random.integers(-largest, largest + 1, shape)


def _spikes(random: Random, *shape: int) -> NDArray[np.uint8]:
    return (random.random(shape) < 0.3).astype(np.uint8)


def _dense(random: Random) -> tuple[Layer, ...]:
    """Biases, decays and thresholds for each neuron, even weights beyond 127, weights of one sign."""
    return (
        Layer((9,), _weight(random, 9, 12), bias=random.integers(-80, 81, 9), dv=random.integers(0, 4096, 9)),
        Layer((11,), 2 * _weight(random, 11, 9), du=random.integers(0, 4096, 11), vth=random.integers(50, 300, 11)),
        Layer((4,), random.integers(0, 200, (4, 11)), bias=np.array([0, 40, 200, -30]), du=4095, vth=400),
    )


def _delayed(random: Random) -> tuple[Layer, ...]:
    """Delays longer than a sample, of each pair of neurons, each input, and each output; biases that fire early."""
    return (
        Layer((9,), _weight(random, 9, 12), delay=random.integers(0, 12, (9, 12))),
        Layer((7,), _weight(random, 7, 9), delay=random.integers(0, 6, 9), bias=np.array([0, 200, 0, 0, 0, -9, 150])),
        Layer((4,), _weight(random, 4, 7), delay=random.integers(0, 6, 4), vth=60),
    )


def _recurrent(random: Random) -> tuple[Layer, ...]:
    """A layer that hears itself, between others, with a bias that makes it fire before the input is there."""
    return (
        Layer((9,), _weight(random, 9, 12), bias=random.integers(0, 121, 9)),
        Layer((8,), _weight(random, 8, 9), back=_weight(random, 8, 8), bias=np.array([130, 0, 0, 0, 0, 0, 0, -40])),
        Layer((4,), _weight(random, 4, 8)),
    )


def _convolutional(random: Random) -> tuple[Layer, ...]:
    """Stride, padding, dilation and groups that differ in y and x; a dense layer behind an image."""
    geometry = {"stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}
    return (
        Layer((4, 5, 6), _weight(random, 4, 2, 3, 2), bias=random.integers(-60, 61, 4), **geometry),
        Layer((6, 3, 3), _weight(random, 6, 2, 3, 4), stride=(1, 2), padding=(0, 1), groups=2, vth=200),
        Layer((5,), _weight(random, 5, 54)),
    )


def _graded_image(random: Random) -> tuple[Layer, ...]:
    return (
        Layer((2, 6, 5), _weight(random, 2, 1, 3, 3), padding=(1, 1), vth=20000),
        Layer((7,), _weight(random, 7, 60), du=4095, vth=200),
    )


def _graded(random: Random) -> tuple[Layer, ...]:
    return (
        Layer((9,), _weight(random, 9, 12), delay=random.integers(0, 3, (9, 12)), du=4095, vth=500),
        Layer((4,), _weight(random, 4, 9)),
    )


CHAINS = {
    "dense": (_dense, (12,), 1),
    "delays": (_delayed, (12,), 1),
    "recurrence": (_recurrent, (12,), 1),
    "convolutions": (_convolutional, (2, 9, 8), 1),
    "graded image": (_graded_image, (1, 6, 5), 200),
    "graded vector": (_graded, (12,), 7),
}
ISOLATED = {"delays", "recurrence", "graded vector"}
"""The chains in which spikes stay on their way when neurons are reset."""
SAMPLES, STEPS = 4, 9


@pytest.mark.parametrize("name", CHAINS)
def test_spikes_of_every_layer(runner: Runner, name: str) -> None:
    """Every spike of every layer and sample is that of the model, and the file says what ran."""
    make, shape, largest = CHAINS[name]
    random = np.random.default_rng(1)
    layers = make(random)
    x = _spikes(random, SAMPLES, STEPS, *shape) * random.integers(1, largest + 1, (SAMPLES, STEPS, *shape))
    net = write_net(runner.folder / "model.net", shape, layers)
    options = ["--max-value", str(largest)] if largest > 1 else []
    status, event = runner.start_net(net, x.astype(np.uint8), *options).end()
    assert (status, event["event"]) == (0, "done"), event
    with h5py.File(runner.output) as file:
        assert set(file["spikes"]) == {str(index) for index in range(len(layers))}
        for index, expected in enumerate(evaluate(layers, x)):
            measured = file[f"spikes/{index}"]
            assert measured.dtype == np.uint8
            np.testing.assert_array_equal(measured[()], np.packbits(expected, axis=-1), f"layer {index}")
            assert 0.02 < expected.mean() < 0.9
        lag = len(layers)
        total = SAMPLES * (STEPS + lag) if name in ISOLATED else SAMPLES * STEPS + lag
        assert (file.attrs["steps"], event["steps"]) == (total, total)
        assert (file.attrs["lava_version"], file.attrs["lava_dl_version"]) == ("0.10.0", "0.6.0")
        assert 0 < file.attrs["seconds_run"] < file.attrs["seconds_total"]
        assert {"python_version", "numpy_version"} <= set(file.attrs)


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("make", [_dense, _recurrent])
def test_samples_shorter_than_the_chain(
    runner: Runner, make: Callable[[Random], tuple[Layer, ...]], steps: int
) -> None:
    """A reset comes round before the input has reached the last layer."""
    random = np.random.default_rng(2)
    layers = make(random)
    x = _spikes(random, 3, steps, 12)
    status, event = runner.start_net(write_net(runner.folder / "model.net", (12,), layers), x).end()
    assert status == 0, event
    with h5py.File(runner.output) as file:
        for index, expected in enumerate(evaluate(layers, x)):
            np.testing.assert_array_equal(file[f"spikes/{index}"][()], np.packbits(expected, axis=-1))


def test_image_into_a_dense_layer(runner: Runner) -> None:
    """A dense layer takes an image, flattened in C, H, W order, whether the file calls its input one or not."""
    random = np.random.default_rng(3)
    layers = (Layer((6,), _weight(random, 6, 24)),)
    x = _spikes(random, 2, 10, 2, 3, 4)
    (expected,) = evaluate(layers, x)
    for shape, given in (((2, 3, 4), x), ((24,), x), ((2, 3, 4), x.reshape(2, 10, 24))):
        status, event = runner.start_net(write_net(runner.folder / "model.net", shape, layers), given).end()
        assert status == 0, event
        with h5py.File(runner.output) as file:
            np.testing.assert_array_equal(file["spikes/0"][()], np.packbits(expected, axis=-1))


def test_last_layer_without_neurons(runner: Runner) -> None:
    """It runs, and is not recorded: what it sums does not leave it."""
    random = np.random.default_rng(4)
    layers = _dense(random)
    x = _spikes(random, 2, STEPS, 12)
    status, event = runner.start_net(write_net(runner.folder / "model.net", (12,), layers, neurons=2), x).end()
    assert status == 0, event
    with h5py.File(runner.output) as file:
        assert set(file["spikes"]) == {"0", "1"}
        for index, expected in enumerate(evaluate(layers, x)[:2]):
            np.testing.assert_array_equal(file[f"spikes/{index}"][()], np.packbits(expected, axis=-1))


def test_progress_counts_the_steps_of_all_networks(runner: Runner) -> None:
    """With a network for each sample, too, progress only rises, to the total."""
    random = np.random.default_rng(5)
    net = write_net(runner.folder / "model.net", (12,), _recurrent(random))
    run = runner.start_net(net, _spikes(random, 5, 200, 12))
    status, _ = run.end()
    assert status == 0
    progress = [event for event in run.events if event["event"] == "progress"]
    done = [event["done"] for event in progress]
    assert done == sorted(done)
    assert len(set(done)) > 3
    assert {event["total"] for event in progress} == {5 * 203}


@pytest.mark.slow
def test_thirty_networks_after_one_another(runner: Runner) -> None:
    """Networks leave so little behind that many can follow one another."""
    random = np.random.default_rng(6)
    layers = _recurrent(random)
    x = _spikes(random, 30, 5, 12)
    run = runner.start_net(write_net(runner.folder / "model.net", (12,), layers), x)
    status, event = run.end(5 * SOON)  # ten seconds on an idle machine, and this is not a test of speed
    assert status == 0, event
    with h5py.File(runner.output) as file:
        for index, expected in enumerate(evaluate(layers, x)):
            np.testing.assert_array_equal(file[f"spikes/{index}"][()], np.packbits(expected, axis=-1))


def _change(path: Path, changes: Mapping[str, Any]) -> None:
    """Replace data sets of a file; None only deletes."""
    with h5py.File(path, "r+") as file:
        for name, value in changes.items():
            file.pop(name, None)
            if value is not None:
                file[name] = value


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer/0/neuron/type": [b"CUBA"]}, "layer 0: an input with neurons"),
        ({"layer/2/type": [b"add"]}, "layer 2: netx does not load layers of type 'add'"),
        ({"layer/2/type": [b"pool"]}, "layer 2: netx does not load layers of type 'pool'"),
        ({"layer/2/type": [b"input"]}, "layer 2: an input behind other layers"),
        ({"layer/2/neuron/type": [b"SDNN"]}, "layer 2: neurons of type 'SDNN'"),
        ({"layer/1/type": [b"conv"]}, "a convolution needs an input layer of shape (C, H, W)"),
        ({"layer/0/shape": [13]}, "the input layer has 13 values, the layer behind it takes 12"),
        ({"layer/1": None}, "not a .net file"),
        ({"layer": None}, "not a .net file"),
        ({"layer/1/neuron": None, "layer/2/neuron": None, "layer/3/neuron": None}, "no layer has neurons"),
        ({"layer/2/weight": np.zeros((11, 9), int)}, "netx cannot load it: OverflowError"),
        ({"layer/2/weight": np.ones((11, 8), int)}, "netx cannot load it"),
    ],
)
def test_files_that_are_refused(runner: Runner, changes: Mapping[str, Any], message: str) -> None:
    """What netx would leave out or cannot load is told, not run."""
    random = np.random.default_rng(7)
    net = write_net(runner.folder / "model.net", (12,), _dense(random))
    _change(net, changes)
    assert message in runner.refusal(net, _spikes(random, 2, STEPS, 12))


def test_file_of_another_kind(runner: Runner) -> None:
    """A file that is not HDF5, and one that is missing."""
    path = runner.folder / "model.net"
    for _ in range(2):
        assert "not a .net file" in runner.refusal(path, np.ones((1, 1, 12), np.uint8))
        path.write_text("no HDF5")


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (np.ones((2, 5, 13), np.uint8), (), "expected integers (N, T, 12)"),
        (np.ones((2, 5, 12)), (), "expected integers (N, T, 12)"),
        (np.full((2, 5, 12), 2), (), "values beyond 0..1"),
        (np.full((2, 5, 12), 8), ("--max-value", "7"), "values beyond 0..7"),
        (np.ones((0, 5, 12), np.uint8), (), "nothing to run"),
    ],
)
def test_input_that_does_not_fit(runner: Runner, x: NDArray[Any], options: tuple[str, ...], message: str) -> None:
    net = write_net(runner.folder / "model.net", (12,), _dense(np.random.default_rng(8)))
    assert message in runner.refusal(net, x, *options)


def _without_lava_dl(folder: Path) -> Path:
    """A folder that hides lava-dl from an interpreter that has it first on its path."""
    hidden = folder / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.metadata as metadata\n"
        "find = metadata.Distribution.from_name.__func__\n"
        "def from_name(cls, name):\n"
        "    if name == 'lava-dl':\n"
        "        raise metadata.PackageNotFoundError(name)\n"
        "    return find(cls, name)\n"
        "metadata.Distribution.from_name = classmethod(from_name)\n"
    )
    return hidden


def test_without_lava_dl(runner: Runner) -> None:
    """An environment with Lava alone says what it lacks, in a run and in the check."""
    message = "lava-dl is not installed in this environment"
    hidden = _without_lava_dl(runner.folder)
    net = write_net(runner.folder / "model.net", (12,), _dense(np.random.default_rng(9)))
    status, event = runner.start_net(net, np.ones((1, 1, 12), np.uint8), first_on_path=hidden).end()
    assert (status, event["kind"], event["message"]) == (2, "input", message)
    status, report = runner.start("check", "--net", first_on_path=hidden).end()
    assert (status, report["ok"], report["message"]) == (1, False, message)


def test_check(runner: Runner) -> None:
    """The check of netx passes and names the versions; that of Lava is as it was."""
    status, report = runner.start("check", "--net").end()
    assert (status, report["ok"], report["message"]) == (0, True, "")
    assert (report["lava"], report["lava_dl"]) == ("0.10.0", "0.6.0")
    assert set(report) == {"ok", "message", "python", "numpy", "lava", "lava_dl"}
    status, report = runner.start("check").end()
    assert (status, set(report)) == (0, {"ok", "message", "python", "numpy", "lava"})


@pytest.mark.parametrize(
    "options",
    [
        ("--net", "a.net", "--program", "a.h5"),
        (),
        ("--net", "a.net", "--final-state"),
        ("--program", "a.h5", "--max-value", "3"),
        ("--net", "a.net", "--max-value", "0"),
    ],
)
def test_command_lines_that_make_no_sense(runner: Runner, options: tuple[str, ...]) -> None:
    run = runner.start("run", *options, "--input", "x", "--output", "y")
    assert run.process.wait(SOON) == 2


@pytest.mark.parametrize("make", [_dense, _recurrent])
def test_time_limit(runner: Runner, make: Callable[[Random], tuple[Layer, ...]]) -> None:
    """A run that takes too long is ended, says how far it came, and leaves nothing behind."""
    random = np.random.default_rng(10)
    net = write_net(runner.folder / "model.net", (12,), make(random))
    run = runner.start_net(net, _spikes(random, 300, 500, 12), "--timeout", "4")
    run.read_until(lambda event: event["event"] == "progress" and event["done"] > 0)
    run.note_shared_memory()
    assert run.segments, "the run has no shared memory: the test would show nothing"
    status, event = run.end()
    assert (status, event["kind"]) == (4, "timeout")
    assert "of 150003 steps" in event["message"] or "of 150900 steps" in event["message"]
    assert any(event["event"] == "progress" for event in run.events)
    run.assert_nothing_left()
    assert {path.name for path in runner.folder.iterdir()} == {"model.net", "input.h5"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_signal_between_networks(runner: Runner, number: signal.Signals) -> None:
    """Whatever is going on when the run is told to end, or killed, nothing of it is left."""
    random = np.random.default_rng(11)
    net = write_net(runner.folder / "model.net", (12,), _recurrent(random))
    run = runner.start_net(net, _spikes(random, 300, 5, 12))
    run.read_until(lambda event: event["event"] == "progress" and event["done"] > 16)
    run.note_shared_memory()
    os.kill(run.process.pid, number)
    run.process.communicate(timeout=SOON)
    assert run.process.returncode == (128 + number if number == signal.SIGTERM else -number)
    run.assert_nothing_left()


def test_lava_process_killed(runner: Runner) -> None:
    """The death of a process of a later network ends the run, although Lava would wait for it forever."""
    random = np.random.default_rng(12)
    net = write_net(runner.folder / "model.net", (12,), _recurrent(random))
    steps = 6000  # progress comes now and then: the kill must meet a network at work, not at its end
    run = runner.start_net(net, _spikes(random, 2, steps, 12))
    run.read_until(lambda event: event["event"] == "progress" and event["done"] > steps + 20)
    run.note_shared_memory()
    parents = run.pids()
    (worker,) = [pid for pid, parent in parents.items() if parent == run.process.pid]
    os.kill(max(pid for pid, parent in parents.items() if parent == worker), signal.SIGKILL)
    status, event = run.end()
    assert (status, event["kind"]) == (3, "child-died")
    run.assert_nothing_left()


def test_exception_in_a_later_network(runner: Runner) -> None:
    """An exception in a process of Lava ends the run with that process's traceback."""
    package = runner.folder / "modified" / "spear_deploy_lava"
    shutil.copytree(SOURCES / "spear_deploy_lava", package)
    path, line = package / "processes" / "source.py", "index = self.time_step - 1"
    text = path.read_text()
    assert line in text
    path.write_text(text.replace(line, f"{line}\n        assert self.done == 0, 'raised on purpose'"))
    random = np.random.default_rng(13)
    net = write_net(runner.folder / "model.net", (12,), _recurrent(random))
    status, event = runner.start_net(net, _spikes(random, 3, 5, 12), first_on_path=package.parent).end()
    assert (status, event["kind"]) == (1, "exception")
    assert "raised on purpose" in event["message"]
    assert "source.py" in event["traceback"]
