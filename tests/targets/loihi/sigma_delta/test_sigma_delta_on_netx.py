"""Files of sigma-delta neurons as netx itself loads and runs them, beside what is read and emulated here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import spear_deploy
from spear_deploy.frontends.net.file import write
from tests.targets.loihi.netx_runs import netx_python, with_netx
from tests.targets.loihi.sigma_delta.net_files import layers_of
from tests.targets.loihi.sigma_delta.networks import fed, random_network

__all__ = ["netx_python"]

SCRIPT = Path(__file__).with_name("run_netx_sigma_delta.py")
STEPS = 8


@pytest.mark.slow
def test_netx_sends_the_same(netx_python: str, tmp_path: Path) -> None:
    """Every layer of random files, step by step: geometry, exponents of weights, biases, encoder and decoder."""
    wanted = {}
    for seed in range(8):
        rng = np.random.default_rng(seed)
        network = random_network(rng, exponents=(6, 6), plain=True)
        x = fed(rng, network, STEPS, 1)
        path = tmp_path / f"{seed}.net"
        write(path, layers_of(network))
        np.savez(path.with_suffix(".npz"), x=x[:, 0].T)
        lowered = spear_deploy.load_sigma_delta(path)
        run = lowered.emulate(x)
        wanted[path] = [run.output(population.name)[:, 0] for population in lowered.program.populations]
    with_netx(netx_python, SCRIPT, tmp_path)
    for path, layers in wanted.items():
        with np.load(path.with_suffix(".out.npz")) as sent:
            assert len(sent.files) == len(layers)
            for index, layer in enumerate(layers):
                np.testing.assert_array_equal(layer, sent[str(index)].T, f"{path.name}, layer {index}")
