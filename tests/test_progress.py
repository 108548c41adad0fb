"""What long work says of itself where there is no terminal."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from spear_deploy import progress
from spear_deploy.progress import Progress


def lines_of(work) -> list[str]:
    stream = io.StringIO()
    work(Progress(Console(file=stream)))
    return stream.getvalue().splitlines()


def test_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done, of how much, and how long the rest takes at that pace."""
    monkeypatch.setattr(progress, "_PLAIN_INTERVAL", 0.0)

    def work(shown: Progress) -> None:
        with shown.step("train") as tick:
            time.sleep(0.2)
            tick(1, 6)

    begun, told, ended = lines_of(work)
    assert (begun, ended.partition(" in ")[0]) == ("train ...", "train done")
    found = re.fullmatch(r"train 1/6, about ([\d.]+)s left", told)
    assert found
    assert 0.9 <= float(found[1]) < 3


def test_a_step_that_says_nothing_is_spoken_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that never ticks still shows that it goes on, as long as it does."""
    monkeypatch.setattr(progress, "_SILENCE", 0.1)

    def work(shown: Progress) -> None:
        with shown.step("importance"):
            time.sleep(0.45)
        time.sleep(0.2)

    begun, *told, ended = lines_of(work)
    assert begun == "importance ..."
    assert 2 <= len(told) <= 4
    assert all(re.fullmatch(r"importance still, after 0\.\ds", line) for line in told)
    assert ended.startswith("importance done")
