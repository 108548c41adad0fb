"""Fixtures of all tests: a tiny trained network with its data, and the folder of real graphs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numba
import numpy as np
import pytest
import torch
from rich.console import Console

from spear_deploy.data import DataOptions, Dataset, from_arrays
from spear_deploy.frontends import Semantics, save
from spear_deploy.network import Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.progress import Progress
from spear_deploy.train.config import FinetuneConfig
from spear_deploy.train.finetune import finetune

numba.set_num_threads(1)  # starts numba's threads, which may change torch's number: first of both
torch.set_num_threads(1)  # tests run in parallel processes: threads of one would only wait for those of the other

pytest_plugins = ["tests.tiny_deployments"]

TINY_SIZES = {"input": 12, "hidden1": 10, "hidden2": 8, "output": 3}


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real graphs and data beside the repository; tests that need it are skipped without it."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "nir").is_dir():
        pytest.skip(f"needs the real graphs in {folder}")
    return folder


@pytest.fixture(scope="session")
def tiny_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three noisy spike patterns over 12 inputs and 6 steps: 120 samples as an .npz with x and y."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    rates = 0.1 + 0.7 * (np.arange(12) // 4 == y[:, None, None])
    x = (rng.random((120, 6, 12)) < rates).astype(np.uint8)
    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    np.savez(path, x=x, y=y)
    return path


@pytest.fixture(scope="session")
def tiny_data(tiny_npz: Path) -> Dataset:
    """The tiny data set, every fifth sample of it for the test."""
    with np.load(tiny_npz) as file:
        x, y = file["x"], file["y"]
    test = np.arange(len(y)) % 5 == 0
    parts = {"x_train": x[~test], "y_train": y[~test], "x_test": x[test], "y_test": y[test]}
    return from_arrays(parts, "tiny", "tiny", DataOptions())


@pytest.fixture(scope="session")
def untrained_network() -> Network:
    """A feed-forward network of 12-10-8-3 leaky neurons with random weights."""
    rng = np.random.default_rng(1)
    populations = [Input("input", (12,))]
    projections = []
    for (source, columns), (target, rows) in pairwise(TINY_SIZES.items()):
        weight = rng.normal(0.12, 0.4, (rows, columns)).astype(np.float32)
        populations.append(Population(target, (rows,), leaky(rows)))
        projections.append(Projection(f"to_{target}", source, target, (Linear(weight),)))
    return Network(tuple(populations), tuple(projections), ("output",))


@pytest.fixture(scope="session")
def tiny_network(untrained_network: Network, tiny_data: Dataset) -> Network:
    """The network trained on the tiny data set."""
    config = FinetuneConfig(epochs=30, learning_rate=1e-2, batch=24)
    return finetune(untrained_network, tiny_data.train, config, seed=0).network


@pytest.fixture(scope="session")
def tiny_nir(tiny_network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained network as a NIR file that carries its semantics."""
    path = tmp_path_factory.mktemp("model") / "tiny.nir"
    save(path, tiny_network, Semantics(dt=1.0))
    return path


@pytest.fixture
def progress() -> Progress:
    """Progress that prints nothing."""
    return Progress(Console(quiet=True))


def leaky(size: int) -> Neuron:
    """Neurons with a decay of 0.9, threshold 1 and reset to zero."""
    zero, one = np.zeros(size, np.float32), np.ones(size, np.float32)
    return Neuron(alpha=zero, beta=0.9 * one, gain=one, bias=zero, reset_value=zero, threshold=one)
