"""The pages as a real browser shows them: wide and narrow, light and dark, on paper."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from spear_deploy.report.html import page as report_page
from spear_deploy.report.html import write_page
from spear_deploy.report.pictures import drawings
from spear_deploy.report.points import Figures, Point
from spear_deploy.report.sweep import Reference, sweep_data, write_sweep_page

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, which drives the browser")

WIDE, NARROW = 1200, 400
PAPER = 688
"""Pixels of A4's width between the margins that the page asks for: 182 mm."""
LEAST_LETTERS = 11
"""Pixels of the letters in a picture that can be read; the text around it has 15."""
LEAST_CONTRAST = 4.5
"""Of text to what is behind it, for readers with moderately low vision: WCAG 2.1, 1.4.3."""

SEEN = (Path(__file__).parent / "seen.js").read_text(encoding="utf-8")
"""A function that says what is to be seen."""


@dataclass
class Opened:
    """A page that is open, what it said on the console, and what it asked the network for."""

    page: Any
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium without a window."""
    found = [path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))]
    if not found:
        pytest.skip("needs a Chromium")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync"]
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=found[0], args=flags)
        yield running
        running.close()


@pytest.fixture(params=["report", "validated", "diverged", "sweep"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The page of a report, or of a sweep."""
    written = tmp_path / "page.html"
    if request.param == "sweep":
        write_sweep_page(written, swept())
    else:
        write_page(written, request.getfixturevalue(request.param))
    return written


def swept() -> dict[str, Any]:
    """A sweep over five budgets, of which two give nearly the same network."""
    points = []
    for budget, synops, accuracy in ((80, 79.0, 0.98), (60, 58.1, 0.97), (58, 57.9, 0.97), (40, 39.0, 0.95)):
        val = Figures(1e4 * synops, accuracy, 100 * (0.985 - accuracy), 0.3)
        points.append(Point(f"{budget}%", 0, f"{budget}-0", 1e4 * budget, val, val, 4, True, None))
    points.append(Point("5%", 0, "5-0", 5e4, error="E041 synops: the smallest network needs 70,000"))
    return sweep_data(
        points,
        Reference("digits", "digits", "loihi2", 287, 360, 0.985, 0.985, 1e6),
        1.0,
        "spear-deploy sweep digits.nir",
    )


def opened(browser: Any, path: Path, width: int, scheme: str = "light") -> Opened:
    """Open a page in a window of a width."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    opening = Opened(context.new_page())
    opening.page.on("console", lambda message: opening.said.append(message.text))
    opening.page.on("pageerror", lambda error: opening.said.append(str(error)))
    opening.page.on("request", lambda request: opening.asked.append(request.url))
    opening.page.goto(path.as_uri())
    return opening


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_what_is_seen(width: int, scheme: str, browser: Any, path: Path) -> None:
    """Nothing reaches beyond the window or is hard to read; nothing is loaded, and the console is silent."""
    opening = opened(browser, path, width, scheme)
    seen = opening.page.evaluate(SEEN)
    assert (seen["width"], seen["outside"]) == (width, [])
    assert [each for each in seen["texts"] if each["contrast"] < LEAST_CONTRAST] == []
    assert (max(seen["background"]) < 60) == (scheme == "dark")
    assert seen["scrolled"] == [] or width == NARROW  # where tables have boxes of their own, which scroll
    assert (opening.said, opening.asked) == ([], [path.as_uri()])


@pytest.mark.parametrize("width", [WIDE, NARROW, 360])
def test_every_figure_is_seen(width: int, browser: Any, report: dict[str, Any], tmp_path: Path) -> None:
    """All pictures are there once, hold something and can be read whole: no label is small, cut off or upon another."""
    write_page(tmp_path / "page.html", report)
    figures = opened(browser, tmp_path / "page.html", width).page.evaluate(SEEN)["figures"]
    drawn = {part: [drawing.name for drawing in every] for part, every in drawings(report).items()}
    names = [*drawn["network"], *drawn["behaviour"], "weights", "membranes", *drawn["search"]]
    assert [figure["name"] for figure in figures] == names
    for figure in figures:
        assert 300 <= figure["width"] <= width, figure
        assert figure["letters"] >= LEAST_LETTERS, figure
        assert figure["height"] >= 20, figure
        assert figure["shapes"] >= 2, figure
        assert (figure["cut"], figure["upon"]) == ([], []), figure["name"]


def test_on_paper(browser: Any, path: Path) -> None:
    """Nothing has to be scrolled, nothing is cut off, and colours that mean something are printed."""
    page = opened(browser, path, PAPER).page
    page.emulate_media(media="print")
    seen = page.evaluate(SEEN)
    assert (seen["outside"], seen["scrolled"]) == ([], [])
    assert set(seen["printed"]) == {"exact"}
    sheets = len(re.findall(rb"/Type /Page\b", page.pdf(format="A4")))
    assert 1 <= sheets <= 8


def test_size(validated: dict[str, Any]) -> None:
    """A page can be sent by mail."""
    assert len(report_page(validated).encode()) < 500_000
