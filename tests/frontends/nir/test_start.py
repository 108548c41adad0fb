"""Where membranes start is part of what is read, run, written and put on a chip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spear_deploy.errors import UnsupportedError
from spear_deploy.frontends import load, save
from spear_deploy.frontends.nir.file import NirGraph
from spear_deploy.frontends.nir.package import from_package
from spear_deploy.frontends.nir.reader import convert, read_graph
from spear_deploy.frontends.semantics import PRESETS, Semantics, preset
from spear_deploy.targets import LoweringOptions, compiler_for, load_chip
from spear_deploy.targets.ports import InputRange
from tests.frontends.nir.graphs import chain, linear, node
from tests.frontends.nir.running import simulate

NORSE = replace(preset("norse"), dt=1.0)
STEPS = 40


def graph(kind: str = "LIF", **changed: float) -> NirGraph:
    fields = {"tau": 8.0, "tau_mem": 8.0, "tau_syn": 3.0, "r": 1.0, "v_leak": 0.4, "v_threshold": 0.5, "v_reset": -0.3}
    own = {"LIF": "tau r v_leak v_threshold v_reset", "LI": "tau r v_leak", "IF": "r v_threshold v_reset"}
    cuba = "tau_syn tau_mem r v_leak"
    own |= {"CubaLI": cuba, "CubaLIF": f"{cuba} v_threshold v_reset"}
    values = {key: np.full(3, (fields | changed)[key], np.float32) for key in own[kind].split()}
    return chain(linear(3, 2), node(kind, **values), shape=(2,))


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset(name: str) -> None:
    """Norse starts at v_leak; SpikingJelly, and NIR taken literally, at v_reset; all others at 0."""
    semantics = replace(preset(name), dt=1.0)
    neuron = convert(graph(), semantics).network["n1"].neuron
    expected = {"norse": 0.4, "spikingjelly": -0.3, "nir": -0.3}.get(name, 0.0)
    np.testing.assert_array_equal(neuron.start, np.full(3, expected, np.float32))


@pytest.mark.parametrize(
    ("kind", "start"), [("LIF", 0.4), ("CubaLIF", 0.4), ("LI", 0.4), ("CubaLI", 0.4), ("IF", -0.3)]
)
@pytest.mark.parametrize("reset", ["value", "zero", "subtract"])
def test_every_neuron(kind: str, start: float, reset: str) -> None:
    """Those that have a v_leak start there, whatever they are reset to; Norse's IAF at v_reset."""
    network = convert(graph(kind), replace(NORSE, reset=reset)).network
    expected = 0.0 if kind == "IF" and reset != "value" else start
    np.testing.assert_array_equal(network["n1"].neuron.start, np.full(3, expected, np.float32))


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF", "LI", "CubaLI", "IF"])
@pytest.mark.parametrize("reset", ["value", "subtract"])
@pytest.mark.parametrize("leak", [0.4, 0.0, 0.1])
def test_written_and_read_again(kind: str, reset: str, leak: float, tmp_path: Path) -> None:
    """The start survives a file, a graph of the nir package, and both with other semantics to begin with."""
    imported = convert(graph(kind, v_leak=leak), replace(NORSE, reset=reset))
    save(tmp_path / "n.nir", imported.network, imported.semantics)
    again = load(tmp_path / "n.nir")
    assert again.network.content_hash == imported.network.content_hash
    assert read_graph(from_package(imported.to_nir()), "x").network.content_hash == imported.network.content_hash
    assert again.semantics.start == "reset"


def test_equal_values_need_no_word() -> None:
    """A start where the neuron is reset to is no other start."""
    assert convert(graph(v_reset=0.4), NORSE).network["n1"].neuron.start_value is None


@pytest.mark.parametrize("floor", [None, -10.0])
def test_membranes_start_there(floor: float | None) -> None:
    """The fused scan and the one in torch: spikes of the equations, step by step."""
    network = convert(graph(), replace(NORSE, floor=floor)).network
    x = np.random.default_rng(0).uniform(-1, 2, (STEPS, 2, 2)).astype(np.float32)
    weight = network.projections[0].ops[0].weight.astype(np.float64)
    v, expected = np.full((2, 3), 0.4), np.zeros((STEPS, 2, 3))
    for step in range(STEPS):
        v = v + (0.4 - v + x[step] @ weight.T) / 8
        expected[step] = v > 0.5
        v = np.where(expected[step] > 0, -0.3, v)
    assert 0.02 < expected.mean() < 0.9
    np.testing.assert_array_equal(simulate(network, x)["n1"], expected)


def test_the_chip_starts_where_it_resets() -> None:
    """Another start is refused by name (E027); adapted, it starts at its reset value.  A readout is only shifted."""
    compiler = compiler_for(load_chip("loihi2"), {"input": InputRange(1, True)}, LoweringOptions())
    network = convert(graph(), NORSE).network
    with pytest.raises(UnsupportedError) as caught:
        compiler.lower(network)
    (finding,) = [f for f in caught.value.findings if f.code == "E027"]
    assert "population 'n1'" in finding.where
    assert "0.7" in finding.message
    adapted, semantics = compiler.adapt(network, NORSE)
    assert adapted["n1"].neuron.start_value is None
    assert semantics.start == "reset"
    compiler.lower(adapted)
    compiler.lower(convert(graph("LI"), NORSE).network)


def test_the_default_is_the_reset_value() -> None:
    """Semantics that say nothing, as those of files in the field, start at the reset."""
    assert Semantics().start == "reset"
