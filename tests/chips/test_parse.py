"""What the reader of profiles accepts, and that it reports everything that is wrong at once."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from spear_deploy.chips.parse import parse_profile
from spear_deploy.errors import InputError
from spear_deploy.resources import resource
from spear_deploy.targets.loihi.profile import LoihiProfile

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.fixture
def table() -> dict[str, Any]:
    text = resource("hw_profiles/loihi1.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def problems(table: dict[str, Any]) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_profile("chip", table, "chip.toml", LoihiProfile)
    assert {finding.code for finding in caught.value.findings} == {"E011"}
    return [f"{finding.where} {finding.message}" for finding in caught.value.findings]


def test_figures_keep_their_source(table):
    """A figure is read with its value, source key and note; lists become tuples."""
    chip = parse_profile("chip", table, "chip.toml", LoihiProfile)
    assert chip.capacity.neurons_per_core.value == 1024
    assert chip.sources[chip.capacity.neurons_per_core.source].startswith("github.com/nengo/nengo-loihi")
    assert chip.neuron.resets.value == ("zero",)
    assert chip.weights.exponent_max is not None
    assert chip.weights.exponent_max.value == 7
    assert chip.target == "loihi"


def test_all_problems_are_reported_at_once(table):
    """Each of many defects gives its own finding, with its place."""
    table["title"] = 3
    table["colour"] = {}
    del table["weights"]["bits_max"]
    table["capacity"]["cores_per_chip"]["value"] = 0
    table["capacity"]["word_bits"]["value"] = True
    table["capacity"]["chips"] = 1
    table["neuron"]["decay_bits"] = {"value": 12}
    table["neuron"]["state_bits"]["source"] = "nowhere"
    table["neuron"]["resets"]["value"] = ["zero", "sometimes"]
    table["axons"]["dense_in"]["per"]["value"] = "moon"
    table["energy"]["spike"]["low"]["value"] = float("nan")
    table["spikes"]["payload_bits"]["unit"] = "bit"
    found = problems(table)
    expected = [
        "title must be a text",
        "colour is not a key",
        "weights.bits_max is missing",
        "capacity.cores_per_chip must be at least 1; is 0",
        "capacity.word_bits must be of type int; is True",
        "capacity.chips must be a table",
        "neuron.decay_bits has no source",
        "neuron.state_bits names the source 'nowhere'",
        "neuron.resets must be a list of zero, subtract",
        "axons.dense_in.per must be one of neuron",
        "energy.spike.low must be positive and finite; is nan",
        "spikes.payload_bits.unit is not a key of a figure",
    ]
    assert len(found) == len(expected)
    for start in expected:
        assert any(line.startswith(f"chip.toml: {start}") for line in found), start


@pytest.mark.parametrize("key", ["capacity", "weights", "neuron", "spikes", "storage", "axons"])
def test_required_tables(table, key):
    """A profile without one of its tables is damaged; the table is named."""
    del table[key]
    assert problems(table) == [f"chip.toml: {key} is missing"]


def test_unpublished_figures_may_be_absent(table):
    """Energy, the largest delay and the largest exponent may be missing: they are read as None."""
    del table["energy"], table["spikes"]["delay_max"], table["weights"]["exponent_max"]
    chip = parse_profile("chip", table, "chip.toml", LoihiProfile)
    assert (chip.energy, chip.spikes.delay_max, chip.weights.exponent_max) == (None, None, None)


def test_float_figures_must_be_floats(table):
    """An integer where a quantity is meant is refused rather than guessed at, and so is a text."""
    table["energy"]["spike"]["low"]["value"] = 2
    table["energy"]["spike"]["high"]["value"] = "180"
    assert len(problems(table)) == 2


def test_sources_must_be_a_table(table):
    """Without references no figure has a source."""
    table["sources"] = "everyone knows"
    assert "chip.toml: sources must be a table of references" in problems(table)
