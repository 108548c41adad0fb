"""The pictures: complete, told in words, safe, the same every time, and true to their data."""

from __future__ import annotations

import re
import sys
from functools import partial
from math import ulp
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.report.figures import ZOOM, write_png, write_svg
from spear_deploy.report.html import page
from spear_deploy.report.pictures import PICTURES, drawings
from spear_deploy.report.pictures.svg import NARROW, SHEETS, WIDE, Axis
from spear_deploy.report.pictures.tradeoff import Mark, tradeoff

NAMES = {
    "network": ["network", "shares", "cores"],
    "behaviour": ["confusion", "accuracy-steps", "rates", "raster"],
    "search": ["accuracy-synops", "lre-pairs", "reward"],
}


def _drawn(report, sheet=WIDE):
    return {drawing.name: drawing for part in drawings(report, sheet).values() for drawing in part}


def test_every_picture_is_drawn(report):
    """All of the table, each well-formed, with title and words that it is labelled by; the same bytes again."""
    assert {part: [each.name for each in drawn] for part, drawn in drawings(report).items()} == NAMES
    assert set(PICTURES) == set(NAMES)
    for name, drawing in _drawn(report).items():
        tree = ElementTree.fromstring(drawing.svg())
        assert tree.get("role") == "img"
        told = [tree.find(tag) for tag in ("title", "desc")]
        assert tree.get("aria-labelledby").split() == [each.get("id") for each in told]
        assert all(each.text for each in told), name
        assert drawing.svg() == _drawn(report)[name].svg()


@pytest.mark.parametrize("sheet", SHEETS)
def test_nothing_lies_outside(sheet, report):
    """No element leaves its drawing, where it would be cut."""
    for name, drawing in _drawn(report, sheet).items():
        for element in ElementTree.fromstring(drawing.svg()):
            for key, most in (("x", sheet.width), ("cx", sheet.width), ("y", drawing.height), ("cy", drawing.height)):
                at = float(element.get(key, 0))
                size = float(element.get({"x": "width", "y": "height"}.get(key, ""), 0))
                assert -0.1 <= at <= at + size <= most + 0.1, (name, ElementTree.tostring(element))


def test_a_page_is_small_and_names_are_escaped(report):
    """Below 500 kB; what a file calls its populations is text."""
    evil = '<script>alert("x")</script>'
    report["pictures"]["graph"]["nodes"][1]["name"] = evil
    report["pictures"]["graph"]["edges"] = []
    report["pictures"]["course"]["populations"][1]["name"] = evil
    report["pictures"]["cores"]["populations"][0]["name"] = evil
    text = page(report)
    assert "<script" not in text
    assert len(text.encode()) < 500_000


def test_a_report_without_a_search_or_pictures(report):
    """What there is nothing to show of is left out; an earlier report has a page all the same."""
    report["pictures"].update(pairs=[], confusion=None)
    report["search"] = report["lre"] = None
    assert [each.name for each in drawings(report)["search"]] == []
    assert "confusion" not in _drawn(report)
    assert _drawn(report)
    del report["pictures"]
    assert not _drawn(report)
    assert "<figure>" not in page(report)


def test_methods_without_rewards(report):
    """No picture, whatever a method calls its rewards."""
    for given_rewards in (None, [], [0.5], ["high", "low"], 3):
        report["search"]["figures"]["rewards"] = given_rewards
        assert "reward" not in _drawn(report)


def test_every_sheet_shows_the_same(report):
    """The same pictures, words and legends, each with an id of its own on the page."""
    wide, narrow = (_drawn(report, sheet) for sheet in SHEETS)
    assert [*wide] == [*narrow]
    for name, each in narrow.items():
        same = ("title", "words", "legend", "caption")
        assert [getattr(each, key) for key in same] == [getattr(wide[name], key) for key in same]
        assert each.sheet is NARROW
    ids = re.findall(r' id="([^"]+)"', page(report))
    assert len(ids) == len(set(ids)) == 4 * len(wide)


def test_rasters_show_every_spike(report):
    """The lengths of all strokes are the steps in which neurons of the data fire."""
    populations = report["pictures"]["course"]["populations"]
    wanted = sum(row.count("1") for each in populations for side in ("float", "chip") for row in each[f"raster_{side}"])
    step = (WIDE.width - 130 - 16) / 2 / 16
    drawn = sum(float(length) for length in re.findall(r"h([\d.]+)", str(_drawn(report)["raster"].svg())))
    assert drawn / step == pytest.approx(wanted, rel=0.01)


def test_confusion_counts_the_samples(report):
    """Both matrices hold every test sample; their diagonals are the accuracies of the report."""
    found, accuracy = report["pictures"]["confusion"], report["accuracy"]
    for side, key in (("float", "float"), ("deployed", "quantised")):
        matrix = found[side]
        assert sum(map(sum, matrix)) == report["data"]["test"]
        right = sum(row[label] for label, row in enumerate(matrix))
        assert right / report["data"]["test"] == pytest.approx(accuracy[key])
    assert "wrong decisions: 4 in float, 8 deployed" in _drawn(report)["confusion"].words


def test_thousands_of_cores_are_drawn_in_bounds(report):
    """A tile then stands for several cores, and says so."""
    report["pictures"]["cores"]["populations"][0]["cores"] = 100_000
    drawing = _drawn(report)["cores"]
    assert "a tile is 251 cores" in drawing.caption
    assert drawing.svg().count("<rect") < 1000


def test_figures_stand_alone(report, tmp_path):
    """Each is an SVG file with its colours as they are and its name space, the same bytes again."""
    written = write_svg(tmp_path, _drawn(report).values())
    assert [each.stem for each in written] == [name for names in NAMES.values() for name in names]
    first = [each.read_bytes() for each in written]
    assert [each.read_bytes() for each in write_svg(tmp_path, _drawn(report).values())] == first
    for path in written:
        tree = ElementTree.parse(path).getroot()
        assert tree.tag == "{http://www.w3.org/2000/svg}svg"
        style = tree.find("{*}style").text
        assert "#2f6fde" in style
        assert "var(" not in style
        assert "@media" not in style
        assert float(tree.get("height")) == float(tree.get("viewBox").split()[3])
        assert _drawn(report)[path.stem].caption in tree.find("{*}desc").text


def test_every_class_of_a_figure_has_its_colour(report, tmp_path):
    """No element is left to the page's style, which a file lacks."""
    for path in write_svg(tmp_path, _drawn(report).values()):
        tree = ElementTree.parse(path).getroot()
        style = tree.find("{*}style").text
        kinds = {kind for each in tree.iter() for kind in each.get("class", "picture").split()} - {"wide"}
        assert all(f".{kind} " in style or f".{kind}," in style or kind == "front" for kind in kinds), kinds


def test_figures_as_pixels(report, tmp_path):
    """A PNG beside each SVG, three pixels for a unit: texts and colours are in it."""
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("resvg_py", reason="the extra figures is not installed")
    drawn = write_svg(tmp_path, _drawn(report).values())
    written, note = write_png(drawn)
    assert note is None
    assert [each.name for each in written] == [f"{each.stem}.png" for each in drawn]
    with image.open(tmp_path / "shares.png") as opened:
        pixels = opened.convert("RGB")
    assert pixels.width == ZOOM * (WIDE.width + 16)
    colours = {colour for _, colour in pixels.getcolors(1 << 24)}
    assert {(0x2F, 0x6F, 0xDE), (0x1C, 0x24, 0x30), (255, 255, 255)} <= colours


def test_what_pixels_need(report, tmp_path, monkeypatch):
    """Without the extra, or any font, the SVG files alone, and a note with what mends it."""
    drawn = write_svg(tmp_path, _drawn(report).values())
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "resvg_py", None)
        written, note = write_png(drawn)
    assert (written, note.code) == ([], "N025")
    assert "resvg-py" in note.message
    assert "pip install" in note.message
    resvg = pytest.importorskip("resvg_py", reason="the extra figures is not installed")
    monkeypatch.setattr(resvg, "svg_to_bytes", partial(resvg.svg_to_bytes, skip_system_fonts=True))
    written, note = write_png(drawn)
    assert (written, "no font" in note.message) == ([], True)
    assert not list(tmp_path.glob("*.png"))


def test_legends_stay_within(report, tmp_path):
    """However many layers there are, with names however long."""
    layers = [{**report["layers"][0], "name": f"a layer of a long name {index}"} for index in range(11)]
    report["layers"] = layers
    drawing = _drawn(report)["shares"].with_legend()
    for element in ElementTree.fromstring(drawing.svg()).iter("text"):
        assert float(element.get("x")) + 7 * len(element.text) <= WIDE.width + 8 or element.get("text-anchor")
        assert float(element.get("y")) < drawing.height


def test_labels_leave_the_limit_alone():
    """None is written across the line of the budget where there is room beside it."""
    marks = [Mark(80, 0.9, "chosen", "deployed"), Mark(100, 0.95, "before", "unpruned"), Mark(20, 0.5, "before", "x")]
    drawn = ElementTree.fromstring(tradeoff("t", "t", marks, "", limit=82).svg())
    (upright,) = (float(each.get("x1")) for each in drawn.iter("line") if each.get("class") == "limit-line")
    labels = {each.text: float(each.get("x")) for each in drawn.iter("text")}
    assert next(float(each.get("x")) for each in drawn.iter("text") if each.text == "budget 82") == upright + 5
    for label in ("deployed", "unpruned"):
        assert not labels[label] <= upright <= labels[label] + 7.5 * len(label)


def test_a_limit_at_the_edge_is_named_beside_it():
    """Left of its line where there is no room to its right."""
    marks = [Mark(20, 0.5, "before", "x")]
    drawn = ElementTree.fromstring(tradeoff("t", "t", marks, "", limit=1e5, sheet=NARROW).svg())
    (label,) = (each for each in drawn.iter("text") if each.text == "budget 100k")
    assert label.get("text-anchor") == "end"
    assert float(label.get("x")) < NARROW.width - 24


@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1)), min_size=1, max_size=9))
def test_any_points_can_be_drawn(points):
    """One, equal ones, far apart: within the drawing, in the order of their values."""
    marks = [Mark(synops, accuracy, "measured", "a") for synops, accuracy in points]
    tree = ElementTree.fromstring(tradeoff("t", "t", marks, "").svg())
    drawn = [(float(c.get("cx")), float(c.get("cy"))) for c in tree.iter("circle")]
    assert len(drawn) == len(points)
    assert all(0 <= x <= WIDE.width and 0 <= y <= 340 for x, y in drawn)
    for (synops, _), (x, _) in zip(points, drawn, strict=True):
        assert all(
            x <= other_x + 0.11 for (other, _), (other_x, _) in zip(points, drawn, strict=True) if other >= synops
        )


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 8))
def test_ticks_are_few_round_and_inside(low, span, most):
    """At most one more than asked for."""
    axis = Axis(low, low + span, 0, 1)
    ticks = axis.ticks(most)
    assert len(ticks) <= most + 1
    slack = 1e-6 * span + ulp(abs(low) + span)
    assert all(low - slack <= tick <= low + span + slack for tick in ticks)
