"""Which samples to validate on: spread over the whole range of activity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def spread_over_activity(synops: NDArray[np.int64], count: int | None) -> NDArray[np.intp]:
    """Return sorted positions of ``count`` samples at evenly spaced quantiles of their SynOps (N,).

    Quiet and busy samples are both covered, and the mean over them is close to the mean over all.
    ``count`` None: every sample.
    """
    total = len(synops)
    if count is None or count >= total:
        return np.arange(total)
    ranked = np.argsort(synops, kind="stable")
    return np.sort(ranked[((np.arange(count) + 0.5) * total / count).astype(np.intp)])
