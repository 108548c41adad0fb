"""The folder of a sweep: ``force`` replaces what an earlier one left there, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

import spear_deploy
from spear_deploy.api.sweep_folder import clear_earlier
from spear_deploy.data import Dataset
from spear_deploy.errors import InputError
from spear_deploy.frontends import Imported
from tests.api.test_sweep import FAST


def test_force_replaces_an_earlier_sweep(imported: Imported, tiny_data: Dataset, tmp_path: Path) -> None:
    """Points of other budgets and another seed go with it; a link among them leads nowhere else."""
    folder, kept = tmp_path / "points", tmp_path / "kept"
    spear_deploy.sweep(imported, tiny_data, output=folder, budgets=("100%",), seeds=(3,), max_drop=50, **FAST)
    with pytest.raises(InputError, match="E045"):
        spear_deploy.sweep(imported, tiny_data, output=folder, budgets=("110%",), max_drop=50, **FAST)
    kept.mkdir()
    (folder / "90pct_seed_0").symlink_to(kept)
    with pytest.raises(InputError, match=r"E009(.|\n)*90pct_seed_0"):
        clear_earlier(folder)
    assert (folder / "100pct_seed_3" / "report.json").is_file()
    (folder / "90pct_seed_0").unlink()
    spear_deploy.sweep(imported, tiny_data, output=folder, budgets=("110%",), max_drop=50, force=True, **FAST)
    assert sorted(each.name for each in folder.iterdir()) == ["110pct_seed_0", "sweep.html", "sweep.json"]


def test_files_of_others_stay(tmp_path: Path) -> None:
    """A folder without a sweep is not touched, and one with more than a sweep neither."""
    (tmp_path / "50pct_seed_0").mkdir()
    clear_earlier(tmp_path)
    (tmp_path / "sweep.json").write_text("{}")
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(InputError, match=r"E009(.|\n)*thesis\.tex"):
        clear_earlier(tmp_path)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["50pct_seed_0", "sweep.json", "thesis.tex"]
