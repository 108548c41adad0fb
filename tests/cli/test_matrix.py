"""``inspect`` on chips that are checked, and on all chips at once; what refuses them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from spear_deploy.chips import chip_names
from spear_deploy.deployment.bundle import MANIFEST
from spear_deploy.frontends import Imported, Semantics
from spear_deploy.resources import resource
from tests.cli.conftest import Run
from tests.targets.checked.networks import chain, matrix

DIGITS = resource("examples/digits")
READ = ("--semantics", DIGITS / "semantics.toml")


def rows(out: str) -> dict[str, list[str]]:
    """Return the table's rows by chip."""
    found = (line.split() for line in out.split("what is in the way", maxsplit=1)[0].splitlines())
    return {cells[0]: cells[1:] for cells in found if cells and cells[0] in chip_names()}


def test_all_chips(spear: Run) -> None:
    """A row for every chip: whether it takes the network, how that is known, cores used and there, the fullest core."""
    done = spear("inspect", DIGITS / "digits.nir", *READ, "--chip", "all")
    assert (done.code, done.err) == (0, "")
    table = rows(done.out)
    assert set(table) == set(chip_names())
    assert table["loihi1"][:4] == ["yes", "emulator", "4", "128"]
    assert table["speck2e"][:5] == ["with", "adaptation", "emulator", "4", "9"]
    assert table["spinnaker1"][:5] == ["cannot", "say", "rules", "alone", "17"]
    assert table["brainscales2"][:5] == ["no", "rules", "alone", "5", "1"]
    reasons = done.out.split("what is in the way, nearest first\n")[1]
    assert "brainscales2: pruning may cure it\n  E035 network: it takes 5 cores. The chip has 1 core" in reasons
    assert "speck2e, speck2f: deploy --adapt gives it the chip's own neurons" in reasons
    assert "not checked, for want of a published figure: synapses.fan_in" in reasons
    order = [reasons.index(name) for name in ("speck2e", "spinnaker1", "akida1", "brainscales2", "dynap_se2")]
    assert order == sorted(order)


@pytest.mark.parametrize("width", [80, 100, 200])
def test_it_fits_the_terminal(width: int, spear: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table leaves out columns, and names them, where there is no room; no line is cut."""
    monkeypatch.setenv("COLUMNS", str(width))
    done = spear("inspect", DIGITS / "digits.nir", *READ, "--chip", "all")
    table = done.out.split("semantics: ")[1].splitlines()[1:]
    assert max(map(len, table)) <= max(width, 100)  # a file has no width of its own: 100
    assert {"akida1", "truenorth"} < set(rows(done.out))


def test_no_chip(spear: Run, tmp_path: Path) -> None:
    """Where none takes it as it is, the code is that of inspect on one of them: 3, with what to do (E097)."""
    slow = chain((4,), matrix(3, 4))
    network = Imported(slow, Semantics(dt=1.0)).save(tmp_path / "net.nir") or tmp_path / "net.nir"
    assert spear("inspect", network, "--chip", "all").code == 0
    readout = chain((4,), matrix(3, 4), spikes="integer", floor=-1.0, beta=0.5)
    Imported(readout, Semantics(dt=1.0, spikes="integer", floor=-1.0)).save(tmp_path / "net.nir")
    done = spear("inspect", network, "--chip", "all")
    assert done.code == 3
    assert "E097 network: none of 16 chips takes it as it is" in done.err
    assert "deploy with --adapt for one of: " in done.err


@pytest.mark.parametrize("chip", ["brainscales2", "truenorth", "akida1"])
def test_a_chip_that_is_checked(chip: str, spear: Run) -> None:
    """What it is, its placement, its notes, and 3 with all findings."""
    done = spear("inspect", DIGITS / "digits.nir", *READ, "--chip", chip)
    assert done.code == 3
    assert "is checked, not emulated: rules and a count of cores are all that there is" in done.out
    assert "neurons/core" in done.out
    assert "N042 weights: rounded" in done.out
    assert "fix" in done.err


def test_a_chip_without_a_count_of_cores(spear: Run) -> None:
    """Without a figure there is no placement, and the note says which figures."""
    done = spear("inspect", DIGITS / "digits.nir", *READ, "--chip", "spinnaker1")
    assert done.code == 0
    assert "neurons/core" not in done.out
    assert "N040 spinnaker1: 5 checks could not be made, for want of a published figure" in done.out
    assert "neurons of a core (capacity.neurons_per_core)" in done.out


def test_the_lists_say_which_are_checked(spear: Run) -> None:
    """``chips`` says so of every chip, and of one in a sentence."""
    listed = {line.split()[0]: line for line in spear("chips").out.splitlines()}
    assert listed["truenorth"].rstrip().endswith("rules alone")
    assert listed["loihi2"].rstrip().endswith("emulator")
    assert "Checked, not emulated: " in spear("chips", "truenorth").out
    assert "Emulated: " in spear("chips", "speck2f").out


@pytest.mark.parametrize("command", ["deploy", "compile", "sweep"])
def test_nothing_is_deployed(command: str, spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """E090 at once, with what can be done instead; nothing is written."""
    budget = ("--synops", "80%,60%") if command == "sweep" else ("--synops", "80%")
    done = spear(command, tiny_nir, "--data", tiny_npz, "--chip", "dynap_se2", *budget, "-o", tmp_path / "out")
    assert done.code == 3
    assert "E090 dynap_se2: is checked, not emulated" in done.err
    assert "inspect MODEL --chip dynap_se2" in done.err
    assert not (tmp_path / "out").exists()


def test_nothing_is_run_or_exported(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """A bundle that claims such a target is refused with the same code: there is no program of one."""
    out = tmp_path / "out"
    done = spear("compile", tiny_nir, "--data", tiny_npz, "--chip", "loihi2", "--synops", "120%", "-o", out)
    assert done.code == 0, done.err
    manifest = json.loads((out / MANIFEST).read_text())
    (out / MANIFEST).write_text(json.dumps({**manifest, "target": "checked"}))
    for arguments in (("run", out), ("validate", out), ("export", out, "-o", tmp_path / "x.net")):
        done = spear(*arguments)
        assert done.code == 3
        assert "E090 target checked" in done.err
    assert not np.any([path.suffix == ".net" for path in tmp_path.iterdir()])
