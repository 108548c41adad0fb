"""A limit of time: the best network measured so far is delivered, and a run that goes on loses nothing by it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from spear_deploy.deadline import Deadline
from spear_deploy.deployment.bundle import MODEL, PROGRAM, SAMPLES, read_bundle
from spear_deploy.deployment.folder import JOURNAL
from spear_deploy.deployment.work import Work
from spear_deploy.search import closing, gradual
from spear_deploy.search import loop as search_loop
from spear_deploy.storage import sha256
from tests.tiny_deployments import SEARCH, Deploy


def hashes(folder: Path) -> dict[str, str]:
    return {name: sha256(folder / name) for name in (PROGRAM, MODEL, SAMPLES)}


def notes(work: Work) -> list[str]:
    return [note.message for note in work.notes if note.code == "E067"]


def test_deadlines() -> None:
    """One that was not asked for never comes; another does."""
    assert not Deadline().passed
    assert not Deadline.after(None).passed
    assert not Deadline.after(60).passed
    assert Deadline.after(1e-9).passed


def test_no_time_at_all(run_deploy: Deploy, deployed: Work, tmp_path: Path) -> None:
    """Without a batch of training there is a measured network, a whole bundle, and a note that says how far it came."""
    start = time.monotonic()
    work = run_deploy(tmp_path / "build", time_limit=1e-6)
    assert time.monotonic() - start < 30
    assert work.search.candidate.measured is work.measured
    assert sum(config.steps(len(work.data.train)) for config in work.search.candidate.tunings) == 0
    assert work.reference is None
    assert [message.partition(":")[0] for message in notes(work)] == ["the search was ended after 1e-06 s"]
    assert read_bundle(tmp_path / "build").manifest["network"] == work.measured.network.content_hash
    assert '"tuned"' not in (tmp_path / "build" / JOURNAL).read_text()
    again = run_deploy(tmp_path / "build", resume=True)
    assert notes(again) == []
    assert hashes(tmp_path / "build") == hashes(deployed.options.output)


@pytest.mark.parametrize("method", ["synapses", "gradual", "magnitude"])
def test_no_time_leaves_the_budget_kept(method: str, run_deploy: Deploy, tmp_path: Path) -> None:
    """Uniform widths are within it at once, whatever a method would have come to."""
    work = run_deploy(tmp_path / "build", time_limit=1e-6, synops="40%", search=replace(SEARCH, method=method))
    assert len(work.search.compared) == 1
    assert work.search.candidate.option.of != "scratch"
    assert work.goal.is_met(work.measured)


@pytest.mark.parametrize("place", [(gradual, "remove"), (search_loop, "best_of"), (closing, "press")])
def test_time_that_ends_in_the_middle(
    place: tuple[Any, str], run_deploy: Deploy, deployed: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole trainings are kept, what was cut short is not; each line of the journal is one of a whole run's."""
    module, name = place
    real, passed = getattr(module, name), []

    def slow(*arguments: Any, **options: Any) -> Any:
        passed.append(name)
        return real(*arguments, **options)

    monkeypatch.setattr(module, name, slow)
    monkeypatch.setattr(Deadline, "passed", property(lambda self: bool(passed) and self.at < float("inf")))
    work = run_deploy(tmp_path / "build", time_limit=1e6)
    assert len(notes(work)) == 1
    assert passed
    monkeypatch.undo()
    whole = (deployed.options.output / JOURNAL).read_text().splitlines()
    assert set((tmp_path / "build" / JOURNAL).read_text().splitlines()) <= set(whole)
    run_deploy(tmp_path / "build", resume=True)
    assert hashes(tmp_path / "build") == hashes(deployed.options.output)


def test_time_enough(run_deploy: Deploy, deployed: Work, tmp_path: Path) -> None:
    """A limit that is not reached changes no byte."""
    work = run_deploy(tmp_path / "build", time_limit=3600.0)
    assert notes(work) == []
    assert hashes(tmp_path / "build") == hashes(deployed.options.output)
