"""Files that somebody changed: told with a code, soon, never by a traceback, and never believed.

The number of files is for every run of the suite; ``SPEAR_DEPLOY_TAMPERINGS=1000`` draws a thousand bundles, a thousand
reports and half as many profiles.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from spear_deploy.cli.chips import figures
from spear_deploy.targets import load_chip
from tests.cli.conftest import Done, Run, spear  # noqa: F401
from tests.tampering import contradictions, tampered_bundle, tampered_profile, tampered_report

MANY = int(os.environ.get("SPEAR_DEPLOY_TAMPERINGS", "60"))
SLOWEST = 5.0
"""Seconds of processor time, children's included: a loaded machine is not a fault of a file's."""


@pytest.fixture(scope="module")
def sound(tiny_nir: Path, tiny_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with its report, as a run leaves them."""
    import spear_deploy

    folder = tmp_path_factory.mktemp("sound") / "bundle"
    done = spear_deploy.deploy(tiny_nir, tiny_npz, synops="100%", samples=8, output=folder)
    assert done.error is None
    return folder


@pytest.fixture(scope="module")
def report(sound: Path) -> dict[str, Any]:
    """Its report."""
    loaded: dict[str, Any] = json.loads((sound / "report.json").read_text())
    return loaded


def worked() -> float:
    """Return the processor time so far of this process and of those that it waited for."""
    return sum(os.times()[:4])


def refused(done: Done, seconds: float, *, codes: tuple[int, ...] = (2, 3)) -> str:
    """Return what is wrong with how a command ended on a changed file, if anything."""
    if done.code not in codes:
        return f"exit {done.code}: {done.err[-300:] or done.out[-300:]}"
    if "Traceback" in done.err or (done.code and "fix" not in done.err and "more: spear" not in done.err):
        return f"told by {done.err[-300:]}"
    return f"took {seconds:.1f} s" if seconds > SLOWEST else ""


def test_bundles(sound: Path, spear: Run, tmp_path: Path) -> None:  # noqa: F811
    """Samples, registers, graph or manifest that no run wrote, under a manifest that vouches for them."""
    assert spear("run", sound).code == 0
    wrong = {}
    for seed in range(MANY):
        done_to = tampered_bundle(sound, tmp_path / "bundle", seed)
        start = worked()
        ended = spear("run", tmp_path / "bundle")
        if problem := refused(ended, worked() - start):
            wrong[f"{seed} {done_to}"] = problem
    assert not wrong


def test_reports(sound: Path, report: dict[str, Any], spear: Run, tmp_path: Path) -> None:  # noqa: F811
    """A value that is gone, another, or one too many; what the schema leaves open may be shown, and nothing obeyed."""
    (tmp_path / "bundle").mkdir()
    path = tmp_path / "bundle" / "report.json"
    path.write_text(json.dumps(report))
    assert spear("report", path.parent).code == 0
    wrong, shown = {}, 0
    for seed in range(2 * MANY):
        text, done_to = tampered_report(report, seed)
        path.write_text(text)
        start = worked()
        ended = spear("report", path.parent)
        shown += ended.code == 0
        if problem := refused(ended, worked() - start, codes=(0, 2)):
            wrong[f"{seed} {done_to}"] = problem
    assert not wrong
    assert shown < 0.4 * MANY


def test_figures_that_cannot_be_shown(report: dict[str, Any], spear: Run, tmp_path: Path) -> None:  # noqa: F811
    """Numbers that the schema allows and no table has a place for: E010, before anything is printed."""
    (tmp_path / "bundle").mkdir()
    for change in ({"digits": 2**40}, {"digits": 10**9}, {"digits": 13}):
        forged = json.loads(json.dumps(report))
        forged["budgets"][0].update(change)
        (tmp_path / "bundle" / "report.json").write_text(json.dumps(forged))
        done = spear("report", tmp_path / "bundle")
        assert (done.code, "decimals cannot be shown" in done.err, done.out) == (2, True, ""), change


def test_contradictions(sound: Path, report: dict[str, Any], spear: Run, tmp_path: Path) -> None:  # noqa: F811
    """A verdict that the figures do not bear out is E053, and no page is written."""
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "manifest.json").write_text((sound / "manifest.json").read_text())
    for name, forged in contradictions(report).items():
        (tmp_path / "bundle" / "report.json").write_text(json.dumps(forged))
        done = spear("report", tmp_path / "bundle")
        assert (done.code, "E053" in done.err, done.out) == (2, True, ""), name
        assert not (tmp_path / "bundle" / "report.html").exists()


def test_profiles(tiny_nir: Path, spear: Run, tmp_path: Path) -> None:  # noqa: F811
    """Figures of any type and size: refused by name, or a chip that networks can be lowered for or not."""
    known = {path: (figure.value, figure.source) for path, figure in figures(load_chip("loihi2"))}
    path, wrong = tmp_path / "mine.toml", {}
    for seed in range(MANY // 2):
        text, done_to = tampered_profile(known, seed)
        path.write_text(text)
        for arguments in (("chips", path), ("inspect", tiny_nir, "--chip", path)):
            start = worked()
            ended = spear(*arguments)
            if problem := refused(ended, worked() - start, codes=(0, 2, 3)):
                wrong[f"{seed} {arguments[0]} {done_to}"] = problem
    assert not wrong
