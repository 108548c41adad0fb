"""What a command says when it shall be quiet, and what it logs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from spear_deploy.cli.output import opened
from spear_deploy.errors import InputError
from spear_deploy.resources import resource
from tests.cli.conftest import Run

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ")
QUICK = ("--method", "uniform", "--epochs", "1", "--effort", "quick", "--chip", "loihi2", "--synops", "70%")


def test_quiet_and_logged(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """The verdict alone is printed; the log has every line that is printed otherwise, each with its time."""
    given = (tiny_nir, "--data", tiny_npz, *QUICK)
    log, folder = tmp_path / "logs" / "run.log", tmp_path / "quiet"
    told = spear("compile", *given, "-o", tmp_path / "told")
    quiet = spear("compile", *given, "-o", folder, "--quiet", "--log", log)
    assert (told.code, quiet.code, quiet.err) == (0, 0, "")
    assert quiet.out.startswith("within budget")
    assert quiet.out.count("\n") == 1
    lines = log.read_text(encoding="utf-8").splitlines()
    assert all(STAMP.match(line) for line in lines)
    logged = [STAMP.sub("", line) for line in lines]
    assert quiet.out.strip() in " ".join(logged)
    steps = [line.split(" done in ")[0] for line in told.out.splitlines() if " done in " in line]
    assert [line.split(" done in ")[0] for line in logged if " done in " in line] == steps
    assert "float -> chip" in log.read_text(encoding="utf-8")
    assert "quiet" not in (folder / "spear.toml").read_text(encoding="utf-8")
    assert spear("compile", *given, "-o", folder, "--force", "-q", "--log", log).code == 0
    assert len(log.read_text(encoding="utf-8").splitlines()) > 1.5 * len(lines), "it goes on with what is there"


def test_how_far_a_run_is(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """Each step with its number, up to the last one that is asked for; what is compared, and which of it is best."""
    given = ("compile", tiny_nir, "--data", tiny_npz, *QUICK, "-o", tmp_path / "out")
    lines = spear(*given).out.splitlines()
    names = ("check", "adapt", "baseline", "search", "bundle", "validate")
    assert [line for line in lines if line.startswith("step ")] == [
        f"step {n} of 6: {s}" for n, s in enumerate(names, 1)
    ]
    assert sum(line.startswith("best so far: ") for line in lines) == 1
    (best,) = (line for line in lines if line.startswith("best so far: "))
    assert re.search(r"[\d,]+ of [\d,]+ SynOps a sample, .*accuracy [\d.]+% on the validation samples", best)
    assert any(line.startswith("compared: ") for line in lines)
    stopped = spear(*given[:-1], tmp_path / "other", "--until", "baseline").out
    assert "step 3 of 3: baseline" in stopped
    assert "step 4" not in stopped


def test_json_is_printed_all_the_same(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """Standard output carries the report alone."""
    done = spear("compile", tiny_nir, "--data", tiny_npz, *QUICK, "-o", tmp_path / "out", "-q", "--json")
    assert done.code == 0
    assert done.out.startswith("{")
    assert "within budget" in done.err


def test_errors_are_logged_and_told(spear: Run, tiny_nir: Path, tmp_path: Path) -> None:
    """Once each."""
    log = tmp_path / "run.log"
    done = spear("compile", tiny_nir, "--data", "absent.npz", *QUICK, "-o", tmp_path / "out", "-q", "--log", log)
    assert (done.code, done.out) == (2, "")
    assert done.err.count("E001") == log.read_text(encoding="utf-8").count("E001") > 0


def test_logs_that_cannot_be(tmp_path: Path) -> None:
    """In the folder of the run, in a file as if it were a folder, and on a full disk: E009."""
    (tmp_path / "file").write_text("")
    for log in (tmp_path / "out" / "run.log", tmp_path / "file" / "run.log", tmp_path):
        with (
            pytest.raises(InputError, match="E009"),
            opened(quiet=False, verbose=False, log=log, folder=tmp_path / "out", stderr=False),
        ):
            pytest.fail("it was opened")
    with (
        pytest.raises(InputError, match="E009 /dev/full"),
        opened(quiet=True, verbose=False, log=Path("/dev/full"), folder=tmp_path, stderr=False) as shown,
    ):
        shown.progress().say("text")


def test_verbose(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """What each step decides is said as well, in the log too; without -v nothing of it."""
    given = (tiny_nir, "--data", tiny_npz, *QUICK)
    log = tmp_path / "run.log"
    told = spear("compile", *given, "-o", tmp_path / "told")
    verbose = spear("compile", *given, "-o", tmp_path / "verbose", "-v", "--log", log)
    assert (told.code, verbose.code) == (0, 0)
    logged = [STAMP.sub("", line) for line in log.read_text(encoding="utf-8").splitlines()]
    starts = ("network: 3 populations", "data: ", "unpruned hidden1: cores 1", "budget synops: at most ")
    for start in (
        *starts,
        "not pruned: output",
        "compared uniform: units ",
        "delivered, from ",
        "samples in the bundle",
    ):
        assert any(line.startswith(f"  {start}") for line in verbose.out.splitlines()), start
        assert any(line.startswith(f"  {start}") for line in logged), start
        assert f"  {start}" not in told.out
    assert "verbose =" not in (tmp_path / "verbose" / "spear.toml").read_text(encoding="utf-8")
    assert (tmp_path / "verbose" / "model.nir").read_bytes() == (tmp_path / "told" / "model.nir").read_bytes()
    assert spear("compile", *given, "-o", tmp_path / "out", "-v", "-q").code == 2
    ran, plain = (spear("run", tmp_path / "told", *more) for more in (("-v",), ()))
    assert "  hidden1: " in ran.out
    assert plain.out.splitlines()[-1] == ran.out.splitlines()[-1]
    assert "hidden1" not in plain.out


def test_verbose_notes(spear: Run) -> None:
    """With what mends them, and the numbers behind them; the document is the same."""
    folder = resource("examples/digits")
    given = ("inspect", folder / "digits.nir", "--semantics", folder / "semantics.toml", "--chip", "loihi2")
    told, verbose = spear(*given), spear(*given, "-v")
    assert "N023" in told.out
    assert "fix: more --weight-bits" not in told.out
    assert "fix: more --weight-bits" in verbose.out
    assert "room left" in verbose.out
    assert "axons_in" in verbose.out
    documents = [json.loads(spear(*given, *more).out) for more in (("--json",), ("--json", "-v"))]
    assert documents[0]["findings"] == documents[1]["findings"]
    assert documents[0]["placement"]["populations"][0]["utilisation"].keys() > {"neurons", "axons_in"}


@pytest.mark.parametrize(("synops", "search"), [("70%", "uniform: at most about "), ("100%", "none: the unpruned")])
def test_a_dry_run(synops: str, search: str, spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """It says what a run would take, in words and as JSON, and writes nothing."""
    given = (tiny_nir, "--data", tiny_npz, *QUICK, "--synops", synops, "-o", tmp_path / "out", "--dry-run")
    done = spear("compile", *given)
    assert done.code == 0
    assert f"search      {search}" in done.out
    assert "memory      up to 1" in done.out
    assert done.out.rstrip().endswith("dry run: nothing was written")
    quiet = spear("compile", *given, "-q").out.splitlines()
    assert [line.split()[0] for line in quiet] == ["budgets", "search", "memory", "dry"]
    assert not (tmp_path / "out").exists()
    told = json.loads(spear("compile", *given, "--json").out)["forecast"]
    assert (told["seconds"] is None) == (synops == "100%")
    assert told["seconds"] is None or 0 < told["seconds"] < 600
