"""The time step that a file gives away: each exporter's rule, contradictions, and presets that say another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.errors import InputError
from spear_deploy.frontends import load
from spear_deploy.frontends.nir import file as nir_file
from spear_deploy.frontends.nir.dt import implied_dt, lambert_w
from spear_deploy.frontends.nir.file import NirNode
from spear_deploy.frontends.nir.reader import convert
from spear_deploy.frontends.semantics import Semantics, preset
from tests.frontends.nir.graphs import chain, lif, linear, node


def codes(error: InputError) -> list[str]:
    return [finding.code for finding in error.findings]


def cuba(**values: float) -> NirNode:
    fields = {"tau_syn": 2e-3, "tau_mem": 5e-3, "r": 50.0, "w_in": 20.0, "v_leak": 0.0, "v_threshold": 1.0, **values}
    return node("CubaLIF", **{key: np.full(3, value) for key, value in fields.items()})


@pytest.mark.parametrize(
    ("neuron", "dt"),
    [
        (lif(3, tau=2e-3, r=20.0), 1e-4),  # snnTorch: r = tau/dt
        (node("IF", r=np.full(3, 1e4), v_threshold=np.ones(3)), 1e-4),  # SpikingJelly: r = 1/dt
        (cuba(), 1e-4),  # snnTorch, lava-dl: tau_mem/r = tau_syn/w_in
        (lif(3, tau=20.0, r=20.0), 1.0),
        (lif(3, tau=20e-3, r=20 * np.exp(-0.05)), 1e-3),  # Rockpool: r = tau/dt * exp(-dt/tau)
        (cuba(tau_mem=20e-3, r=20 * np.exp(-0.05), w_in=1.0), 1e-3),
        (cuba(tau_mem=4e-4, tau_syn=1e-4, r=4.0, w_in=1.0), 1e-4),  # lava-dl without current memory
    ],
)
def test_dt_is_recovered(neuron, dt: float) -> None:
    """Exporters that write r = tau/dt or 1/dt give the time step away."""
    imported = convert(chain(linear(3, 2), neuron, shape=(2,)), Semantics())
    assert imported.semantics.dt == pytest.approx(dt, rel=1e-5)


def test_dt_that_the_file_does_not_imply() -> None:
    """With r = 1 everywhere dt is unknown: E023 asks for it."""
    with pytest.raises(InputError, match="--dt") as caught:
        convert(chain(linear(3, 2), lif(3, r=1.0), shape=(2,)), Semantics())
    assert codes(caught.value) == ["E023"]


def test_contradicting_nodes() -> None:
    """Nodes that imply different time steps are E023 with each node's value; a given dt settles it."""
    graph = chain(linear(3, 2), lif(3, tau=2e-3, r=20.0), linear(3, 3), lif(3, tau=2e-3, r=2.0), shape=(2,))
    with pytest.raises(InputError, match=r"n1: 0\.0001, n3: 0\.001") as caught:
        convert(graph, Semantics())
    assert codes(caught.value) == ["E023"]
    assert convert(graph, Semantics(dt=1e-4)).semantics.dt == 1e-4


@given(st.floats(1e-5, 1e-1), st.floats(1.5, 1000))
def test_rockpool_is_told_from_snntorch(dt: float, steps: float) -> None:
    """Both rules give their own dt back for neurons with time constants of their own, however odd dt is."""
    tau = dt * steps * np.array([1.0, 1.5, 2.0])
    fields = {"tau": tau, "v_leak": np.zeros(3), "v_threshold": np.ones(3)}
    assert implied_dt(NirNode("LIF", {**fields, "r": tau / dt})) == pytest.approx(dt, rel=1e-3)
    assert implied_dt(NirNode("LIF", {**fields, "r": tau / dt * np.exp(-dt / tau)})) == pytest.approx(dt, rel=1e-3)


@given(st.floats(0, 1e12))
def test_lambert_w_inverts(x: float) -> None:
    """W(x) * exp(W(x)) is x."""
    w = lambert_w(np.array([x]))
    np.testing.assert_allclose(w * np.exp(w), x, rtol=1e-12, atol=1e-300)


def test_a_preset_is_not_read_against_the_file(tmp_path: Path) -> None:
    """A preset's dt is a default: a file that implies another one is E023; --dt settles it."""
    nir_file.write(tmp_path / "other.nir", chain(linear(3, 2), lif(3, tau=2e-2, r=20.0), shape=(2,)))
    with pytest.raises(InputError, match=r"implies a time step of 0\.001, the preset's is 0\.0001") as caught:
        load(tmp_path / "other.nir", preset("spikingjelly"))
    assert codes(caught.value) == ["E023"]
    network = load(tmp_path / "other.nir", preset("spikingjelly"), {"dt": 1e-3}).network
    assert network["n1"].neuron.beta[0] == np.float32(0.95)


def test_a_preset_that_the_parameters_do_not_suggest(tmp_path: Path) -> None:
    """Parameters that a preset's exporter would not write are read, with a note that says whose they fit."""
    nir_file.write(tmp_path / "other.nir", chain(linear(3, 2), lif(3, tau=2e-2, r=1.0), shape=(2,)))
    _, note = load(tmp_path / "other.nir", preset("snntorch")).notes
    assert (note.where, note.message.split("; ")[1]) == ("--semantics", "they fit: norse, spikingjelly")
    assert {note.code for note in load(tmp_path / "other.nir", preset("spikingjelly")).notes} == {"N008"}


def test_unit_gains_are_exactly_one(tmp_path: Path) -> None:
    """snnTorch stores r and tau as float32, whose quotient is not always dt; its gain is 1 all the same."""
    beta = np.random.default_rng(0).uniform(0.1, 0.99, 1000).astype(np.float32)
    tau = np.float32(1e-4) / (1 - beta)
    fields = {"tau": tau, "r": tau / np.float32(1e-4), "v_leak": np.zeros(1000), "v_threshold": np.ones(1000)}
    nir_file.write(tmp_path / "theirs.nir", chain(NirNode("LIF", fields), shape=(1000,)))
    neuron = load(tmp_path / "theirs.nir", preset("snntorch")).network["n0"].neuron
    assert np.all(neuron.gain == 1)
    np.testing.assert_allclose(neuron.beta, beta, rtol=0, atol=2e-7)
