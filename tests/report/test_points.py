"""The points of a sweep: front and answer, against definitions spelt out naively."""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from spear_deploy.report.points import Figures, Point, front, levels, point_of, smallest
from spear_deploy.report.sweep import (
    Reference,
    print_sweep,
    sentence,
    sweep_data,
    sweep_page,
    sweep_picture,
    sweep_view,
)

_SHARES = st.integers(0, 8).map(lambda n: n / 8)
_REFERENCE = Reference("tiny", "tiny", "loihi2", 100, 100, 0.95, 0.95, 100.0)


def _point(budget="50%", seed=0, *, synops=50.0, accuracy=0.9, drop=0.5, within=True, error=None, limit=None):
    val = Figures(synops, accuracy, drop, 0.2)
    test = Figures(synops * 1.1, accuracy - 0.02, drop + 0.4, 0.3)
    limit = float(budget.rstrip("%")) if limit is None else limit
    return Point(budget, seed, f"{budget}-{seed}", limit, val, test, 4, within, error)


@st.composite
def _points(draw):
    count = draw(st.integers(1, 7))
    return [
        _point(seed=i, synops=draw(st.integers(1, 6)) * 10.0, accuracy=draw(_SHARES), drop=draw(_SHARES))
        for i in range(count)
    ]


@given(_points())
def test_the_front_is_what_nothing_dominates(points):
    """By its definition, compared point by point; of equal ones one stays."""

    def dominates(a, b):
        no_worse = a.val.synops <= b.val.synops and a.val.accuracy >= b.val.accuracy
        return no_worse and (a.val.synops, a.val.accuracy) != (b.val.synops, b.val.accuracy)

    best = front(points)
    wanted = {(p.val.synops, p.val.accuracy) for p in points if not any(dominates(q, p) for q in points)}
    assert {(p.val.synops, p.val.accuracy) for p in best} == wanted
    assert len(best) == len(wanted)
    assert [p.val.synops for p in best] == sorted(p.val.synops for p in best)


@given(
    st.lists(st.tuples(st.integers(1, 9), st.floats(-3, 3), st.booleans()), min_size=1, max_size=8), st.floats(-3, 3)
)
def test_the_answer_is_the_smallest_that_loses_little(rows, most):
    """The least limit of those that keep their budgets and lose at most so much; no other is smaller."""
    points = [
        _point(f"{limit}%", seed, drop=drop, within=within, limit=limit)
        for seed, (limit, drop, within) in enumerate(rows)
    ]
    answer = smallest(points, most)
    good = []
    for limit in {row[0] for row in rows}:
        drops = [row[1] for row in rows if row[0] == limit]
        kept = all(row[2] for row in rows if row[0] == limit)
        if kept and sum(drops) / len(drops) <= most - 1e-9:
            good.append(limit)
    if answer is None:
        assert good == []
    else:
        assert answer.synops <= min(good, default=99)


def test_seeds_are_averaged_and_errors_are_not_divided():
    """Seeds share their samples: the error of their mean is not smaller than that of one."""
    points = [_point(seed=0, drop=0.2, accuracy=0.91), _point(seed=1, drop=1.4, accuracy=0.93)]
    (level,) = levels(points)
    assert (level.seeds, level.synops, level.best, level.within) == (2, 50.0, "50%-1", True)
    assert (level.drop, level.test_drop) == (pytest.approx(0.8), pytest.approx(1.2))
    assert (level.drop_error, level.test_drop_error) == (pytest.approx(0.2), pytest.approx(0.3))
    assert smallest(points, 1.0) == level
    assert smallest(points, 0.7) is None


def test_a_point_that_failed_is_no_answer():
    """Out of reach, beyond its budget or not proven: the budget does not count, and no such bundle is named."""
    good = _point("60%")
    for bad in (
        _point("40%", within=False),
        replace(_point("40%"), error="not proven: the backend failed"),
        Point("40%", 0, "40%-0", error="E041 synops: out of reach"),
    ):
        assert smallest([good, bad], 5.0).budget == "60%"
    mixed = [_point("40%", 0, accuracy=0.99, within=False), _point("40%", 1, accuracy=0.5)]
    assert levels(mixed)[0].best == "40%-1"


def test_the_sentence_names_larger_budgets_that_lose_more():
    """A front that is not monotonous is said, not hidden."""
    points = [_point("60%", drop=2.0), _point("40%", drop=0.5)]
    told = sentence(points, 1.0)
    assert "is 40%: 0.50 (+-0.20) lost there, 0.90 (+-0.30) on the test samples" in told
    assert told.endswith("larger ones that lose more, or miss a budget: 60%")
    assert sentence(points, 0.1).startswith("no budget of the sweep loses at most 0.1 points")


def test_a_point_is_read_from_a_report(report):
    """What the report says of validation and test samples; a missed budget is its error."""
    point = point_of(report, "50%", "x")
    decided, accuracy = report["on_validation"], report["accuracy"]
    assert point.val.accuracy == decided["deployed"]["accuracy"] == accuracy["validation"]
    assert (point.val.drop, point.test.drop) == (decided["drop"], accuracy["drop"])
    assert point.test.synops == report["synops"]["measured"]["mean"]
    assert (point.cores, point.error, point.within) == (4, None, True)
    report["within"] = report["budgets"][0]["within"] = False
    assert point_of(report, "50%", "x").error.startswith("over budget: ")


def test_a_point_says_of_budgets_and_drop_apart():
    """Table, page, notebook and JSON: a point that keeps its budgets and loses too much does not pass."""
    points = [_point("60%", drop=1.0), _point("40%", drop=1.5), _point("20%", drop=0.2, within=False)]
    points[2] = replace(points[2], error="over budget: 21 of 20 SynOps a sample")
    result = sweep_data([*points, Point("1%", 0, "1pct_seed_0", error="E041 synops: no")], _REFERENCE, 1.0, "command")
    assert [point["within_drop"] for point in result["points"]] == [True, False, True, None]
    text = StringIO()
    print_sweep(result, Console(file=text, width=150))
    told = [["within", "within"], ["within", "BEYOND"], ["over budget", "within"], ["out of reach (E041)"]]
    rows = [line for line in text.getvalue().splitlines() if re.match(r"\d+%  ", line)]
    assert [re.split(" {2,}", row)[-len(words) :] for row, words in zip(rows, told, strict=True)] == told
    assert re.search(r"budgets +drop$", text.getvalue(), re.M)
    for page in (sweep_view(result), sweep_page(result)):
        assert "<th>drop</th>" in page
        assert page.count("<td>BEYOND</td>") == 1


def test_without_a_network_there_is_no_picture():
    """Every budget out of reach: a table and an answer all the same."""
    result = sweep_data([Point("1%", 0, "1pct_seed_0", error="E041 synops: no")], None, 1.0, "command")
    assert (result["answer"], result["reference"], result["front"], result["levels"]) == (None, None, [], [])
    assert sweep_picture(result) is None
