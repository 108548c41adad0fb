"""What lava-dl's netx can load from a ``.net`` file and run unchanged (lava-dl 0.6.0, lava-nc 0.10.0).

netx shifts the weights of a dense layer to fill 8 bits, with one exponent and one number of bits for all of them, and
Lava clips and truncates each matrix accordingly.  Some matrices are changed by that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BIAS_EXPONENT = 6
"""netx gives every bias this exponent."""
MAX_BIAS_MANTISSA = (1 << 12) - 1
"""Lava's LIF clips larger magnitudes."""
MAX_DELAY = 62
"""netx clamps longer delays."""
MAX_GEOMETRY = 127
"""Lava's model of a convolution keeps kernel, stride, padding, dilation and groups in int8."""
_MIN_WEIGHT, _MAX_WEIGHT = -256, 254
_BITS = 8


def range_problem(*blocks: NDArray[np.integer]) -> str:
    """Return what is wrong with the range of a layer's weights (all its matrices), or "".

    Weights of both signs go up to 254, excitatory ones to 255.
    """
    low, high = min(int(b.min()) for b in blocks), max(int(b.max()) for b in blocks)
    limit = _MAX_WEIGHT if low < 0 else _MAX_WEIGHT + 1
    if low < _MIN_WEIGHT or high > limit:
        return f"weights {low} to {high} lie outside {_MIN_WEIGHT} to {limit}: netx has no weight exponent"
    return ""


def bits_problem(*blocks: NDArray[np.integer]) -> str:
    """Return why weights within the range need more than the 8 bits of a synapse, or "".

    netx loads and simulates them; hardware cannot hold them.
    """
    low, high = min(int(b.min()) for b in blocks), max(int(b.max()) for b in blocks)
    if low < 0 <= high and max(high, -low - 1) > 127 and any(np.any(b % 2) for b in blocks):
        return "odd weights above 127 together with negative ones need 9 bits, a synapse has 8"
    return ""


def loading_problem(*blocks: NDArray[np.integer]) -> str:
    """Return which weight of a dense layer's matrices, (out, any), netx would change on loading, or "".

    For matrices without a :func:`range_problem`.  Source: ``optimize_weight_bits`` of netx, ``clip_weights`` and
    ``truncate_weights`` of lava-nc.
    """
    joined = np.concatenate(blocks, axis=1)
    low, high = int(joined.min()), int(joined.max())
    if low == high == 0:
        return "all its weights are zero, which netx cannot load"
    mixed = low < 0 <= high  # zero counts as positive here but not in Lava, which is why some matrices are changed
    shift = int(np.floor(np.log2(_room(low, high)))) + mixed
    grain = max(n for n in range(_BITS + 1) if not np.any(joined % (1 << n)))
    for block in blocks:
        stored = block.astype(np.int64) << shift
        loaded = _as_lava_loads(stored, _BITS - shift - grain + mixed)
        changed = np.flatnonzero(loaded != stored)
        if changed.size:
            first = changed[0]
            return f"netx would load its weight {block.flat[first]} as {loaded.flat[first] / (1 << shift):g}"
    return ""


def _room(low: int, high: int) -> float:
    """Return the factor by which netx may scale up weights of this range, before the sign bit."""
    if low >= 0:
        return 255 / high
    if high < 0:
        return -256 / low
    return min(127 / high if high else np.inf, -128 / low)


def _as_lava_loads(stored: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Clip and truncate a matrix by its own sign mode, as Lava does."""
    excitatory, inhibitory = stored.min() >= 0, stored.max() <= 0
    low, high = (0, 255) if excitatory else (-255, 0) if inhibitory else (-256, 255)
    magnitude = np.clip(stored, low, high) * (-1 if inhibitory and not excitatory else 1)
    cut = _BITS - bits + (not excitatory and not inhibitory)
    kept = (magnitude >> cut) << cut if cut >= 0 else np.zeros_like(magnitude)  # numpy returns 0 for negative shifts
    return kept * (-1 if inhibitory and not excitatory else 1)
