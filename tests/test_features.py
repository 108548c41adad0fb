"""docs/features.md: its counts are those of its rows, and every row says by what it was looked at."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "features.md"


def test_the_counts_are_those_of_the_rows() -> None:
    """Forty rows, numbered; met, partly and not as often as the page says; nothing is claimed without evidence."""
    text = PAGE.read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\| \d+ \|.*", text, re.M)]
    assert [int(number) for number, *_ in rows] == list(range(1, 41))
    counted = Counter(here for _, _, _, here, _ in rows)
    assert f"**{counted['met']} met, {counted['partly']} partly, {counted['not']} not**" in text
    assert sum(counted[word] for word in ("met", "partly", "not")) == 40
    assert all(shown for *_, shown in rows)
