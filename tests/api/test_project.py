"""What a project file says of a call from Python: what the command line takes, in its own words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spear_deploy.api.project import Project
from spear_deploy.api.settings import deploy_options


@pytest.mark.parametrize("given", [("mirror", "shift"), ["shift"], "mirror", []])
def test_augmentations(given: Any, tmp_path: Path) -> None:
    """Names in a list become the text that the command line reads as the same names."""
    Project.of("net.nir", "digits", "loihi2", {"synops": 5, "augment": given}).write(tmp_path)
    lines = (tmp_path / "spear.toml").read_text().splitlines()
    said = next(line for line in lines if line.startswith("augment = ")).partition(" = ")[2].strip('"')
    finish = (deploy_options({"synops": 5, "augment": each}, Path()).search.finish for each in (given, said))
    assert len({each.augment for each in finish}) == 1
