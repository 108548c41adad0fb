"""How many threads compute.

Sums of floats depend on how they are split among threads, so the number is part of a run's identity.  Small
networks are fastest on one: waiting for the others costs more than they do.
"""

from __future__ import annotations

import numba
import torch


def use_threads(count: int) -> None:
    """Let torch and the fused scans use ``count`` threads, or all cores where there are fewer."""
    torch.set_num_threads(count)
    numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
