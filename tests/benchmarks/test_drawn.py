"""Networks on drawn patterns: what is written computes what was trained."""

from __future__ import annotations

from pathlib import Path

import nir
import numpy as np
import pytest
import torch

from benchmarks.drawn import DRAWN, NAMES, held, kind_of, spikes_of, to_nir
from spear_deploy.frontends import load
from spear_deploy.frontends.semantics import preset
from spear_deploy.simulate.simulator import FloatSimulator


@pytest.mark.parametrize("name", NAMES)
def test_the_written_network_computes_what_was_trained(name: str, tmp_path: Path) -> None:
    """Spike by spike, but for rounding at the threshold."""
    torch.manual_seed(0)
    kind = kind_of(name)
    for parameter in (each for layer in kind.layers for each in layer.parameters()):
        parameter.data *= 3  # untrained, spikes would not reach the output
    x, labels = DRAWN[kind.data](12, np.random.default_rng(1))
    again, _ = DRAWN[kind.data](12, np.random.default_rng(1))
    np.testing.assert_array_equal(x, again)
    assert set(labels) <= set(range(10))
    inputs = held(x, kind.steps)
    nir.write(tmp_path / "drawn.nir", to_nir(kind, tuple(inputs.shape[2:])))
    network = load(tmp_path / "drawn.nir", preset("nir"), {"dt": 1e-4}).network
    with torch.no_grad():
        ours = FloatSimulator(network)({network.inputs[0].name: inputs.contiguous()})[network.outputs[0]]
        trained = spikes_of(kind, inputs)
    assert ours.shape == trained.shape == (kind.steps, 12, 10)
    assert (ours != trained).float().mean() < 0.01
    assert trained.any()
