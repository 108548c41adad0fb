"""The bound of memory, held against the peak of whole deployments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from spear_deploy.sizes import bytes_of

# A whole run of a network whose batches of 64 take a GiB in a pass: prints the peak and what the run said of memory.
_PROCESS = """
import sys
import numpy as np
import spear_deploy
from benchmarks.networks import events_conv
from spear_deploy.frontends import Semantics, save

rng = np.random.default_rng(0)
x = (rng.random((130, 100, 2, 34, 34)) < 0.02).astype(np.uint8)
options = {"synops": "60%", "method": "uniform", "effort": "quick", "epochs": 1, "allow_loss": True, "progress": True}
bound, folder, data = sys.argv[1], sys.argv[2], (x, rng.integers(0, 10, 130))
save(folder + ".nir", events_conv(rng), Semantics(dt=1.0))
done = spear_deploy.deploy(folder + ".nir", data, chip="loihi2", memory=bound, output=folder, **options)
peak = next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak, done.report["execution"]["memory"])
"""


@pytest.mark.slow
@pytest.mark.parametrize("bound", ["1200MiB", "1.5GiB", "4GiB"])
def test_a_deployment_stays_within_its_bound(bound: str, tmp_path: Path) -> None:
    """The peak of the process is within --memory, whatever that is, and more is used where there is more."""
    run = [sys.executable, "-c", _PROCESS, bound, str(tmp_path / "out")]
    found = subprocess.run(run, capture_output=True, text=True, check=True)
    peak, reported = map(int, found.stdout.split()[-2:])
    assert reported == bytes_of(bound)
    assert peak <= bytes_of(bound)
    parts = [line for line in found.stderr.splitlines() if line.startswith("memory:")]
    assert len(parts) == 1
    assert ("parts" in parts[0]) == (bytes_of(bound) < 3 << 30)
