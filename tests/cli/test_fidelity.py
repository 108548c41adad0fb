"""Fidelity on the command line: ``inspect``'s table and findings, and ``--allow-loss``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.collapsing import collapsing, two_classes_file


@pytest.fixture
def request_(tmp_path: Path) -> tuple[object, ...]:
    """A network that collapses with its data and a chip, as arguments."""
    collapsing().save(tmp_path / "model.nir")
    return tmp_path / "model.nir", "--data", two_classes_file(tmp_path / "two.npz"), "--chip", "loihi2"


def test_inspect_shows_float_beside_chip(spear: Run, tiny_nir: Path, tiny_npz: Path) -> None:
    """Without a search: the table, in order of execution; nothing is found of a faithful network."""
    done = spear("inspect", tiny_nir, "--data", tiny_npz, "--chip", "loihi2")
    assert done.code == 0
    assert "float -> chip:" in done.out
    table = done.out[done.out.index("population   float") :]
    assert [line.split()[0] for line in table.splitlines()[2:5]] == ["hidden1", "hidden2", "output"]
    assert "float -> chip" not in spear("inspect", tiny_nir, "--chip", "loihi2").out


def test_inspect_finds_a_collapse(spear: Run, request_: tuple[object, ...]) -> None:
    """The same findings as of a deployment, with its exit code, and the table in front of them."""
    done = spear("inspect", *request_)
    assert done.code == 3
    assert "50.0% of 30 samples decided alike" in done.out
    assert "E066 population 'hidden': falls silent" in done.err
    assert "--allow-loss" in done.err


def test_allow_loss(spear: Run, request_: tuple[object, ...], tmp_path: Path) -> None:
    """Without it a compile ends with 3 and leaves nothing; with it the report notes what was lost."""
    asked = (*request_, "--synops", "50%", "--episodes", 4, "--candidates", 1, "--epochs", 1, "-o", tmp_path / "build")
    refused = spear("compile", *asked)
    assert refused.code == 3
    assert "E066" in refused.err
    assert not (tmp_path / "build").exists()
    done = spear("compile", *asked, "--allow-loss")
    assert done.code in (0, 4)  # a budget of so few samples' SynOps may be missed: what is asked is that it goes on
    assert "E066 population 'hidden': falls silent" in " ".join(done.out.split())
    assert "N010" in done.out


def test_a_run_that_is_stopped_tells_it_too(spear: Run, request_: tuple[object, ...], tmp_path: Path) -> None:
    """With --until, where there is no report, the notes stand among what was found so far."""
    done = spear("compile", *request_, "--synops", "50%", "--until", "baseline", "--allow-loss", "-o", tmp_path / "b")
    assert done.code == 0
    assert "E066 population 'hidden': falls silent" in done.out
    assert "N010 --synops" in done.out
