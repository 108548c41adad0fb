"""Imports against the live frameworks: 120,000 bins a case, and not one differs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import spear_deploy
from spear_deploy.network import Network
from spear_deploy.simulate.simulator import FloatSimulator
from tests.frameworks import ROOT, home
from tests.importers.live.recording import NEURONS, STEPS, record

LATE, NOW = {"reset_delay": True}, {"reset_delay": False}
ZERO, SUBTRACT = {"reset": "zero"}, {"reset": "subtract"}
SINGLE = {"spikes": "binary", **ZERO}
NORSE = {"dt": 1e-6}  # Norse 1.1 writes tau * dt instead of tau, with its dt of 1e-3

# Framework and case, and the fields of semantics that its preset does not say
SPIKING = {
    "snntorch": {
        "Leaky-subtract-late": {},
        "Leaky-zero-late": ZERO,
        "Leaky-zero-now": ZERO | NOW,
        "Synaptic-subtract-late": {},
        "Synaptic-zero-late": ZERO,
        "Synaptic-zero-now": ZERO | NOW,
        "RLeaky-subtract-late": {},
        "RLeaky-zero-late": ZERO,
        "RLeaky-zero-now": ZERO | NOW,
        "RSynaptic-subtract-late": {},
        "RSynaptic-zero-late": ZERO,
    },
    "spikingjelly": {case: {} for case in ("IF", "LIF", "LIF-undecayed", "LIF-reset", "ParametricLIF", "CUBALIF")},
    "norse": {"LIFBoxCell": NORSE, "LIFCell": NORSE, "IAFCell": NORSE},
    "sinabs": {
        "IAF": {},
        "IAF-clip": {"floor": -0.25},
        "IAF-single": SINGLE,
        "LIF": {},
        "LIF-unnormed": {"gain": "unit"},
        "LIF-single-clip": {"gain": "unit", "floor": -0.25, **SINGLE},
    },
    "rockpool": {"LIFTorch": {}, "LIFNeuronTorch": {}},
}
READOUTS = {
    "norse": {"LIBoxCell": NORSE, "LIBoxCell-start": NORSE},
    "sinabs": {"ExpLeak": {"gain": "unit"}},
    "rockpool": {"ExpSynTorch": {}},
}
LIVE = ("snntorch", "spikingjelly", "norse", "sinabs")  # with a from_* function
LIVE_ONLY = {
    "spikingjelly": (
        *("IF-soft", "LIF-soft", "convolutional", "convolutional-multistep", "residual"),
        *("oddly-shaped", "one-dimensional", "named", "doubled", "contained-multistep", "stepped-multistep"),
    ),
    "norse": (
        *("convolutional", "LIFBoxCell-start", "LIFCell-start", "LIFBoxCell-soft-start", "oddly-shaped"),
        *("in-double-precision", "looping"),
    ),
    "sinabs": (
        "LIF-synaptic",
        "convolutional",
        "oddly-shaped",
        "of-a-network",
        "residual",
        "merged",
        "repeated",
        "of-many-kinds",
    ),
}
LIVE_READOUTS = (("norse", "LICell"), ("sinabs", "LIF-and-ExpLeak"))
HELD_BACK = ("Leaky-subtract-now", "Synaptic-subtract-now", "RLeaky-subtract-now")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory):
    """Function from a framework to the folder of its recordings, made by a child process on first use."""
    folders: dict[str, Path] = {}

    def folder_of(framework: str) -> Path:
        if framework not in folders:
            folder = tmp_path_factory.mktemp(framework)
            _record(framework, folder)
            folders[framework] = folder
        return folders[framework]

    return folder_of


def _record(framework: str, folder: Path) -> None:
    if framework == "snntorch":
        from tests.importers.live.record_snntorch import cases

        record(folder, cases())
        return
    _run(framework, "-m", f"tests.importers.live.record_{framework}", str(folder))


def _run(framework: str, *arguments: str) -> str:
    """Run Python with a framework on its path; return what it printed."""
    paths = os.pathsep.join((str(home(framework)), str(ROOT)))
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", *arguments]
    child = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert child.returncode == 0, child.stderr[-2000:]
    return child.stdout


def of(table: dict[str, dict[str, dict[str, object]]]) -> list[tuple[str, str, dict[str, object]]]:
    return [(framework, case, fields) for framework, cases in table.items() for case, fields in cases.items()]


def output(network: Network, x: np.ndarray) -> np.ndarray:
    """Output (T, N) of a network on input (T, *shape)."""
    (source,) = network.inputs
    with torch.no_grad():
        emitted = FloatSimulator(network)({source.name: torch.from_numpy(x[:, None])})
    return emitted[network.outputs[0]][:, 0].numpy()


def differing(network: Network, x: np.ndarray, spikes: np.ndarray) -> int:
    """Number of bins in which the output of a network differs."""
    return int(np.count_nonzero(output(network, x) != spikes))


def recording(folder: Path, case: str) -> tuple[np.ndarray, np.ndarray]:
    with np.load(folder / f"{case}.npz") as arrays:
        x, spikes = arrays["x"], arrays["spikes"]
    assert len(x) == len(spikes) == STEPS
    assert 0.02 < (spikes != 0).mean() < 0.98 or spikes.min() < 0, "silent, saturated, and no membrane"
    return x, spikes


@pytest.mark.parametrize(("framework", "case", "fields"), of(SPIKING))
def test_no_spike_differs(framework, case, fields, recorded) -> None:
    """The file of the framework's exporter, read with its preset, gives the framework's own spikes."""
    x, spikes = recording(recorded(framework), case)
    assert spikes.shape == (STEPS, NEURONS)
    network = spear_deploy.load(recorded(framework) / f"{case}.nir", framework, **fields).network
    assert differing(network, x, spikes) == 0


@pytest.mark.parametrize(("framework", "case", "fields"), of(READOUTS))
def test_readouts_agree(framework, case, fields, recorded) -> None:
    """Membranes of layers that do not fire are the framework's, to rounding."""
    x, membranes = recording(recorded(framework), case)
    network = spear_deploy.load(recorded(framework) / f"{case}.nir", framework, **fields).network
    np.testing.assert_allclose(output(network, x), membranes, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("framework", "case"), LIVE_READOUTS)
def test_readouts_of_modules_agree(framework, case, recorded) -> None:
    """A current of its own, or a gain other than that of the neurons before it, is a readout's own matter."""
    x, membranes = recording(recorded(framework), case)
    network = spear_deploy.load(recorded(framework) / f"{case}.live.nir").network
    np.testing.assert_allclose(output(network, x), membranes, rtol=1e-3, atol=1e-3)


def test_a_readout_does_not_say_how_others_reset(recorded) -> None:
    """Norse neurons that subtract in front of a readout, which resets not at all, are one convention."""
    x, membranes = recording(recorded("norse"), "soft-and-read")
    network = spear_deploy.load(recorded("norse") / "soft-and-read.live.nir").network
    assert network.neurons[0].neuron.reset == "subtract"
    np.testing.assert_allclose(output(network, x), membranes, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("framework", "case"),
    [(f, case) for f, cases in [*SPIKING.items(), *LIVE_ONLY.items()] if f in LIVE for case in cases],
)
def test_live_import_states_nothing_and_gives_the_same_spikes(framework, case, recorded) -> None:
    """A network imported from the module itself needs no semantics; stored and read again it gives its spikes."""
    x, spikes = recording(recorded(framework), case)
    network = spear_deploy.load(recorded(framework) / f"{case}.live.nir").network
    assert differing(network, x.reshape(len(x), *network.inputs[0].shape), spikes) == 0


def test_layers_keep_their_names(recorded) -> None:
    """Names of blocks and numbers stay as the module has them."""
    network = spear_deploy.load(recorded("spikingjelly") / "named.live.nir").network
    assert [p.name for p in network.neurons] == ["block.fire_1", "head.1"]
    assert [p.name for p in network.projections] == ["block.dense", "head.0"]


@pytest.mark.parametrize("case", HELD_BACK)
def test_snntorch_holds_spikes_back(case, recorded) -> None:
    """Subtracting at once, snnTorch compares a neuron left above its threshold with twice it: refused, not read."""
    x, spikes = recording(recorded("snntorch"), case)
    network = spear_deploy.load(recorded("snntorch") / f"{case}.nir", "snntorch", **SUBTRACT, **NOW).network
    assert differing(network, x, spikes) > 100
    assert "holds a spike back" in (recorded("snntorch") / f"{case}.refused").read_text(encoding="utf-8")


def test_sinabs_synapses_are_lost_in_the_file(recorded) -> None:
    """sinabs' exporter drops tau_syn: its file gives other spikes; only the live import mends it."""
    x, spikes = recording(recorded("sinabs"), "LIF-synaptic")
    network = spear_deploy.load(recorded("sinabs") / "LIF-synaptic.nir", "sinabs").network
    assert differing(network, x, spikes) > 1000


WHOLE_RUNS = """
import numpy as np, spear_deploy, torch
from torch import nn
from spikingjelly.activation_based import functional, layer, neuron
from tests.importers.live.recording import louder

class Rate(nn.Module):
    def __init__(self, mode, static):
        super().__init__()
        self.static = layer.Conv2d(1, 4, 3) if static else nn.Identity()
        self.body = nn.Sequential(
            nn.Identity() if static else layer.Conv2d(1, 4, 3), neuron.IFNode(),
            layer.AvgPool2d(2), layer.Flatten(), layer.Linear(36, 10), neuron.LIFNode()
        )
        functional.set_step_mode(self.body if static else self, mode)
        self.mode = mode

    def forward(self, x):
        x = self.static(x)
        if self.mode == "m":
            return self.body(x.unsqueeze(0).repeat(8, 1, 1, 1, 1)).mean(0)
        total = self.body(x)
        for _ in range(7):
            total = total + self.body(x)
        return total / 8

for mode in "sm":
    for static in (False, True):
        net = louder(Rate(mode, static), 6.0, 0.3).eval()
        x = torch.rand(5, 1, 8, 8, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            rates = net(x).numpy()
        imported = spear_deploy.from_spikingjelly(net, torch.zeros(1, 1, 8, 8))
        spikes = imported.simulate(x.expand(8, *x.shape).numpy()).spikes[imported.network.outputs[0]]
        codes = [note.code for note in imported.notes if note.code == "N011"]
        print(np.abs(spikes.mean(0) - rates).max() < 1e-6, 0.05 < rates.mean() < 0.95, codes)
"""


def test_forwards_that_run_over_all_steps(recorded) -> None:
    """SpikingJelly's tutorials show one image in several steps and return rates: by a loop, or by repeating it."""
    assert _run("spikingjelly", "-c", WHOLE_RUNS).splitlines() == 4 * ["True True ['N011']"]


MODULES = {
    "spikingjelly": (
        "from spikingjelly.activation_based import neuron\n"
        "nets = [nn.Sequential(nn.Linear(8, 4), neuron.LIFNode(step_mode=mode)) for mode in 'sm']"
    ),
    "norse": "import norse.torch as norse\nnets = [norse.SequentialState(nn.Linear(8, 4), norse.LIFBoxCell())]",
    "sinabs": (
        "import sys, types\n"
        "sys.modules['pylab'] = types.ModuleType('pylab')\n"  # sinabs imports it for one plot; it is not installed
        "import sinabs.layers as sl\n"
        "layers = sl.LIF(10.0), sl.LIFSqueeze(tau_mem=10.0, batch_size=1)\n"
        "nets = [nn.Sequential(nn.Linear(8, 4), layer) for layer in layers]"
    ),
}
MISFIT = """
import spear_deploy
for net in nets:
    for sample in (torch.zeros(1, 9), torch.zeros(1, 2, 4), torch.zeros(8), None):
        try:
            spear_deploy.from_{framework}(net, sample)
        except spear_deploy.errors.InputError as error:
            print(str(error).splitlines()[0])
"""


@pytest.mark.parametrize("framework", MODULES)
def test_samples_that_the_module_cannot_take(framework) -> None:
    """Every framework's own complaint becomes an E005 with the shape, in each way of calling it."""
    code = f"import torch\nfrom torch import nn\n{MODULES[framework]}\n{MISFIT.format(framework=framework)}"
    told = _run(framework, "-c", code).splitlines()
    each = [
        rf"E005 {framework}: the module cannot take a step of shape \(9,\): .+",
        rf"E005 {framework}: the module cannot take a step of shape \(2, 4\): .+",
        r"E005 sample: is of shape \(8,\)",
        r"E005 sample: is a NoneType",
    ]
    assert len(told) % len(each) == 0
    for number, line in enumerate(told):
        assert re.fullmatch(each[number % len(each)], line), line
    assert len(told) == len(each) * (1 if framework == "norse" else 2)


STATES = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.dense, self.lif = nn.Linear(8, 4), norse.LIFBoxCell()


class Needed(Net):
    def forward(self, x, state):
        return self.lif(self.dense(x), state)


class Kept(Net):
    def forward(self, x, state=None):
        return self.lif(self.dense(x), state)[0]


for net in (nn.Sequential(nn.Linear(8, 4), norse.LIFBoxCell(), nn.Linear(4, 4), norse.LIFBoxCell()), Needed(), Kept()):
    try:
        spear_deploy.from_norse(net, torch.zeros(1, 8))
    except spear_deploy.errors.InputError as error:
        print(" ".join(str(error).split()))
"""


def test_states_that_are_not_passed_on() -> None:
    """Norse's cells give a pair, and want a state: E048 says how, and nothing of shapes."""
    code = f"import torch, spear_deploy\nimport norse.torch as norse\nfrom torch import nn\n{STATES}"
    told = _run("norse", "-c", code).splitlines()
    for line, name in zip(told, ("Sequential", "Needed", "Kept"), strict=True):
        assert line.startswith(f"E048 {name}: its own code fails: TypeError: ")
        assert "SequentialState sees to that, or forward(x, state=None) that returns its output and its state" in line


UNKNOWN = {
    "spikingjelly": (
        "from spikingjelly.activation_based import layer, neuron",
        {
            "layer.MaxPool2d(2)": "MaxPool2d cannot be exported: use AvgPool2d or a strided convolution and retrain",
            "layer.VotingLayer(2)": "VotingLayer cannot be exported: use one of IFNode, .+; layers without a state: .+",
            "neuron.LIAFNode(nn.ReLU(), True)": "LIAFNode cannot be exported: use one of IFNode, LIFNode, [^;]+",
            "layer.LinearRecurrentContainer(neuron.LIFNode(), 4, 4)": "LinearRecurrentContainer cannot .+",
        },
    ),
    "norse": (
        "import norse.torch as norse",
        {
            "norse.LIFRecurrentCell(4, 4)": "LIFRecurrentCell cannot be exported: use one of LIFBoxCell, [^;]+",
            "norse.LIF()": "LIF cannot be exported: use LIFCell with the same parameters, [^;]+",
            "nn.MaxPool2d(2)": "MaxPool2d cannot be exported: use AvgPool2d or a strided convolution and retrain",
        },
    ),
    "sinabs": (
        "import sys, types\nsys.modules['pylab'] = types.ModuleType('pylab')\nimport sinabs.layers as sl",
        {
            "sl.LIFRecurrent(tau_mem=9.0, rec_connect=nn.Linear(4, 4))": "LIFRecurrent cannot .+ of IAF, [^;]+",
            "sl.ALIF(9.0, 9.0)": "ALIF cannot be exported: use one of IAF, .+ExpLeakSqueeze and retrain",
            "sl.Img2SpikeLayer((8,), 5)": "Img2SpikeLayer cannot be exported: use one of IAF, .+; layers without .+",
        },
    ),
}
REFUSED = """
import spear_deploy, torch
from torch import nn
for layer in {layers}:
    try:
        spear_deploy.from_{framework}(nn.Sequential(nn.Linear(8, 4), layer), torch.zeros(1, 8))
    except spear_deploy.errors.UnsupportedError as error:
        (finding,) = error.findings
        print(finding.where, finding.message + ": " + finding.fix, sep=": ")
"""


@pytest.mark.parametrize("framework", UNKNOWN)
def test_layers_that_cannot_be_exported(framework) -> None:
    """A framework's own pools, variants of neurons and recurrent containers are named, with what works instead."""
    imports, layers = UNKNOWN[framework]
    code = REFUSED.format(framework=framework, layers=f"[{', '.join(layers)}]")
    told = _run(framework, "-c", f"from torch import nn\n{imports}\n{code}").splitlines()
    assert len(told) == len(layers)
    for line, expected in zip(told, layers.values(), strict=True):
        assert re.fullmatch(f"layer '1': {expected}", line), line
