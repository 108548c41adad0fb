"""Lava's own sigma-delta models, sample after sample in one run, beside the emulator: every message and every sum."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from spear_deploy.backends import check_runs
from spear_deploy.backends.lava import LAVA
from spear_deploy.backends.lava_process import ENVIRONMENT
from spear_deploy.backends.supervised import NetworkFile, run_supervised
from spear_deploy.errors import BackendError, UnsupportedError
from spear_deploy.network.sigma_delta import SigmaDeltaNetwork
from spear_deploy.targets.loihi.sigma_delta.emulator import SigmaDeltaEmulator
from spear_deploy.targets.loihi.sigma_delta.program import SigmaDeltaProgram
from spear_deploy.targets.loihi.sigma_delta.program_file import write_program
from spear_deploy.validate.run import validate_on
from tests.targets.loihi.sigma_delta.networks import fed, random_network

STEPS, SAMPLES = 6, 3
SEEDS = (22, 23)
"""Of networks that have all that Lava's models have, between them."""


def drawn(seed: int) -> tuple[SigmaDeltaProgram, np.ndarray]:
    """A random network with samples (N, T, *shape), within the chip's registers."""
    rng = np.random.default_rng(seed)
    program = SigmaDeltaProgram("loihi2", random_network(rng))
    x = fed(rng, program.network, STEPS, SAMPLES)
    clips = SigmaDeltaEmulator(program).run({"input": x}, clips=True).clips
    assert not any(counted.membranes or counted.currents for counted in clips.values())
    return program, np.moveaxis(x, 1, 0)


def kinds(network: SigmaDeltaNetwork) -> set[object]:
    """What Lava's models have that a network uses."""
    used: set[object] = {population.kind for population in network.populations}
    used |= {population.activation for population in network.populations}
    return used | {population.cumulative_error for population in network.populations}


@pytest.mark.lava
@pytest.mark.usefixtures("lava_python")
@pytest.mark.parametrize("seed", SEEDS)
def test_lava_sends_the_same(seed: int) -> None:
    """Convolutions and matrices, both activations, cumulative errors; what one sample leaves never reaches the next."""
    program, x = drawn(seed)
    found = validate_on("lava", program, x, np.zeros(SAMPLES, np.int64)).validation
    assert (found.samples, found.steps, found.mismatches) == (SAMPLES, STEPS, 0), found.first_divergence
    assert found.spikes > 100


def test_the_networks_use_all_that_lava_has() -> None:
    """Encoder, decoder, both activations, with and without a cumulative error."""
    used = set[object]().union(*(kinds(program.network) for program, _ in map(drawn, SEEDS)))
    assert used == {"delta", "sigma_delta", "sigma", "relu", "unit", True, False}


@pytest.mark.lava
@pytest.mark.usefixtures("lava_python")
def test_a_damaged_program_is_refused(tmp_path: Path) -> None:
    """Weights that no 8 bits hold are told, and not run as others."""
    program, x = drawn(SEEDS[0])

    def damaged(path: Path) -> None:
        write_program(path, program)
        with h5py.File(path, "a") as file:
            file[f"populations/{program.outputs[0]}/weight"][...] = 300

    network, command = NetworkFile("--sigma-delta", damaged), [*ENVIRONMENT.command(), "run"]
    with pytest.raises(BackendError, match="do not fit 8 bits"):
        run_supervised("lava", command, network, {"input": x}, timeout=60)


def test_netx_names_the_backend_that_runs_them() -> None:
    """Lava takes them; netx, which would be given a written file, does not (E038)."""
    program, _ = drawn(SEEDS[0])
    assert LAVA.refusals(program) == ()
    with pytest.raises(UnsupportedError, match="--backend lava"):
        check_runs("netx", program)
