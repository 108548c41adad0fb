"""xylosim against the emulator, spike by spike and state by state, and what becomes of runs that cannot end well."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import spear_deploy
from spear_deploy.backends.xylo import ENVIRONMENT, XYLO
from spear_deploy.errors import BackendError, UnsupportedError
from spear_deploy.targets.xylo.registers import Arithmetic
from tests.backends.xylo_runs import files, mismatches
from tests.targets.xylo.programs import random_events, random_program


@pytest.fixture(scope="session")
def xylo_python() -> Path:
    """The interpreter of the environment; tests that need it are skipped where it is not installed."""
    try:
        return ENVIRONMENT.python()
    except BackendError as error:
        pytest.skip(str(error))


@pytest.mark.xylo
@pytest.mark.usefixtures("xylo_python")
@pytest.mark.parametrize("seed", range(3))
def test_a_few_random_programs_equal_xylosim(seed: int, tmp_path: Path) -> None:
    """Every spike, current and membrane."""
    differing, compared = mismatches(seed, tmp_path)
    assert differing == 0
    assert compared > 1000


@pytest.mark.slow
@pytest.mark.xylo
@pytest.mark.usefixtures("xylo_python")
def test_random_programs_equal_xylosim(tmp_path: Path) -> None:
    """A slice of the 400 that ``python -m benchmarks.xylo --programs 400`` compares."""
    found = [mismatches(seed, tmp_path) for seed in range(100, 140)]
    assert sum(differing for differing, _ in found) == 0


@pytest.mark.xylo
@pytest.mark.usefixtures("xylo_python")
def test_a_deployment_is_proven_on_xylosim(tiny_nir: Path, tiny_npz: Path) -> None:
    """The default prover of a Xylo chip: all spikes of the validation samples agree."""
    quick = {"episodes": 8, "candidates": 1, "epochs": 4.0, "samples": 8}
    done = spear_deploy.deploy(tiny_nir, tiny_npz, "xylo_audio2", synops="60%", adapt=True, backend="xylo", **quick)
    validation = done.report["validation"]
    assert done.error is None
    assert (validation["backend"], validation["mismatches"]) == ("xylo", 0)
    assert validation["spikes_compared" if "spikes_compared" in validation else "spikes"] > 0


@pytest.mark.xylo
@pytest.mark.usefixtures("xylo_python")
def test_the_check_passes() -> None:
    """It reports versions."""
    report = XYLO.check()
    assert report["ok"], report["message"]
    assert report["xylosim"] == "0.1.3"


def other(name: str, **attrs: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file[name].attrs.update(attrs)

    return change


def far(file: h5py.File) -> None:
    del file["populations/first/dash_syn"]
    file["populations/first/dash_syn"] = np.zeros(99, np.int32)


@pytest.mark.xylo
@pytest.mark.usefixtures("xylo_python")
@pytest.mark.parametrize(
    "change",
    [far, other("projections/input-first", target="nobody"), other("/", schema="loihi"), other("/", state_bits=12)],
)
def test_what_would_crash_xylosim_is_refused(change: Callable[[h5py.File], None], tmp_path: Path) -> None:
    """Exit 2, with a message, and no output."""
    program = random_program(1)
    command = files(tmp_path, program, random_events(program, 5, 1, 0))
    with h5py.File(tmp_path / "program.h5", "a") as file:
        change(file)
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    event = json.loads(ran.stdout.splitlines()[-1])
    assert (ran.returncode, event["event"], event["kind"]) == (2, "error", "input")
    assert not (tmp_path / "output.h5").exists()


@pytest.mark.xylo
@pytest.mark.usefixtures("xylo_python")
def test_too_many_events_are_refused(tmp_path: Path) -> None:
    """xylosim would count 16 as 15."""
    program = random_program(1)
    command = files(tmp_path, program, np.full((5, 1, *program.inputs[0].shape), 16, np.uint8))
    assert subprocess.run(command, capture_output=True, check=False).returncode == 2


def long_run(folder: Path) -> list[str]:
    program = random_program(2)
    return files(folder, program, random_events(program, 200_000, 4, 0))


@pytest.mark.xylo
@pytest.mark.usefixtures("xylo_python")
def test_a_time_limit_ends_a_run(tmp_path: Path) -> None:
    """Exit 4, within a moment of the limit."""
    ran = subprocess.run([*long_run(tmp_path), "--timeout", "1"], capture_output=True, text=True, check=False)
    assert ran.returncode == 4
    assert json.loads(ran.stdout.splitlines()[-1])["kind"] == "timeout"


@pytest.mark.xylo
@pytest.mark.usefixtures("xylo_python")
@pytest.mark.parametrize("victim", ["worker", "supervisor"])
def test_killed_processes_leave_nothing(victim: str, tmp_path: Path) -> None:
    """A crash of the worker is told; a worker whose supervisor is killed ends too."""
    process = subprocess.Popen(long_run(tmp_path), stdout=subprocess.PIPE, text=True)
    try:
        worker = wait_for_child(process.pid)
        os.kill(worker if victim == "worker" else process.pid, signal.SIGKILL)
        out, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    if victim == "worker":
        assert process.returncode == 3
        assert json.loads(out.splitlines()[-1])["kind"] == "killed"
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()


def wait_for_child(parent: int) -> int:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        if children:
            time.sleep(0.5)  # let it ask for the signal that ends it with its parent
            return int(children[0])
        time.sleep(0.02)
    raise AssertionError("no worker was started")


def test_other_widths_are_refused() -> None:
    """xylosim has its own; nothing needs to be installed to say so."""
    from dataclasses import replace

    program = replace(random_program(0), arithmetic=Arithmetic(12, 31, 1))
    with pytest.raises(UnsupportedError, match="E034"):
        XYLO.run(program, {"input": random_events(program, 3, 1, 0)})
