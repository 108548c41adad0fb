"""The backend netx: it refuses before a search what it cannot load, and gives the emulator's spikes for what it can."""

from __future__ import annotations

from pathlib import Path

import pytest

import spear_deploy
from spear_deploy.errors import BackendError, UnsupportedError

QUICK = {"episodes": 8, "candidates": 1, "epochs": 2.0, "samples": 4}


@pytest.fixture(scope="module")
def installed() -> None:
    """Skips where lava-dl is not installed."""
    from spear_deploy.backends import BACKENDS

    try:
        BACKENDS.get("netx").require()
    except BackendError as error:
        pytest.skip(str(error))


@pytest.mark.lava
def test_what_a_net_file_cannot_hold_is_refused_before_the_search(
    installed: None, tiny_nir: Path, tiny_npz: Path, tmp_path: Path
) -> None:
    """E038 with every reason, and nothing is written."""
    subtracting = spear_deploy.load(tiny_nir, reset="subtract")
    with pytest.raises(UnsupportedError, match="E038"):
        spear_deploy.deploy(subtracting, tiny_npz, output=tmp_path / "out", synops="60%", backend="netx", **QUICK)
    assert not (tmp_path / "out").exists()


@pytest.mark.lava
def test_the_exported_file_gives_the_emulators_spikes(installed: None, tiny_nir: Path, tiny_npz: Path) -> None:
    """netx loads the very file that is exported; every bin agrees."""
    done = spear_deploy.deploy(tiny_nir, tiny_npz, synops="60%", backend="netx", keep_to="net", **QUICK)
    assert done.error is None
    assert (done.report["validation"]["backend"], done.report["validation"]["mismatches"]) == ("netx", 0)
    assert done.report["validation"]["spikes"] > 0
