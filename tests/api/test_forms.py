"""The forms in which networks and data are taken: the same network and data give the same result."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import spear_deploy
from spear_deploy.errors import InputError

QUICK: dict[str, Any] = {"synops": "60%", "episodes": 8, "candidates": 1, "epochs": 2.0}


@pytest.fixture(scope="module")
def arrays(tiny_npz: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(tiny_npz) as file:
        return file["x"], file["y"]


@pytest.fixture(scope="module")
def wanted(tiny_nir: Path, arrays: tuple[np.ndarray, np.ndarray]) -> str:
    """Hash of the network that the file and the pair of arrays give."""
    return spear_deploy.deploy(tiny_nir, arrays, **QUICK).network.content_hash


def test_models(tiny_nir: Path, arrays: tuple[np.ndarray, np.ndarray], wanted: str) -> None:
    """A path as text, what ``load`` returned, and a graph of the nir package are the file."""
    imported = spear_deploy.load(tiny_nir)
    for model in (str(tiny_nir), imported, imported.to_nir()):
        assert spear_deploy.deploy(model, arrays, **QUICK).network.content_hash == wanted
    with pytest.raises(InputError, match="E001 model: int is not a network"):
        spear_deploy.deploy(7, arrays, **QUICK)


def split(arrays: tuple[np.ndarray, np.ndarray]) -> dict[str, np.ndarray]:
    x, y = arrays
    return {"x_train": x[:90], "y_train": y[:90], "x_test": x[90:], "y_test": y[90:]}


def test_data(tiny_nir: Path, tiny_npz: Path, arrays: tuple[np.ndarray, np.ndarray], wanted: str) -> None:
    """A file, a mapping, and torch's Dataset of the same arrays give the same network."""
    x, y = arrays
    dataset = TensorDataset(torch.tensor(x), torch.tensor(y))
    for data in (tiny_npz, str(tiny_npz), {"x": x, "y": y}, dataset):
        assert spear_deploy.deploy(tiny_nir, data, **QUICK).network.content_hash == wanted


def test_data_that_is_split(tiny_nir: Path, arrays: tuple[np.ndarray, np.ndarray]) -> None:
    """Four arrays, a mapping of them, and a pair of loaders, whose own order and batches do not matter, are one."""
    parts = split(arrays)
    train = TensorDataset(torch.tensor(parts["x_train"]), torch.tensor(parts["y_train"]))
    test = TensorDataset(torch.tensor(parts["x_test"]), torch.tensor(parts["y_test"]))
    loaders = (DataLoader(train, batch_size=7), DataLoader(test, batch_size=64))
    found = {
        spear_deploy.deploy(tiny_nir, data, **QUICK).network.content_hash
        for data in (tuple(parts.values()), parts, loaders)
    }
    assert len(found) == 1


def test_the_calls_of_the_design(tiny_nir: Path, arrays: tuple[np.ndarray, np.ndarray]) -> None:
    """load, simulate, lower, emulate: spikes and membranes of each population by name, (steps, samples, *shape)."""
    x = np.moveaxis(arrays[0][:20], 1, 0)
    imported = spear_deploy.load(tiny_nir)
    in_float = imported.simulate(x)
    lowered = spear_deploy.lower(imported, chip="loihi2", calibration=x)
    on_chip = lowered.emulate(x)
    for population in imported.network.neurons:
        for recording in (in_float, on_chip):
            assert recording.spikes[population.name].shape == (6, 20, *population.shape)
            assert recording.membrane[population.name].shape == (6, 20, *population.shape)
    assert (on_chip.spikes["hidden1"] == in_float.spikes["hidden1"]).mean() > 0.98
    assert lowered.placement.cores == 3
    assert lowered.findings == ()


def test_graphs_of_the_nir_package(tiny_nir: Path, arrays: tuple[np.ndarray, np.ndarray]) -> None:
    """A network goes into a graph of the package and comes back with its semantics; its spikes are the same."""
    import nir

    imported = spear_deploy.load(tiny_nir)
    graph = imported.to_nir()
    assert isinstance(graph, nir.NIRGraph)
    again = spear_deploy.load(graph)
    assert again.semantics == imported.semantics
    x = np.moveaxis(arrays[0][:5], 1, 0)
    np.testing.assert_array_equal(again.simulate(x).spikes["output"], imported.simulate(x).spikes["output"])


def test_public_names() -> None:
    """``dir`` lists what is public, and no more."""
    assert set(dir(spear_deploy)) == {*spear_deploy.__all__, "__version__"}


def test_what_ran_before_changes_nothing(tiny_nir: Path, tiny_npz: Path) -> None:
    """After large sums in torch, draws and other numbers of threads, the same seed gives the same bytes."""
    deploy = (
        "import spear_deploy, hashlib\n"
        f"done = spear_deploy.deploy({str(tiny_nir)!r}, {str(tiny_npz)!r}, **{QUICK!r})\n"
        "print(hashlib.sha256((done.folder / 'program.h5').read_bytes()).hexdigest())"
    )
    before = "import numpy, random, torch\ntorch.randn(10**6).exp(); numpy.random.rand(); random.random()\n"
    found = set()
    for code in (deploy, before + deploy, "import torch\ntorch.set_num_threads(3)\n" + deploy):
        found.add(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    assert len(found) == 1


def test_nothing_is_set_for_others(tiny_nir: Path, tiny_npz: Path) -> None:
    """A deployment leaves torch's, numpy's and Python's random states and threads as they were."""
    before = random_states()
    spear_deploy.deploy(tiny_nir, tiny_npz, **QUICK)
    assert random_states() == before


def random_states() -> tuple[Any, ...]:
    numpy_state = np.random.get_state()  # noqa: NPY002  (the global one is what must stay)
    torch_state = (torch.get_rng_state().numpy().tobytes(), torch.get_num_threads())
    return random.getstate(), numpy_state[1].tobytes(), numpy_state[2], *torch_state
