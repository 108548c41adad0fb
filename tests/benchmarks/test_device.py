"""The benchmark of a GPU goes the same path where there is none."""

from __future__ import annotations

import torch

from benchmarks.device import copied, emulation_row


def test_a_row_is_measured_on_a_device_of_torch():
    """Rates and ratios are numbers above zero."""
    device = torch.device("cpu:0")
    bandwidth = copied(device, 1 << 20)
    name, samples, *measured = emulation_row("Braille 12-38-7", 2, device, bandwidth)
    assert (name, samples) == ("Braille 12-38-7", "2")
    assert all(float(text.replace(",", "")) >= 0 for text in measured)
    assert float(measured[0].replace(",", "")) > 0
