"""The commands on the tiny network: what they print, write and return."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from spear_deploy.budgets import RESOURCES
from spear_deploy.chips.loader import chip_names
from spear_deploy.deployment.bundle import MODEL, PROGRAM, read_bundle, source_units
from spear_deploy.report.schema import schema
from spear_deploy.targets.loihi.emulator.device_emulator import DeviceEmulator
from tests.cli.conftest import Done, Run

FAST = ("--episodes", 8, "--candidates", 1, "--epochs", 20, "--samples", 8)


@pytest.fixture
def compiled(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> tuple[Done, Path]:
    """A bundle of the tiny network with fewer units, at 75 %, and how the command ended."""
    folder = tmp_path / "build"
    model = (tiny_nir, "--chip", "loihi2", "--data", tiny_npz, "--synops", "75%")
    return spear("compile", *model, "--method", "gradual", "-o", folder, *FAST, "--json"), folder


def test_json_is_all_that_stdout_holds(compiled: tuple[Done, Path]) -> None:
    """With --json stdout is the report and nothing else, equal to report.json; progress goes to stderr."""
    done, folder = compiled
    assert done.code == 0
    report = json.loads(done.out)
    assert report == json.loads((folder / "report.json").read_text())
    Draft202012Validator(schema()).validate(report)
    assert "baseline" in done.err
    assert report["command"].startswith("spear-deploy compile")
    assert report["model"] == "tiny", "the file's name"
    assert report["within"] is True


def test_report_without_json(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """Without --json the report is told on the terminal, with the way to the file, whatever its name and length."""
    folder = tmp_path / ("long" * 30) / "build[bold]"
    done = spear("compile", tiny_nir, "--chip", "loihi2", "--data", tiny_npz, "--synops", "100%", "-o", folder)
    assert done.code == 0
    assert str(folder / "report.json") in done.out
    assert "SynOps" in done.out
    assert f"page: {folder / 'report.html'}" in spear("report", folder).out
    assert f"spikes: {folder / 'spikes.h5'}" in spear("run", folder, "-o", folder / "spikes.h5").out


def test_figures_and_json_of_a_report(compiled: tuple[Done, Path], spear: Run, tmp_path: Path) -> None:
    """--figures writes the page's pictures, --json prints the stored report alone."""
    folder = compiled[1]
    done = spear("report", folder, "--figures", tmp_path / "figures", "--csv", tmp_path / "tables", "--json")
    assert "layers.csv" in {path.name for path in (tmp_path / "tables").iterdir()}
    assert f"table: {tmp_path / 'tables' / 'layers.csv'}" in done.err
    with (tmp_path / "tables" / "neurons.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kept = source_units(folder)
    assert [(row["population"], int(row["source_unit"])) for row in rows] == [
        (name, unit) for name, units in kept.items() for unit in units
    ]
    assert any(units != list(range(len(units))) for units in kept.values())
    spear("report", folder / "report.json", "--csv", tmp_path / "same", "-o", tmp_path / "page.html")
    assert (tmp_path / "same" / "neurons.csv").read_bytes() == (tmp_path / "tables" / "neurons.csv").read_bytes()
    assert json.loads(done.out) == json.loads((folder / "report.json").read_text())
    written = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"network.svg", "network.png", "raster.svg", "accuracy-synops.svg", "lre-pairs.svg"} <= written
    assert all(name in done.err for name in written)


def test_until(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """Stopped after a step: 0, what was found is said, and what an earlier run wrote is left alone."""
    folder = tmp_path / "build"
    model = (tiny_nir, "--chip", "loihi2", "--data", tiny_npz, "--synops", "50%")
    (tmp_path / "build").mkdir()
    (folder / "search.jsonl").write_text("an earlier run's")
    done = spear("compile", *model, "-o", folder, "--until", "baseline")
    assert done.code == 0
    assert "stopped after baseline" in done.out
    assert "unpruned    chip: accuracy" in done.out
    assert [item.name for item in folder.iterdir()] == ["search.jsonl"]
    found = json.loads(spear("compile", *model, "-o", folder, "--until", "check", "--json").out)
    assert (found["done"], found["cores"]) == (["check"], {"used": 3, "of": 128})


def test_every_budget_of_the_table_has_an_option(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """Each is in the help and in the report; at least one is needed: 2."""
    budgets = {"--synops": "110%", "--synops-p95": "120%", "--cores": 9, "--min-accuracy": "50%", "--max-drop": 40}
    assert set(budgets) == {resource.option for _, resource in RESOURCES.items()}
    help_text = spear("compile", "--help").out
    assert all(f"  {option} " in help_text for option in budgets)
    model = (tiny_nir, "--chip", "loihi2", "--data", tiny_npz, "-o", tmp_path / "build")
    done = spear("compile", *model, *(item for option in budgets.items() for item in option), "--json")
    assert done.code == 0
    found = {row["resource"]: row["limit"] for row in json.loads(done.out)["budgets"]}
    assert set(found) == set(RESOURCES.names())
    assert (found["cores"], found["min_accuracy"], found["max_drop"]) == (9, 0.5, 40)
    none = spear("compile", *model)
    assert (none.code, "E007 budget: none was given" in none.err) == (2, True)


def test_another_method(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """--method names how keep counts are searched for, and the report says so."""
    model = (tiny_nir, "--chip", "loihi2", "--data", tiny_npz, "--synops", "75%")
    done = spear("compile", *model, "-o", tmp_path / "build", *FAST, "--candidates", 2, "--method", "uniform", "--json")
    assert done.code == 0
    search = json.loads(done.out)["search"]
    assert search["method"] == "uniform"
    assert 0.1 <= search["figures"]["ratio"] < 1


def test_budget_not_met(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """A search that ends beyond the budget exits with 4; bundle and report are written all the same."""
    folder = tmp_path / "build"
    options = ("--synops", "22%", "--lowest-ratio", 0.5, "--episodes", 4, "--candidates", 1, "--epochs", 0.01)
    options += ("--method", "uniform")
    done = spear("compile", tiny_nir, "--chip", "loihi2", "--data", tiny_npz, *options, "-o", folder, "--json")
    assert done.code == 4
    assert "E040 synops" in done.err
    assert json.loads(done.out)["within"] is False
    assert read_bundle(folder).program.populations


def test_run_saves_spikes(compiled: tuple[Done, Path], spear: Run, tiny_npz: Path, tmp_path: Path) -> None:
    """``run`` gives the report's numbers on the whole test split, and saves every population's spikes."""
    done, folder = compiled
    report = json.loads(done.out)
    result = spear("run", folder, "--data", tiny_npz, "-o", tmp_path / "spikes.h5")
    assert result.code == 0
    assert f"accuracy {report['accuracy']['quantised']:.2%} on 24 samples" in result.out
    assert f"{report['synops']['measured']['mean']:,.0f} SynOps" in result.out
    with h5py.File(tmp_path / "spikes.h5") as file:
        shapes = {name: dataset.shape for name, dataset in file["spikes"].items()}
        assert shapes["input"] == (24, 6, 12)
        assert shapes["output"] == (24, 6, 3)
        assert file["labels"].shape == (24,)
        scores = file["spikes/output"][()].sum(axis=1)
        assert np.mean(scores.argmax(axis=1) == file["labels"][()]) == report["accuracy"]["quantised"]


def test_run_on_the_bundles_own_samples(compiled: tuple[Done, Path], spear: Run) -> None:
    """Without --data the samples of the bundle are run, or the first few of them."""
    _, folder = compiled
    assert "on 8 samples" in spear("run", folder).out
    assert "on 3 samples" in spear("run", folder, "--samples", 3).out


def test_run_with_data_that_does_not_fit(compiled: tuple[Done, Path], spear: Run) -> None:
    """Data of another shape is refused as for a deployment: 2."""
    done = spear("run", compiled[1], "--data", "digits")
    assert done.code == 2
    assert "E005" in done.err


def test_output_of_run_that_cannot_be_written(compiled: tuple[Done, Path], spear: Run, tmp_path: Path) -> None:
    """A folder for a file is E009, exit 2, not a bug."""
    done = spear("run", compiled[1], "-o", tmp_path)
    assert done.code == 2
    assert "E009" in done.err


def test_validate_needs_lava(compiled: tuple[Done, Path], spear: Run) -> None:
    """Without the backend's environment ``validate`` and ``run --backend lava`` exit with 6."""
    for arguments in (["validate", compiled[1]], ["run", compiled[1], "--backend", "lava"]):
        done = spear(*arguments)
        assert done.code == 6
        assert "E060" in done.err
        assert "spear-deploy backend install lava" in done.err


@pytest.mark.parametrize("command", ["run", "validate"])
@pytest.mark.parametrize("name", [PROGRAM, MODEL])
def test_damaged_bundles(command: str, name: str, compiled: tuple[Done, Path], spear: Run) -> None:
    """A bundle with a changed or missing file is E010, exit 2, with the file's name."""
    folder = compiled[1]
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    done = spear(command, folder)
    assert done.code == 2
    assert f"E010 {folder / name}: was changed" in done.err
    (folder / name).unlink()
    assert f"E010 {folder / name}: is missing" in spear(command, folder).err


def test_report_page(compiled: tuple[Done, Path], spear: Run, tmp_path: Path) -> None:
    """``report`` prints the report and writes a page, into the bundle or where it is told."""
    folder = compiled[1]
    done = spear("report", folder)
    assert done.code == 0
    assert "SynOps" in done.out
    assert (folder / "report.html").read_text().lstrip().lower().startswith("<!doctype html>")
    assert spear("report", folder, "-o", tmp_path / "page.html").code == 0
    assert (tmp_path / "page.html").is_file()


@pytest.mark.parametrize("content", ["{", "", "\xff"])
def test_damaged_report(content: str, spear: Run, tmp_path: Path) -> None:
    """A report that is not JSON is E010, exit 2."""
    (tmp_path / "report.json").write_bytes(content.encode("latin-1"))
    done = spear("report", tmp_path)
    assert done.code == 2
    assert "E010" in done.err


def test_resume(compiled: tuple[Done, Path], spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """--resume goes on in the same folder and ends with the same program; other options are E012."""
    done, folder = compiled
    again = tmp_path / "again"
    again.mkdir()
    shutil.copy(folder / "search.jsonl", again)
    model = (tiny_nir, "--chip", "loihi2", "--data", tiny_npz, "-o", again, *FAST, "--resume", "--json")
    other = spear("compile", *model, "--method", "gradual", "--synops", "60%")
    assert other.code == 2
    assert "(differs in: --synops (" in other.err
    resumed = spear("compile", *model, "--method", "gradual", "--synops", "75%")
    assert resumed.code == 0
    assert json.loads(resumed.out)["hashes"] == json.loads(done.out)["hashes"]


def test_chips(spear: Run) -> None:
    """Every chip is listed; one is shown with the source of each number."""
    listed = spear("chips")
    assert listed.code == 0
    assert all(name in listed.out for name in chip_names())
    shown = spear("chips", "loihi2")
    assert shown.code == 0
    assert "capacity.cores_per_chip" in shown.out
    assert "sources" in shown.out
    rules = " ".join(shown.out.partition("\nrules\n")[2].split())
    assert "E036 A core holds 4,095 neurons, 16,000 words of synapses, 16,000 axons in and 16,000 out." in rules
    assert "E034 A spike waits 62 steps at most" in rules
    unknown = spear("chips", "loihi3")
    assert unknown.code == 2
    assert "did you mean loihi" in unknown.err


def test_backends(spear: Run) -> None:
    """The emulator is always ready; Lava and netx are not here, and checking them exits with 6."""
    listed = spear("backend", "list")
    assert listed.code == 0
    rows = {line.split()[0]: line for line in listed.out.splitlines()}
    assert list(rows) == ["emulator", "lava", "netx", "reference", "speck", "xylo"]
    assert "ready" in rows["emulator"]
    for name in ("lava", "netx"):
        assert "ready" not in rows[name]
        assert f"spear-deploy backend install {name}" in rows[name]
        assert spear("backend", "check", name).code == 6
    assert spear("backend", "check", "emulator").out.startswith("ok: True\n")


def test_demo_needs_lava(spear: Run, tmp_path: Path) -> None:
    """``demo`` is an ordinary deployment: it shows its command and needs the backend."""
    done = spear("demo", "-o", tmp_path / "demo")
    assert done.code == 6
    assert "$ spear-deploy deploy" in done.out
    assert not (tmp_path / "demo").exists()


def test_run_without_spikes_to_save_gives_the_same_numbers(
    compiled: tuple[Done, Path], spear: Run, tiny_npz: Path, tmp_path: Path
) -> None:
    """Measured batch after batch or from saved rasters, accuracy and SynOps are the same."""
    _, folder = compiled
    streamed = spear("run", folder, "--data", tiny_npz)
    saved = spear("run", folder, "--data", tiny_npz, "-o", tmp_path / "spikes.h5")
    assert streamed.code == saved.code == 0
    assert next(line for line in streamed.out.splitlines() if "accuracy" in line) in saved.out


def test_run_on_a_device(
    compiled: tuple[Done, Path], spear: Run, tiny_npz: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same numbers from a torch device; one that does not exist is E008, and one that is not used is a mistake."""
    _, folder = compiled
    here = spear("run", folder, "--data", tiny_npz)
    made: list[object] = []
    begin = DeviceEmulator.__init__

    def counted(self: DeviceEmulator, *arguments: object, **options: object) -> None:
        made.append(self)
        begin(self, *arguments, **options)

    monkeypatch.setattr(DeviceEmulator, "__init__", counted)
    for device, is_torchs in (("cpu", False), ("cpu:0", True)):  # plain cpu: this processor's own kernels
        there = spear("run", folder, "--data", tiny_npz, "--device", device)
        assert (there.code, bool(made)) == (0, is_torchs)
        assert next(line for line in here.out.splitlines() if "accuracy" in line) in there.out
    absent = spear("run", folder, "--data", tiny_npz, "--device", "abacus")
    assert (absent.code, "E008" in absent.err, "abacus" in absent.err) == (2, True, True)
    assert spear("run", folder, "--device", "cpu").code == 2


def test_export(compiled: tuple[Done, Path], spear: Run, tmp_path: Path) -> None:
    """``export`` writes a .net file, or refuses with E038 and writes nothing."""
    _, folder = compiled
    done = spear("export", folder, "-o", tmp_path / "model.net")
    assert (done.code, (tmp_path / "model.net").is_file()) in {(0, True), (3, False)}, done.err
    assert done.code == 0 or "E038" in done.err


def test_a_mistyped_command_gets_the_nearest(spear: Run) -> None:
    """A command that does not exist: 2, with the nearest."""
    done = spear("dploy")
    assert (done.code, "Did you mean 'deploy'?" in done.err) == (2, True)


def test_model_in_the_output_folder_is_not_overwritten(compiled: tuple[Done, Path], spear: Run, tiny_npz: Path) -> None:
    """Deploying a bundle's own model into the same folder is refused before anything is touched: E009."""
    _, folder = compiled
    before = (folder / MODEL).read_bytes()
    model = (folder / MODEL, "--chip", "loihi2", "--data", tiny_npz, "--synops", "90%")
    done = spear("compile", *model, "-o", folder)
    assert (done.code, "E009" in done.err, (folder / MODEL).read_bytes()) == (2, True, before)
