"""The samples of a backend, shared among processes: the verdict is that of one."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

import spear_deploy
from spear_deploy.backends.lava import ENVIRONMENT
from spear_deploy.errors import BackendError
from spear_deploy.recording import Array
from spear_deploy.targets import Program
from spear_deploy.validate.crosscheck import cross_check
from spear_deploy.validate.run import RunOptions, run_on, validate_on

pytestmark = pytest.mark.lava


@pytest.fixture(scope="module", autouse=True)
def _lava() -> None:
    try:
        ENVIRONMENT.python()
    except BackendError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def program(tiny_nir: Path) -> Program:
    return spear_deploy.lower(spear_deploy.load(tiny_nir)).program


@pytest.fixture(scope="module")
def samples(program: Program) -> tuple[Array, Array]:
    """Five samples of busy and of quiet steps, and their labels."""
    (port,) = program.inputs
    rng = np.random.default_rng(0)
    return (rng.random((5, 6, *port.shape)) < 0.5).astype(np.uint8), np.arange(5) % 3


def test_the_same_verdict_on_lava(program: Program, samples: tuple[Array, Array]) -> None:
    """Rasters, activity and verdict do not depend on the number of processes; progress comes to its end."""
    x, y = samples
    ticks: list[tuple[int, int]] = []
    alone = validate_on("lava", program, x, y)
    shared = validate_on(
        "lava", program, x, y, RunOptions(tick=lambda done, total: ticks.append((done, total)), jobs=3)
    )
    assert shared.validation == alone.validation
    assert shared.validation.mismatches == 0
    assert shared.validation.samples == 5
    assert shared.validation.spikes > 0
    np.testing.assert_array_equal(shared.activity.total, alone.activity.total)
    assert ticks == sorted(ticks)
    assert ticks[-1] == (5, 5)
    assert shared.seconds > 0


def test_the_same_first_divergence_on_lava(program: Program, samples: tuple[Array, Array]) -> None:
    """Samples that the backend is given otherwise differ where they do in one process, neuron for neuron."""
    x, y = samples
    other = x.copy()
    other[3:, 2:] = 1 - other[3:, 2:]  # the last two samples, which other processes run than the first
    ours = run_on("reference", program, x, y).recording
    verdicts = [
        cross_check(program, ours, run_on("lava", program, other, y, RunOptions(jobs=jobs)).recording, "lava")
        for jobs in (1, 2, 5)
    ]
    assert verdicts[0].mismatches > 0
    assert verdicts[0].first_divergence is not None
    assert verdicts[0].first_divergence.sample >= 3
    assert verdicts[1:] == verdicts[:1] * 2


@pytest.mark.slow
def test_processes_that_are_killed(program: Program, samples: tuple[Array, Array]) -> None:
    """Killed again and again they are E061, with what to do."""
    ended = threading.Event()

    def kill() -> None:
        while not ended.wait(0.2):
            children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
            for pid in (int(child) for child in children):
                if os.getsid(pid) == pid:
                    os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with pytest.raises(BackendError, match=r"E061 lava: the process with samples 0 to 2 ended twice.* SIGKILL"):
            run_on("lava", program, *samples, RunOptions(jobs=2))
    finally:
        ended.set()
        killer.join()
