"""Semantics: presets, TOML files with all mistakes at once, and dt recovered from the file."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.errors import InputError
from spear_deploy.frontends.nir_reader import convert
from spear_deploy.frontends.semantics import PRESETS, Semantics, from_json, from_mapping, from_toml, preset
from tests.frontends.graphs import LITERAL, chain, lif, linear, node


def codes(error: InputError) -> list[str]:
    return [finding.code for finding in error.findings]


def cuba(**values: float) -> object:
    fields = {"tau_syn": 2e-3, "tau_mem": 5e-3, "r": 50.0, "w_in": 20.0, "v_leak": 0.0, "v_threshold": 1.0, **values}
    return node("CubaLIF", **{key: np.full(3, value) for key, value in fields.items()})


@pytest.mark.parametrize("name", PRESETS)
def test_presets_resolve(name: str) -> None:
    """Every preset is found by its name and survives its JSON form."""
    assert from_json(preset(name).to_json(), name) == preset(name)


def test_presets_follow_their_exporters() -> None:
    """What distinguishes the frameworks: reset, its time, comparison, integrator and spikes in a step."""
    conventions = {name: (s.reset, s.late, s.compare, s.integration, s.spikes) for name, (s, _) in PRESETS.items()}
    assert conventions == {
        "nir": ("value", False, "gt", "euler", "binary"),
        "snntorch": ("subtract", True, "gt", "euler", "binary"),
        "norse": ("value", False, "gt", "euler", "binary"),
        "spikingjelly": ("value", False, "ge", "euler", "binary"),
        "sinabs": ("subtract", False, "ge", "exponential", "integer"),
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
    path.write_text('reset = "soft"\ndt = "1"\nlate = 1\nfloor = true\nrest = "zero"\n')
    with pytest.raises(InputError) as caught:
        from_toml(path)
    assert [finding.where for finding in caught.value.findings] == [
        f"{path}: {key}" for key in ("reset", "dt", "late", "floor", "rest")
    ]
    assert set(codes(caught.value)) == {"E008"}
    assert "'value' or 'zero' or 'subtract'" in caught.value.findings[0].fix


@pytest.mark.parametrize(
    ("text", "code"), [("reset = ", "E008"), ("preset = 3", "E008"), ("preset = [1]", "E008"), ("\xff", "E008")]
)
def test_unusable_toml(text: str, code: str, tmp_path: Path) -> None:
    """Broken syntax, wrong encoding and presets that are no names are refused, not raised."""
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


@pytest.mark.parametrize("text", ["{", "[]", "3", "null"])
def test_damaged_stored_semantics(text: str) -> None:
    """Metadata that is no table of semantics is a damaged file, E003."""
    with pytest.raises(InputError) as caught:
        from_json(text, "file.nir")
    assert codes(caught.value) == ["E003"]


@given(
    st.builds(
        Semantics,
        dt=st.none() | st.floats(1e-6, 10),
        integration=st.sampled_from(["euler", "exponential"]),
        reset=st.sampled_from(["value", "zero", "subtract"]),
        late=st.booleans(),
        compare=st.sampled_from(["gt", "ge"]),
        spikes=st.sampled_from(["binary", "integer"]),
        floor=st.none() | st.floats(-10, 0),
    )
)
def test_json_and_mapping_are_exact(semantics: Semantics) -> None:
    """Any semantics survives its stored form, to the last bit of its numbers."""
    assert from_json(semantics.to_json(), "x") == semantics
    assert from_mapping(asdict(semantics), "x") == semantics


@pytest.mark.parametrize(
    ("neuron", "dt"),
    [
        (lif(3, tau=2e-3, r=20.0), 1e-4),  # snnTorch: r = tau/dt
        (node("IF", r=np.full(3, 1e4), v_threshold=np.ones(3)), 1e-4),  # SpikingJelly: r = 1/dt
        (cuba(), 1e-4),  # snnTorch, lava-dl: tau_mem/r = tau_syn/w_in
        (lif(3, tau=20.0, r=20.0), 1.0),
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
    ],
)
def test_normal_form(name: str, kind: str, expected: tuple[float, float, float]) -> None:
    """The decays and the gain of a node, read with a preset and dt = 1, are those of the exporter's equations."""
    values = {"tau": 4.0, "tau_mem": 4.0, "tau_syn": 2.0, "r": 2.0, "v_leak": 0.0, "v_threshold": 1.0}
    neuron = node(kind, **{key: np.full(3, value) for key, value in values.items()})
    network = convert(chain(linear(3, 2), neuron, shape=(2,)), replace(preset(name), dt=1.0)).network
    read = network["n1"].neuron
    assert (read.alpha[0], read.beta[0], read.gain[0]) == pytest.approx(expected, rel=1e-6)
