"""What long work says of itself where there is no terminal."""

from __future__ import annotations

import io
import re
import time

import pytest
from rich.console import Console

from spear_deploy import progress
from spear_deploy.progress import Board, Progress, RemoteProgress


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


def told_by(names: dict[str, RemoteProgress], board: Board) -> None:
    """Two runs: one that is done, one in the middle of a step."""
    first, second = names.values()
    first.say("memory: little")
    with first.step("search") as tick:
        tick(3, 3)
    board.done("first")
    with second.step("compare") as tick:
        tick(1, 4)
        tick(2, 4)  # too soon after the other to be told
        second.explain(["it is so because"])


def shown_by(**options: object) -> tuple[str, str, str]:
    """Return what two runs show on a terminal or elsewhere, in the log, and of their decisions."""
    stream, log, details = io.StringIO(), io.StringIO(), io.StringIO()
    shown = Progress(Console(file=stream, width=100, **options), Console(file=log), Console(file=details))
    with Board(shown, ["first", "second"], "points").shown() as board:
        names = {
            name: RemoteProgress(lambda message, name=name: board.heard(name, message)) for name in ("first", "second")
        }
        told_by(names, board)
        if options:
            time.sleep(0.3)  # a terminal is drawn anew ten times a second
    assert "search" in names["first"].seconds
    return stream.getvalue(), log.getvalue(), details.getvalue()


def test_several_runs_where_there_is_no_terminal() -> None:
    """Lines have the name in front; what is done is counted, with the time left."""
    lines, log, details = (text.splitlines() for text in shown_by())
    assert lines[:3] == ["first: memory: little", "first: search ...", "first: search done in 0.0 s"]
    assert re.fullmatch(r"points 1/2, about [\d.]+s left", lines[3])
    assert lines[4:] == ["second: compare ...", "second: compare done in 0.0 s"]
    assert log[0] == "first: memory: little"
    assert {"first: search ...", "second: compare done in 0.0 s"} <= set(log)
    assert details == ["  second: it is so because"]


def test_several_runs_on_a_terminal() -> None:
    """Each has a bar with its name and step, until it is done; one more counts them."""
    shown, _, _ = shown_by(force_terminal=True, color_system=None)
    last = [line for line in shown.splitlines() if re.search(r"\d/\d", line)][-2:]
    assert re.search(r"points .*1/2", last[0])
    assert re.search(r"second compare .*1/4", last[1])
    assert "first: memory: little" in shown
    assert "search done" not in shown
