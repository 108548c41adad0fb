"""``--place``: how the deployed network is put on cores."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run


def test_place(spear: Run, tiny_nir: Path, tiny_npz: Path, tmp_path: Path) -> None:
    """The option and the project file take a name of the table; the report says what the own rule would give."""
    wanted = ["compile", tiny_nir, "--chip", "loihi2", "--data", tiny_npz, "--synops", "100%", "-o", tmp_path / "out"]
    done = spear(*wanted, "--place", "balance")
    assert done.code == 0
    assert "placed by balance: by the chip's own rule" in " ".join(done.out.split())
    assert json.loads((tmp_path / "out" / "report.json").read_text())["bottleneck"]["placement"] == "balance"
    assert 'place = "balance"' in (tmp_path / "out" / "spear.toml").read_text()
    assert spear("report", tmp_path / "out", "--csv", tmp_path / "tables").code == 0
    assert (tmp_path / "tables" / "loads.csv").read_text().startswith("core,neurons,synops,spikes,received,sent\n0,")
    refused = spear(*wanted, "--force", "--place", "x")
    assert refused.code == 2
    assert "default, balance" in refused.err
