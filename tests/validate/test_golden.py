"""Golden traces: every recorded bin is compared, and the semantics that give them are found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.errors import InputError
from spear_deploy.frontends import PRESETS
from spear_deploy.frontends.nir import file as nir_file
from spear_deploy.frontends.nir.file import NirGraph
from spear_deploy.frontends.nir.reader import convert
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.measure.runs import to_tensor
from spear_deploy.network import Network
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.validate import golden as golden_module
from spear_deploy.validate.golden import Golden, compare
from spear_deploy.validate.semantics_search import Candidate, candidates, search
from spear_deploy.validate.trace_file import read_golden
from tests import strategies
from tests.frontends.nir.graphs import chain, lif, linear

BASES = {f"--semantics {name}": semantics for name, (semantics, _) in PRESETS.items()}


def recorded(network: Network, inputs: Mapping[str, np.ndarray]) -> Golden:
    """What the network itself does on inputs (N, T, *shape)."""
    with torch.no_grad():
        out = FloatSimulator(network)({name: to_tensor(np.moveaxis(x, 1, 0)) for name, x in inputs.items()})
    firing = [p.name for p in network.neurons if not p.neuron.is_readout]
    return Golden(inputs, {name: np.moveaxis(out[name].numpy(), 0, 1) for name in firing})


def spikes(seed: int, *shape: int) -> np.ndarray:
    return (np.random.default_rng(seed).random(shape) < 0.5).astype(np.uint8)


@settings(max_examples=20, deadline=None)
@given(network=strategies.networks(), seed=st.integers(0, 1000))
def test_a_network_agrees_with_itself(network: Network, seed: int) -> None:
    """The spikes of any network are those that it gives again, sample by sample as in one batch."""
    golden = recorded(network, {"in": spikes(seed, 3, 5, *network["in"].shape)})
    whole = compare(network, golden)
    assert (whole.total, whole.first) == (0, None)
    assert sum(whole.bins.values()) == golden.bins
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(golden_module, "_BATCH_VALUES", 1)
        assert compare(network, golden) == whole


@pytest.mark.parametrize("batch", [1, 1 << 25])
def test_every_changed_bin_is_counted(batch: int, untrained_network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of changed bins each counts for its population; the first is the earliest step, population, sample."""
    monkeypatch.setattr(golden_module, "_BATCH_VALUES", batch)
    golden = recorded(untrained_network, {"input": spikes(0, 4, 6, 12)})
    for name, where in [("output", (0, 2, 1)), ("hidden1", (3, 2, 5)), ("hidden1", (1, 2, 7)), ("hidden1", (0, 4, 0))]:
        golden.spikes[name][where] = 1 - golden.spikes[name][where]
    agreement = compare(untrained_network, golden)
    assert agreement.mismatches == {"hidden1": 3, "hidden2": 0, "output": 1}
    first = agreement.first
    assert first is not None
    assert (first.step, first.sample, first.population, first.neuron) == (2, 1, "hidden1", (7,))
    assert (first.recorded, first.computed) == (golden.spikes["hidden1"][1, 2, 7], 1 - first.recorded)
    assert str(first).startswith("step 2, sample 1, population 'hidden1', neuron (7,): recorded ")


def leaky_graph(r: float = 2e-3 / 1e-4) -> NirGraph:
    """Two layers with a decay of 0.95 and random weights, as snnTorch or lava-dl would write them."""
    parameters = {"tau": 2e-3, "r": r, "v_leak": 0.0, "v_threshold": 1.0}
    layers = (linear(12, 6, 1), lif(12, **parameters), linear(5, 12, 2), lif(5, **parameters))
    return chain(*layers, shape=(6,))


def snntorch_with(**fields: object) -> Semantics:
    return replace(PRESETS["snntorch"][0], **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("semantics", "overrides"),
    [
        *((replace(PRESETS[name][0], dt=1e-4), 0) for name in ("snntorch", "lava-dl", "norse", "rockpool")),
        (snntorch_with(reset="zero", reset_delay=False), 0),
        (snntorch_with(reset_delay=False), 1),
        (snntorch_with(spikes="integer"), 1),
        (snntorch_with(reset_delay=False, compare="ge"), 2),
    ],
)
def test_the_semantics_that_recorded_are_found(semantics: Semantics, overrides: int) -> None:
    """Presets, and what lies two overrides from one, are found by their spikes, with no more overrides than needed."""
    network = convert(leaky_graph(), semantics).network
    golden = recorded(network, {"input": spikes(1, 8, 60, 6)})
    tried = {candidate.options: candidate.semantics for candidate in candidates(leaky_graph(), BASES)}
    fits = search(leaky_graph(), golden, [Candidate(*item) for item in tried.items()])
    matching = [fit.options for fit in fits if not fit.mismatches]
    same = [
        options
        for options in matching
        if convert(leaky_graph(), tried[options]).network.content_hash == network.content_hash
    ]
    assert len(same) == 1
    assert same[0].count("--") <= 1 + overrides
    assert [fit.mismatches for fit in fits] == sorted(fit.mismatches for fit in fits)


def test_values_that_the_user_gives_are_tried() -> None:
    """A file that implies no time step is read with the one given, and the options say so."""
    graph = leaky_graph(r=1.0)
    semantics = Semantics(dt=2e-4, gain="unit", if_gain="unit", current_gain="unit", reset="zero")
    golden = recorded(convert(graph, semantics).network, {"input": spikes(3, 6, 40, 6)})
    assert all(fit.mismatches for fit in search(graph, golden, candidates(graph, BASES)))
    fits = search(graph, golden, candidates(graph, BASES, {"dt": 2e-4}))
    assert fits[0].options.endswith("--dt 0.0002")
    assert fits[0].mismatches == 0


def test_presets_that_contradict_the_file_are_not_offered() -> None:
    """A preset's time step that is not the file's own is refused by the importer: no answer may contain it."""
    tried = candidates(leaky_graph(), BASES)
    assert all(candidate.semantics.dt in (None, 1e-4) for candidate in tried)


def test_a_graph_that_no_preset_reads() -> None:
    """What the importer says of such a graph is raised."""
    with pytest.raises(InputError, match="E003"):
        candidates(chain(linear(2, 3), lif(2, tau=-1.0), shape=(3,)), BASES)


@pytest.mark.parametrize(
    ("name", "bins", "fitting", "other"),
    [
        ("spikingjelly_cnn_lif_mnist", 1_206_784, "--semantics spikingjelly", "--semantics sinabs"),
        ("snntorch_rleaky_subtract_rowmnist", 197_120, "--semantics snntorch", "--semantics snntorch --reset zero"),
    ],
)
def test_real_traces(name: str, bins: int, fitting: str, other: str, shared: Path) -> None:
    """Trained networks of SpikingJelly and snnTorch: not one bin differs under their preset, and it is the answer."""
    path = shared / f"nir/{name}.nir"
    graph = nir_file.read(path)
    tried = candidates(graph, BASES)
    golden = read_golden(path.with_suffix(".npz"), convert(graph, tried[0].semantics).network)
    fits = search(graph, golden, tried)
    assert golden.bins == bins
    assert (fits[0].options, fits[0].mismatches) == (fitting, 0)
    assert other not in [fit.options for fit in fits if not fit.mismatches]
    assert any(fit.mismatches > bins / 1000 for fit in fits)


def test_wrong_reset_of_a_real_network(shared: Path) -> None:
    """Read literally, the recurrent snnTorch network misses 1786 of 17,920 output bins: snnTorch's own figure."""
    graph = nir_file.read(shared / "nir/snntorch_rleaky_subtract_rowmnist.nir")
    network = convert(graph, Semantics(dt=1e-4)).network
    agreement = compare(network, read_golden(shared / "nir/snntorch_rleaky_subtract_rowmnist.npz", network))
    assert (agreement.bins["lif2"], agreement.mismatches["lif2"]) == (17_920, 1786)
