"""Arrays of samples as the simulator takes them."""

from __future__ import annotations

import numpy as np

from spear_deploy.simulate.tensors import to_tensor


def test_only_a_held_input_stays_a_view():
    """A zero stride over time is kept, so that it is computed once; anything else is a contiguous float32 copy."""
    held = np.broadcast_to(np.arange(6, dtype=np.uint8).reshape(2, 3), (4, 2, 3))
    assert to_tensor(held).stride(0) == 0
    assert to_tensor(held.copy()).stride(0) == 6
    assert to_tensor(held).tolist() == to_tensor(held.copy()).tolist() == held.tolist()


def test_what_must_not_be_written_is_copied() -> None:
    """A single held step, which numpy gives as a view for reading, is a tensor without a warning of torch's."""
    held = np.broadcast_to(np.arange(6, dtype=np.float32).reshape(1, 2, 3), (1, 2, 3))
    assert not held.flags.writeable
    assert to_tensor(held).tolist() == held.tolist()
