"""The picture: positions on a log2 axis, nothing outside, words for who cannot see it."""

from __future__ import annotations

import copy

import pytest

from spear_deploy.report.box_plots import LEFT, RIGHT, box_plots
from spear_deploy.report.html import page

SPREAD = {"least": 0.125, "p1": 0.25, "p25": 0.5, "p50": 1.0, "p75": 2.0, "p99": 4.0, "largest": 8.0, "zeros": 0.5}


def _one(**changed):
    whole = {"float": SPREAD, "chip": SPREAD, "step": 0.0625, "limit": 16.0, **changed}
    return [{"name": "p", "weights": whole, "membranes": None}]


def test_octaves_are_evenly_spaced():
    """From the least of step and percentile 1 to the largest value or limit."""
    (plot,) = box_plots(_one())
    (row,) = plot.rows
    octave = (RIGHT - LEFT) / 8
    assert (row.low, row.high) == (LEFT, RIGHT)
    assert [(getattr(row.in_float, name) - LEFT) / octave for name in SPREAD if name != "zeros"] == pytest.approx(
        [1, 2, 3, 4, 5, 6, 7]
    )
    assert [mark.text for mark in plot.marks] == [f"2^{k}" for k in range(-4, 5)]
    assert [mark.text for mark in plot.marks if not mark.spare] == ["2^-4", "2^-2", "2^0", "2^2", "2^4"]
    assert row.words == (
        "p: float 0.125 to 8, median 1, 50.0% zero; chip 0.125 to 8, median 1, 50.0% zero; "
        "the chip represents 0.0625 to 16"
    )


def test_what_lies_beyond_the_range_is_seen():
    """Left of the grey box it rounds to zero, right of it it is clipped."""
    (plot,) = box_plots(_one(step=1.0, limit=4.0))
    (row,) = plot.rows
    assert row.in_float.p25 < row.low < row.high < row.in_float.largest


def test_tiny_values_do_not_squeeze_the_axis():
    """At most 40 octaves, and as many labels as there is room for; all marks lie on the axis."""
    (plot,) = box_plots(_one(float={**SPREAD, "least": 1e-40, "p1": 1e-30}))
    (row,) = plot.rows
    assert row.in_float.least == row.in_float.p1 == LEFT
    assert len(plot.marks) == 41
    assert 4 <= sum(bool(mark.text) for mark in plot.marks) <= 13


def test_what_is_all_zero_has_no_box():
    """Nor has a target that does not say what its integers stand for a plot."""
    (plot,) = box_plots(_one(chip=None))
    assert plot.rows[0].on_chip is None
    assert "chip all 0" in plot.rows[0].words
    assert box_plots([{"name": "p", "weights": None, "membranes": None}]) == ()


def test_the_page_draws_every_population(report):
    """Twice, weights and membranes: a range and two boxes each; and stays small."""
    text = page(report)
    populations = len(report["fidelity"]["distributions"])
    assert text.count('<rect class="range"') == 2 * populations
    assert text.count('<line class="median"') == 4 * populations
    assert len(text.encode()) < 500_000


def test_a_page_of_many_populations_stays_small(report):
    """A hundred of them, tables and plot."""
    many = copy.deepcopy(report)
    for part in (many["fidelity"]["distributions"], many["fidelity"]["deployed"]["populations"], many["layers"]):
        part[:] = [part[0]] * 100
    assert len(page(many).encode()) < 500_000


def test_names_are_escaped(report):
    """In the table and in the plot."""
    for part in (report["fidelity"]["distributions"], report["fidelity"]["deployed"]["populations"]):
        part[0]["name"] = "<script>&"
    text = page(report)
    assert "<script" not in text
    assert "&lt;script&gt;&amp;" in text
