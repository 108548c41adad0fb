"""What a terminal cannot show does not end a command."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from spear_deploy.frontends.nir.file import NirGraph, write
from tests.frontends.nir.graphs import lif, linear, port


def test_names_that_a_terminal_cannot_show(tmp_path: Path) -> None:
    """On a terminal of ASCII they are escaped, in tables and in findings."""
    nodes = {"in": port("Input", 3), "ω": linear(3, 3), "発火": lif(3), "out": port("Output", 3)}
    write(tmp_path / "good.nir", NirGraph(nodes, tuple(pairwise(nodes))))
    write(tmp_path / "bad.nir", NirGraph({**nodes, "発火": lif(4)}, tuple(pairwise(nodes))))
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for name, code in (("good.nir", 0), ("bad.nir", 2)):
        command = [
            sys.executable,
            "-m",
            "spear_deploy",
            "inspect",
            str(tmp_path / name),
            "--semantics",
            "nir",
            "--dt",
            "1",
        ]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == code, done.stderr
        assert r"\u767a\u706b" in done.stdout + done.stderr
