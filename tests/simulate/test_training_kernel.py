"""The fused scan does what the eager one in torch does, forward and backward."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from spear_deploy.network import Neuron
from spear_deploy.simulate.float_sim import _Cell, _is_plain
from tests.strategies import generators, neuron


def scanned(scan, x: np.ndarray, upstream: np.ndarray) -> tuple[Tensor, Tensor]:
    """Spikes of a scan, and the gradient of their weighted sum with respect to the input."""
    source = torch.from_numpy(x).requires_grad_()
    out = scan(source)
    (out * torch.from_numpy(upstream)).sum().backward()
    return out.detach(), source.grad


@settings(max_examples=80, deadline=None)
@given(generators(), st.booleans(), st.sampled_from(["gt", "ge"]), st.sampled_from([(5,), (2, 3, 2)]))
def test_fused_scan_equals_the_eager_one(rng, current, comparison, shape):
    """Spikes are equal; gradients agree within float32 rounding."""
    cell = _Cell(replace(neuron(rng, shape, current=current), comparison=comparison))
    x = rng.normal(0.4, 0.6, (12, 3, *shape)).astype(np.float32)
    upstream = rng.normal(size=x.shape).astype(np.float32)
    fused, fused_gradient = scanned(cell, x, upstream)
    eager, eager_gradient = scanned(cell.scan, x, upstream)
    torch.testing.assert_close(fused, eager, rtol=0, atol=0)
    torch.testing.assert_close(fused_gradient, eager_gradient, rtol=1e-4, atol=1e-5)
    assert torch.any(fused > 0)
    assert torch.any(fused_gradient != 0)


def test_fused_scan_is_the_one_that_runs(monkeypatch):
    """A plain neuron on a CPU never reaches the eager scan."""
    monkeypatch.delattr(_Cell, "scan")
    assert _Cell(neuron(np.random.default_rng(0), (3,)))(torch.zeros(2, 1, 3)).shape == (2, 1, 3)


PLAIN = neuron(np.random.default_rng(0), (3,))


@pytest.mark.parametrize(
    "cell",
    [
        replace(PLAIN, threshold=None),
        replace(PLAIN, reset="subtract"),
        replace(PLAIN, late=True),
        replace(PLAIN, spikes="integer"),
        replace(PLAIN, floor=0.0),
    ],
)
def test_other_neurons_take_the_eager_scan(cell: Neuron):
    """The fused scan knows only binary spikes and the immediate reset to a value."""
    assert _is_plain(PLAIN)
    assert not _is_plain(cell)


def test_gradient_at_the_threshold_is_the_slope_of_the_surrogate():
    """One step of one neuron at its threshold: gain * slope / 2 in units of the distance to reset."""
    one = np.ones(1, np.float32)
    cell = _Cell(Neuron(0 * one, 0.5 * one, 3 * one, 0 * one, 0 * one, 6 * one))
    _, gradient = scanned(cell, np.full((1, 1, 1), 2, np.float32), np.ones((1, 1, 1), np.float32))
    assert gradient.item() == pytest.approx(3 * (2.0 / 2) / 6)
