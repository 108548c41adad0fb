"""The claim on which all rests: what the emulator says is what Lava computes, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from spear_deploy.backends.lava import ENVIRONMENT
from spear_deploy.errors import BackendError
from spear_deploy.network import Network
from spear_deploy.targets.loihi.program import LoihiProgram
from spear_deploy.targets.loihi.quantise import quantise
from spear_deploy.targets.ports import InputRange
from spear_deploy.validate.crosscheck import cross_check
from spear_deploy.validate.run import RunOptions, run_on
from tests.strategies import REGISTERS, chip_programs, networks

pytestmark = pytest.mark.lava

SAMPLES, STEPS = 3, 7


@pytest.fixture(scope="module", autouse=True)
def _lava() -> None:
    try:
        ENVIRONMENT.python()
    except BackendError as error:
        pytest.skip(str(error))


def few(count: int) -> settings:
    """Each example starts Lava anew: few of them, always the same ones, not shrunk."""
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def assert_equal_on_lava(program: LoihiProgram, seed: int) -> None:
    """Run random payloads on both; every bin of every population must agree."""
    (port,) = program.inputs
    rng = np.random.default_rng(seed)
    x = rng.integers(0, port.max_value + 1, (SAMPLES, STEPS, *port.shape)) * (
        rng.random((SAMPLES, STEPS, *port.shape)) < 0.5
    )
    x = x.astype(np.uint8)
    y = np.zeros(SAMPLES, np.int64)
    theirs = run_on("lava", program, x, y, RunOptions(timeout=120))
    ours = run_on("emulator", program, x, y)
    verdict = cross_check(program, ours.recording, theirs.recording, "lava")
    assert verdict.mismatches == 0, str(verdict.first_divergence)
    assert verdict.bins == SAMPLES * STEPS * sum(population.size for population in program.populations)
    np.testing.assert_array_equal(theirs.activity.total, ours.activity.total)


@few(6)
@given(program=chip_programs(), seed=st.integers(0, 99))
def test_random_programs(program: LoihiProgram, seed: int) -> None:
    """Programs with registers anywhere in their ranges agree: loops, delays, resets, wrapping and clipping included."""
    assert_equal_on_lava(program, seed)


@few(6)
@given(network=networks(timed=True), seed=st.integers(0, 99))
def test_random_networks_as_they_are_quantised(network: Network, seed: int) -> None:
    """Float networks of every topology, lowered as a deployment lowers them, agree."""
    ranges = {network.inputs[0].name: InputRange(float(1 + seed % 3))}
    assert_equal_on_lava(quantise(network, "loihi2", REGISTERS, ranges).program, seed)


@pytest.mark.slow
@few(60)
@given(program=chip_programs(), seed=st.integers(0, 99))
def test_many_random_programs(program: LoihiProgram, seed: int) -> None:
    """As above, sixty times."""
    assert_equal_on_lava(program, seed)


@pytest.mark.slow
@few(60)
@given(network=networks(timed=True), seed=st.integers(0, 99))
def test_many_random_networks(network: Network, seed: int) -> None:
    """As above, sixty times."""
    ranges = {network.inputs[0].name: InputRange(float(1 + seed % 3))}
    assert_equal_on_lava(quantise(network, "loihi2", REGISTERS, ranges).program, seed)
