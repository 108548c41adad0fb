"""Semantics: presets, TOML files with all mistakes at once, and the neurons that they make."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.errors import InputError
from spear_deploy.frontends.nir.fields import FIELDS
from spear_deploy.frontends.nir.reader import convert
from spear_deploy.frontends.semantics import PRESETS, Semantics, from_json, from_mapping, from_toml, preset
from tests.frontends.nir.graphs import LITERAL, chain, joined, lif, linear, node, port
from tests.frontends.nir.running import simulate


def codes(error: InputError) -> list[str]:
    return [finding.code for finding in error.findings]


@pytest.mark.parametrize("name", PRESETS)
def test_presets_resolve(name: str) -> None:
    """Every preset is found by its name and survives its JSON form."""
    assert from_json(preset(name).to_json(), name) == preset(name)


def test_presets_follow_their_exporters() -> None:
    """What distinguishes the frameworks: reset, its time, comparison, integrator and spikes in a step."""
    conventions = {
        name: (s.reset, s.reset_delay, s.compare, s.integration, s.spikes) for name, (s, _) in PRESETS.items()
    }
    assert conventions == {
        "nir": ("value", False, "gt", "euler", "binary"),
        "snntorch": ("subtract", True, "gt", "euler", "binary"),
        "norse": ("value", False, "gt", "euler", "binary"),
        "spikingjelly": ("value", False, "ge", "euler", "binary"),
        "sinabs": ("subtract", False, "ge", "exponential", "integer"),
        "rockpool": ("subtract", False, "ge", "exponential", "integer"),
        "lava-dl": ("zero", False, "ge", "euler", "binary"),
        "lava": ("zero", False, "gt", "euler", "binary"),
    }


def test_unknown_preset_suggests_the_nearest() -> None:
    """A misspelt preset is E008 and names the one that was meant."""
    with pytest.raises(InputError, match=r"did you mean 'spikingjelly'\?.*presets: nir, snntorch") as caught:
        preset("SpikingJely")
    assert codes(caught.value) == ["E008"]


def test_toml_overrides_its_preset(tmp_path: Path) -> None:
    """A file may start from a preset and replace single fields."""
    path = tmp_path / "s.toml"
    path.write_text('preset = "snntorch"\nreset = "zero"\ndt = 0.001\nfloor = -1\n')
    assert from_toml(path) == replace(preset("snntorch"), reset="zero", dt=0.001, floor=-1)


def test_toml_mistakes_are_listed_at_once(tmp_path: Path) -> None:
    """Every unknown field and impossible value is a finding of its own, with the choices."""
    path = tmp_path / "s.toml"
    path.write_text('reset = "soft"\ndt = "1"\nreset_delay = 1\nfloor = true\nrest = "zero"\n')
    with pytest.raises(InputError) as caught:
        from_toml(path)
    assert [finding.where for finding in caught.value.findings] == [
        f"{path}: {key}" for key in ("reset", "dt", "reset_delay", "floor", "rest")
    ]
    assert set(codes(caught.value)) == {"E008"}
    assert "'value' or 'zero' or 'subtract'" in caught.value.findings[0].fix


@pytest.mark.parametrize(
    ("text", "code"), [("reset = ", "E008"), ("preset = 3", "E008"), ("preset = [1]", "E008"), ("\xff", "E008")]
)
def test_unusable_toml(text: str, code: str, tmp_path: Path) -> None:
    """Broken syntax, wrong encoding and presets that are not names are refused, not raised."""
    path = tmp_path / "s.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        from_toml(path)
    assert codes(caught.value) == [code]


def test_missing_toml(tmp_path: Path) -> None:
    """A file that is not there is E001, a folder too."""
    for path in (tmp_path / "absent.toml", tmp_path):
        with pytest.raises(InputError) as caught:
            from_toml(path)
        assert codes(caught.value) == ["E001"]


def test_stored_names_are_those_of_files_in_the_field() -> None:
    """Metadata call ``reset_delay`` ``late``, as they did before the field was named after snnTorch's option."""
    late = replace(preset("nir"), reset_delay=True)
    stored = json.loads(late.to_json())
    assert stored["late"] is True
    assert "reset_delay" not in stored
    assert from_json('{"dt": 0.5, "late": true}', "file.nir") == Semantics(dt=0.5, reset_delay=True)


@pytest.mark.parametrize("text", ["{", "[]", "3", "null"])
def test_damaged_stored_semantics(text: str) -> None:
    """Metadata that is not a table of semantics is a damaged file, E003."""
    with pytest.raises(InputError) as caught:
        from_json(text, "file.nir")
    assert codes(caught.value) == ["E003"]


@given(
    st.builds(
        Semantics,
        dt=st.none() | st.floats(1e-6, 10),
        integration=st.sampled_from(["euler", "exponential"]),
        current_gain=st.sampled_from(["literal", "unit", "decayed"]),
        reset=st.sampled_from(["value", "zero", "subtract"]),
        reset_delay=st.booleans(),
        compare=st.sampled_from(["gt", "ge"]),
        spikes=st.sampled_from(["binary", "integer"]),
        floor=st.none() | st.floats(-10, 0),
        start=st.sampled_from(["reset", "leak"]),
    )
)
def test_json_and_mapping_are_exact(semantics: Semantics) -> None:
    """Any semantics survives its stored form, to the last bit of its numbers."""
    assert from_json(semantics.to_json(), "x") == semantics
    assert from_mapping(asdict(semantics), "x") == semantics


@pytest.mark.parametrize("dt", [0.0, -1.0, float("nan"), float("inf"), 3.0])
def test_impossible_dt(dt: float) -> None:
    """A time step that is not positive, not finite, or longer than a time constant is E024."""
    with pytest.raises(InputError) as caught:
        convert(chain(linear(3, 2), lif(3, tau=2.0), shape=(2,)), replace(LITERAL, dt=dt))
    assert set(codes(caught.value)) == {"E024"}


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("nir", "LIF", (0.0, 0.75, 0.5)),
        ("norse", "CubaLIF", (0.5, 0.75, 0.5)),  # LIFCell's jump is 1, not dt/tau_syn
        ("nir", "CubaLIF", (0.5, 0.75, 0.25)),
        ("nir", "IF", (0.0, 1.0, 2.0)),
        ("snntorch", "IF", (0.0, 1.0, 1.0)),  # every exporter of IF means v = v + x
        ("sinabs", "LIF", (0.0, np.exp(-0.25), 2 * (1 - np.exp(-0.25)))),
        ("rockpool", "LIF", (0.0, np.exp(-0.25), 1.0)),
        ("rockpool", "LI", (0.0, np.exp(-0.25), np.exp(-0.25))),  # ExpSyn: a current that is read
        ("rockpool", "CubaLIF", (np.exp(-0.5), np.exp(-0.25), np.exp(-0.5))),  # added before the current decays
        ("lava-dl", "CubaLIF", (0.5, 0.75, 1.0)),
        ("lava", "CubaLIF", (0.5, 0.75, 1.0)),
    ],
)
def test_normal_form(name: str, kind: str, expected: tuple[float, float, float]) -> None:
    """The decays and the gain of a node, read with a preset and dt = 1, are those of the exporter's equations."""
    values = {"tau": 4.0, "tau_mem": 4.0, "tau_syn": 2.0, "r": 2.0, "v_leak": 0.0, "v_threshold": 1.0}
    neuron = node(kind, **{key: np.full(3, value) for key, value in values.items() if key in FIELDS[kind]})
    network = convert(chain(linear(3, 2), neuron, shape=(2,)), replace(preset(name), dt=1.0)).network
    read = network["n1"].neuron
    assert (read.alpha[0], read.beta[0], read.gain[0]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("kind", ["LIF", "IF", "CubaLIF"])
@pytest.mark.parametrize("itself", [False, True])
def test_a_late_reset_to_zero(kind: str, itself: bool) -> None:
    """It blanks the next step, but of snnTorch's Leaky, one-state and not recurrent, it is an immediate one."""
    values = {"tau": 4.0, "tau_mem": 4.0, "tau_syn": 2.0, "r": 2.0, "v_leak": 0.0, "v_threshold": 1.0}
    neuron = node(kind, **{key: np.full(3, value) for key, value in values.items() if key in FIELDS[kind]})
    nodes = {"input": port("Input", 3), "n": neuron, "w": linear(3, 3), "output": port("Output", 3)}
    graph = joined(nodes, "input>n n>output" + (" n>w w>n" if itself else ""))
    for reset in ("zero", "subtract"):
        semantics = replace(preset("snntorch"), dt=1.0, reset=reset)
        read = convert(graph, semantics).network["n"].neuron
        assert read.reset_delay == (reset == "subtract" or itself or kind == "CubaLIF")


SNNTORCH = [
    (kind, reset, True) for kind in ("Leaky", "Synaptic", "RLeaky", "RSynaptic") for reset in ("zero", "subtract")
]


@pytest.mark.parametrize(("kind", "reset", "delay"), [*SNNTORCH, ("Leaky", "zero", False), ("RLeaky", "zero", False)])
def test_snntorch_itself_gives_the_same_spikes(kind: str, reset: str, delay: bool) -> None:
    """Each neuron of snnTorch, run beside its file's reading, fires in the same bins, recurrent biases included."""
    snntorch = pytest.importorskip("snntorch")
    torch.manual_seed(0)
    size, steps, alpha, beta = 20, 100, 0.8, 0.9
    decays = ({"alpha": alpha} if "Synaptic" in kind else {}) | {"beta": beta}
    recurrent = {"linear_features": size} if kind.startswith("R") else {}
    cell = getattr(snntorch, kind)(**decays, **recurrent, reset_mechanism=reset, reset_delay=delay)
    synapse = {"tau_syn": 1e-4 / (1 - alpha), "tau_mem": 1e-4 / (1 - beta), "w_in": 1 / (1 - alpha)}
    fields = {"r": 1 / (1 - beta), "v_leak": 0.0, "v_threshold": 1.0}
    fields |= synapse if "Synaptic" in kind else {"tau": 1e-4 / (1 - beta)}
    neuron = node("CubaLIF" if "Synaptic" in kind else "LIF", **{k: np.full(size, v) for k, v in fields.items()})
    nodes = {"input": port("Input", size), "n": neuron, "output": port("Output", size)}
    if recurrent:
        weight, bias = (p.detach().numpy() for p in cell.recurrent.parameters())
        nodes["w_rec"] = node("Affine", weight=weight, bias=bias)
    graph = joined(nodes, "input>n n>output" + (" n>w_rec w_rec>n" if recurrent else ""))
    network = convert(graph, replace(preset("snntorch"), reset=reset, reset_delay=delay)).network
    x = torch.randn(steps, 2, size)
    state, spikes = (torch.zeros(2, size),) * (3 if "Synaptic" in kind else 2), []
    with torch.no_grad():
        for step in x:
            state = cell(step, *(state if recurrent else state[1:]))
            spikes.append(state[0])
    expected = torch.stack(spikes).numpy()
    assert 0.05 < expected.mean() < 0.9
    np.testing.assert_array_equal(simulate(network, x.numpy())["n"], expected)
