"""Rules as objects: one text everywhere, numbers with their slack, all findings at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import spear_deploy
from spear_deploy.catalogue import CATALOGUE
from spear_deploy.errors import InputError, UnsupportedError
from spear_deploy.network import Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.targets import TARGETS, load_chip
from spear_deploy.targets.rules import Breach, check_rules, group_findings, rule


@rule("E034", fix="take less")
def at_most(subject: dict[str, float], limits: float) -> Iterator[Breach]:
    """There are {most}
    at most.
    """
    for name, value in subject.items():
        if value > limits:
            yield Breach(name, "too many", value, limits)


@rule("E025", fix="wait longer")
def at_least(subject: dict[str, float], limits: float) -> Iterator[Breach]:
    """It waits {most} steps."""
    for name, value in subject.items():
        if value < limits:
            yield Breach(name, "too short", value, limits, at_least=True)


def test_a_finding_quotes_the_rule_and_tells_the_slack() -> None:
    """The docstring with the figures is the text; what is missing is negative slack in either direction."""
    first, second = check_rules([at_most, at_least], {"a": 9.0, "b": 2.0}, 5.0, {"most": "five"})
    assert (first.code, first.where, first.message) == ("E034", "a", "too many. There are five at most.")
    assert (first.value, first.limit, first.slack, first.fix) == (9, 5, -4, "take less")
    assert (second.where, second.message, second.slack) == ("b", "too short. It waits five steps.", -3)


def test_what_holds_for_several_places_is_said_once() -> None:
    """Equal findings become one that names all places."""
    found = check_rules([at_most], {"a": 9.0, "b": 9.0}, 5.0, {"most": "five"})
    (grouped,) = group_findings(found)
    assert (grouped.where, grouped.slack) == ("a, b", -4)


@pytest.mark.parametrize("name", ["loihi1", "loihi2", "kapoho_bay", "kapoho_point", "hala_point"])
def test_every_rule_of_a_chip_can_be_stated(name: str) -> None:
    """Its code is in the catalogue and every place of its text is filled."""
    chip = load_chip(name)
    for each, figures in TARGETS.get(chip.target).rules(chip):
        assert each.code in CATALOGUE
        text = each.text_for(figures)
        assert text.endswith(".")
        assert "{" not in text


def test_one_text_in_finding_explain_and_page(capsys: pytest.CaptureFixture[str]) -> None:
    """What a finding quotes is what explain prints and what the chip's page says."""
    from spear_deploy.cli.main import cli

    one = np.ones(2, np.float32)
    neuron = Neuron(alpha=0 * one, beta=0 * one, gain=one, bias=0 * one, reset_value=0 * one, threshold=one)
    neuron = Neuron(**{**vars(neuron), "spikes": "integer"})
    populations = (Input("in", (2,)), Population("p", (2,), neuron))
    network = Network(populations, (Projection("w", "in", "p", (Linear(np.eye(2, dtype=np.float32)),)),), ("p",))
    with pytest.raises(UnsupportedError) as caught:
        spear_deploy.lower(spear_deploy.Imported(network, spear_deploy.Semantics(dt=1.0)), chip="loihi2")
    (finding,) = caught.value.findings
    text = "A neuron emits one spike a step at most."
    assert finding.message.endswith(text)
    cli.main(["explain", finding.code, "--chip", "loihi2"], standalone_mode=False)
    assert text in capsys.readouterr().out
    page = Path(__file__).resolve().parents[2] / "docs/chips/loihi2.md"
    assert text in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("table", "figure", "value"),
    [
        ("neuron", "state_bits", 40),
        ("neuron", "decay_bits", 16),
        ("neuron", "threshold_shift", 9),
        ("neuron", "threshold_bits", 30),
        ("weights", "exponent_max", 8),
        ("spikes", "delay_max", 63),
    ],
)
def test_widths_that_are_not_computed_with_are_refused(table: str, figure: str, value: int, tmp_path: Path) -> None:
    """A profile beyond what the emulator is exact for is E011, with the range; nothing overflows silently."""
    path = tmp_path / "wide.toml"
    line = f"{figure} = {{ value = {value}, source = 'ME' }}"
    path.write_text(f"inherits = 'loihi2'\ntitle = 'wide'\n[{table}]\n{line}\n[sources]\nME = 'made up'\n")
    with pytest.raises(InputError, match=f"E011 wide.toml: {table}.{figure}: must be .* to .*; is {value}"):
        load_chip(path)


def test_formats_to_keep_to_are_known() -> None:
    """A format that there is not is E008, not ignored."""
    from spear_deploy.targets import LoweringOptions, compiler_for

    with pytest.raises(InputError, match="E008 keep_to nett"):
        compiler_for(load_chip("loihi2"), {}, LoweringOptions(keep_to="nett"))
