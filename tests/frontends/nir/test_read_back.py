"""Files written here, run by other tools: the same spikes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nir
import nirtorch
import numpy as np
import pytest
import torch
from snntorch.import_nir import import_from_nir
from torch import nn

from spear_deploy.frontends import Semantics, save
from spear_deploy.network import AvgPool2d, Conv2d, Flatten, Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.network.ops import chain_shapes
from spear_deploy.simulate.simulator import FloatSimulator
from tests.frameworks import ROOT, home

DT, BETA, STEPS = 1e-4, 0.9, 40
SEMANTICS = Semantics(dt=DT)


def layered() -> Network:
    """Convolution, pooled convolution, matrix; neurons of unit gain that reset to zero, as all these tools do."""
    rng = np.random.default_rng(0)

    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(0.05, 1.2 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)

    zeros = np.zeros
    chains = (
        (Conv2d(drawn(4, 2, 3, 3), zeros(4, np.float32) + 0.05, padding=(1, 1)),),
        (AvgPool2d((2, 2), (2, 2)), Conv2d(drawn(5, 4, 3, 3), None, padding=(1, 1))),
        (Flatten(), Linear(drawn(6, 80), zeros(6, np.float32) + 0.1)),
    )
    populations, projections = [Input("in", (2, 8, 8))], []
    for index, ops in enumerate(chains):
        source = populations[-1]
        shape = chain_shapes(ops, source.shape)[-1]
        full = {name: np.full(shape, value, np.float32) for name, value in PARAMETERS.items()}
        populations.append(Population(f"p{index}", shape, Neuron(**full)))
        projections.append(Projection(f"w{index}", source.name, f"p{index}", ops))
    return Network(tuple(populations), tuple(projections), (populations[-1].name,))


PARAMETERS = {"alpha": 0.0, "beta": BETA, "gain": 1.0, "bias": 0.0, "reset_value": 0.0, "threshold": 1.0}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network's file."""
    path = tmp_path_factory.mktemp("written") / "net.nir"
    save(path, layered(), SEMANTICS)
    return path


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    """Input spikes (T, B, 2, 8, 8)."""
    return torch.from_numpy((np.random.default_rng(1).random((STEPS, 3, 2, 8, 8)) < 0.4).astype(np.float32))


@pytest.fixture(scope="module")
def expected(x: torch.Tensor) -> torch.Tensor:
    """What the network does with it."""
    with torch.no_grad():
        out = FloatSimulator(layered())({"in": x})["p2"]
    assert 0.05 < out.mean() < 0.8
    return out


class Lif(nn.Module):
    """NIR's LIF, literally, as a module of nirtorch: output and state."""

    def __init__(self, node: nir.LIF) -> None:
        super().__init__()
        self.leak, self.gain, self.threshold = (
            torch.tensor(value, dtype=torch.float32)
            for value in (1 - DT / node.tau, node.r * DT / node.tau, node.v_threshold)
        )

    def forward(self, x: torch.Tensor, state: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        v = self.leak * (torch.zeros_like(x) if state is None else state) + self.gain * x
        spikes = (v > self.threshold).float()
        return spikes, v * (1 - spikes)


def run(build: Callable[[], nn.Module], x: torch.Tensor) -> torch.Tensor:
    """Outputs (T, B, n) of modules that take and return a state.

    Sample by sample, since their Flatten knows no batch; built anew for each, since snnTorch's Leaky keeps a state too.
    """
    samples = []
    for sample in x.unbind(dim=1):
        module, state, outputs = build(), None, []
        for step in sample:
            out, state = module(step, state)
            outputs.append(out)
        samples.append(torch.stack(outputs))
    return torch.stack(samples, dim=1)


def test_nirtorch(file: Path, x: torch.Tensor, expected: torch.Tensor) -> None:
    """nirtorch runs the file with NIR's own LIF: no spike differs."""
    nodes = {nir.LIF: Lif, nir.Affine: affine, nir.AvgPool2d: pool}
    with torch.no_grad():
        torch.testing.assert_close(
            run(lambda: nirtorch.nir_to_torch(nir.read(file), nodes), x), expected, rtol=0, atol=0
        )


def pool(node: nir.AvgPool2d) -> nn.AvgPool2d:
    """nirtorch 2.6 hands arrays to PyTorch, which takes none."""
    return nn.AvgPool2d(tuple(node.kernel_size.tolist()), tuple(node.stride.tolist()))


def affine(node: nir.Affine) -> nn.Linear:
    """nirtorch 2.6 leaves the bias of its own at random."""
    layer = nn.Linear(*node.weight.shape[::-1])
    layer.weight.data, layer.bias.data = torch.tensor(node.weight), torch.tensor(node.bias)
    return layer


def test_snntorch(file: Path, x: torch.Tensor, expected: torch.Tensor) -> None:
    """snnTorch's import gives the file's spikes."""
    with torch.no_grad():
        torch.testing.assert_close(run(lambda: import_from_nir(nir.read(file)), x), expected, rtol=0, atol=0)


def test_spikingjelly(file: Path, x: torch.Tensor, expected: torch.Tensor, tmp_path: Path) -> None:
    """SpikingJelly's import gives the file's spikes; it fires at equality too, which does not occur here."""
    np.save(tmp_path / "x.npy", x.numpy())
    paths = os.pathsep.join((str(home("spikingjelly")), str(ROOT)))
    code = """
import sys
import nir, numpy as np, torch
from spikingjelly.activation_based.nir_exchange import import_from_nir
module = import_from_nir(nir.read(sys.argv[1]), dt=1e-4)
x = torch.from_numpy(np.load(sys.argv[2]))
outputs, state = [], None
with torch.no_grad():
    for step in x:
        out, state = module(step, state)
        outputs.append(out)
np.save(sys.argv[3], torch.stack(outputs).numpy())
"""
    arguments = [str(file), str(tmp_path / "x.npy"), str(tmp_path / "out.npy")]
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected.numpy())
