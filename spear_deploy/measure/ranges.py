"""The range of values of a data set, with training samples for the compiler to measure on."""

from __future__ import annotations

import numpy as np

from spear_deploy.data import Dataset
from spear_deploy.targets import InputRange

_SAMPLES = 64


def input_range(data: Dataset) -> InputRange:
    """Return the range of all splits, with training samples spread over the split."""
    count = min(_SAMPLES, len(data.train))
    chosen = data.train.take(np.linspace(0, len(data.train) - 1, count).astype(np.intp))
    return InputRange(data.maximum, data.integral, data.train.samples.batch(chosen.indices))
