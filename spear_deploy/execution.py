"""How many threads compute.

Sums of floats depend on how they are split among threads, so the number is part of a run's identity.  Small
networks are fastest on one: waiting for the others costs more than they do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numba
import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def use_threads(count: int) -> None:
    """Let torch and the fused scans use ``count`` threads, or all cores where there are fewer."""
    torch.set_num_threads(count)
    numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))


def shares(count: int, most: int) -> list[range]:
    """Cut ``count`` items into ranges of at most ``most``, about as long as each other and as many for each thread."""
    threads = torch.get_num_threads()
    rounds = max(1, -(-count // (threads * max(1, most))))
    size = max(1, -(-count // (threads * rounds)))
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


def map_threads(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Apply ``function`` to all items, each on one thread, as many at a time as torch was told to use.

    Splitting the work by item scales where splitting every small operation does not.
    """
    threads = torch.get_num_threads()
    if min(threads, len(items)) < 2:
        return [function(item) for item in items]
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(min(threads, len(items))) as pool:
            return list(pool.map(function, items))
    finally:
        torch.set_num_threads(threads)
