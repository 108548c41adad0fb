"""The report as text: exactly this at 100 columns, and nothing cut elsewhere."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from spear_deploy.report.terminal import print_report

GOLDEN = Path(__file__).parent / "digits.txt"
GLOSSARY = Path(__file__).parents[2] / "docs" / "report.md"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def _printed(report, width=100, *, terminal=False):
    stream = io.StringIO()
    print_report(report, Console(file=stream, width=width, force_terminal=terminal, highlight=False))
    return stream.getvalue()


def test_golden(report):
    """The real report in a file."""
    assert _printed(report) == GOLDEN.read_text(encoding="utf-8")


def test_glossary_shows_the_same():
    """docs/report.md explains the lines that are printed today."""
    assert GOLDEN.read_text(encoding="utf-8").strip("\n") in GLOSSARY.read_text(encoding="utf-8")


def test_a_pipe_is_100_wide(report):
    """A pipe is 80 columns to rich; the text does not depend on it."""
    assert _printed(report, width=80) == _printed(report, width=100)


def test_file_is_plain(validated):
    """No escapes, no trailing blanks, no line beyond 100 columns."""
    lines = _printed(validated).splitlines()
    assert not any("\x1b" in line or line != line.rstrip() or len(line) > 100 for line in lines)


def test_terminal_is_coloured(report):
    """Colour says the verdict too, and changes no text."""
    coloured = _printed(report, terminal=True)
    assert "\x1b[1;32mwithin budget" in coloured
    lines = [line.rstrip() for line in _COLOUR.sub("", coloured).splitlines()]
    assert lines == _printed(report).splitlines()


@pytest.mark.parametrize("width", [70, 80, 90, 120])
def test_narrow_terminals_cut_no_number(report, width):
    """Columns are left out, and named; those shown are whole."""
    text = _COLOUR.sub("", _printed(report, width, terminal=True))
    assert all(len(line) <= width for line in text.splitlines())
    assert ("left out at this width" in text) == (width < 100)
    layers = report["layers"]
    figures = (sum(layer["synops_before"] for layer in layers), *(layer["synops_measured"] for layer in layers))
    for figure in map("{:,.0f}".format, figures):
        assert figure in text


def test_large_networks_fit(report):
    """Long names and large counts at 100 columns."""
    layer = {**report["layers"][0], "units_before": 512, "units_after": 256, "neurons": 65_536}
    layer.update(synapses=37_748_736, synops_before=1.2e8, synops_measured=6e7, memory_bits=10**8)
    report["layers"] = [{**layer, "name": f"features.{index}.block.convolution.spikes"} for index in range(9)]
    lines = _printed(report).splitlines()
    row = next(line for line in lines if line.startswith("features.8"))
    assert all(len(line) <= 100 for line in lines)
    assert "120.0M     60.0M" in row


@pytest.mark.parametrize("width", [70, 80, 90, 100, 120])
def test_types_of_several_words_cut_no_number(report, width):
    """A population that two projections feed has a type with blanks, at which it must not be thought to wrap."""
    for layer in report["layers"]:
        layer["type"] = "Linear + Linear>CubaLIF"
        layer["name"] = "recurrent.lif"
    table = _COLOUR.sub("", _printed(report, width, terminal=True))
    assert "\u2026" not in table


def test_names_are_no_markup(diverged):
    """Brackets in names are printed, not obeyed."""
    for layer in diverged["layers"]:
        layer["name"] = "[red]x[/]"
    diverged["validation"]["backend"] = "[bold]"
    diverged["notes"][0]["where"] = "[/nonsense]"
    text = _printed(diverged)
    assert text.count("[red]x[/]") == len(diverged["layers"])
    assert "[/nonsense]" in text
    assert "emulator and [bold] disagree" in text


def test_over_budget_is_said(report):
    """In the headline and in the table."""
    report["budgets"][0].update(limit=81_428.0, judged=95_000.0, measured=94_000.0, within=False)
    text = " ".join(_printed(report).split())
    assert "over budget: 94,000 (validation bound 95,000) of 81,428 SynOps a sample, 13,572 (16.7%) too many" in text
    assert "95,000 94,000 116.7% OVER" in text


def test_below_a_least_value_is_said(report):
    """What must be reached has no share that is used, and is said to be too little."""
    row = {"resource": "min_accuracy", "title": "accuracy", "sense": "at least", "digits": 4}
    report["budgets"].append(
        {**report["budgets"][2], **row, "limit": 0.98, "judged": 0.97777777, "measured": 0.97777777, "within": False}
    )
    report.update(within=False, search=None, lre=None)
    text = _printed(report)
    assert "none: pruning does not help with the budgets that are missed" in text
    assert "over budget: 0.9778 of at least 0.9800 accuracy, 0.0022 (0.2%) too little" in text
    assert re.search(r"accuracy +0\.9800 +0\.9778 +UNDER", text)


def test_a_loss_that_nobody_asked_about(report):
    """Within budget, but less accurate by more than two standard errors: yellow, with both figures."""
    report["budgets"].pop()
    report["accuracy"].update(drop=1.2, drop_error=0.55)
    assert "\x1b[1;33mwithin budget, less accurate" in _printed(report, terminal=True)
    assert "1.20 points of accuracy lost (standard error 0.55)" in _printed(report)
