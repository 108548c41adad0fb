"""The output folder: what is taken for an earlier run's, and what for somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from spear_deploy.deployment.folder import claim_folder, refuse_folder
from spear_deploy.errors import InputError


@pytest.mark.parametrize("name", ["model.nir", "samples.npz", "report.json"])
def test_files_of_the_user_are_not_taken_for_an_earlier_run(name: str, tmp_path: Path) -> None:
    """A folder without a manifest or journal holds somebody's files, whatever their names: E009, and they stay."""
    (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match="E009"):
        claim_folder(tmp_path, resume=False)
    assert (tmp_path / name).read_text() == "mine"


def test_an_earlier_run_is_replaced(tmp_path: Path) -> None:
    """Files of a run, leftovers of a killed one included, are removed before the next."""
    for name in ("search.jsonl", "model.nir", ".model.nir.x.part"):
        (tmp_path / name).write_text("old")
    refuse_folder(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    claim_folder(tmp_path, resume=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_not_made_for_a_look(tmp_path: Path) -> None:
    """It is made when something is to be written."""
    refuse_folder(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    claim_folder(tmp_path / "a" / "b", resume=True)
    assert (tmp_path / "a" / "b").is_dir()
