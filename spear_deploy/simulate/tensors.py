"""Arrays of samples as the simulator takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def to_tensor(x: NDArray[Any], device: str | torch.device = "cpu") -> torch.Tensor:
    """Return float32 input; a constant one (held over time by a zero stride) stays a view."""
    if x.strides[0] == 0 and x.shape[0] > 1:
        return torch.from_numpy(np.array(x[0], np.float32)).to(device).expand(*x.shape)
    return torch.from_numpy(np.require(x, np.float32, ("C_CONTIGUOUS", "WRITEABLE"))).to(device)
