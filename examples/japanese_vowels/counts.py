"""JapaneseVowels as numbers of events: each coefficient in 15 steps of its range, for chips that are fed spikes alone.

``--data examples/japanese_vowels/counts.py:counts`` gives them to a network.  Their scale is that of the training
series; the frames behind the end of a shorter series have no events.
"""

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data import DataOptions, Split, load_data
from spear_deploy.network.normalisation import InputTransform

MOST = 15  # events that an input of Xylo takes in one step
SHIFT = 3.0  # more than the lowest coefficient is below 0: data are fed from 0 up

Floats = NDArray[np.float32]


def counts() -> dict[str, NDArray[np.generic]]:
    """Events (N, 29, 12) and speakers, in the split that comes with the package aeon."""
    data = load_data("aeon:JapaneseVowels", DataOptions(transform=InputTransform.of(f"{SHIFT:g},1", None)))
    parts = [series(split) for split in (data.train, data.val)]
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    x_test, y_test = series(data.test)
    low, high = x.min((0, 1)), x.max((0, 1))
    return {"x_train": coded(x, low, high), "y_train": y, "x_test": coded(x_test, low, high), "y_test": y_test}


def series(split: Split) -> tuple[Floats, NDArray[np.int64]]:
    """Coefficients (N, 29, 12), zeros behind the end, and speakers."""
    x, y = split.batch(np.arange(len(split)))
    return np.moveaxis(x - np.float32(SHIFT), 0, 1), y


def coded(x: Floats, low: Floats, high: Floats) -> NDArray[np.uint8]:
    """Events of coefficients that range from ``low`` to ``high``."""
    levels = np.rint((x - low) / (high - low) * MOST).clip(0, MOST)
    return np.where(x.any(axis=2, keepdims=True), levels, 0).astype(np.uint8)
