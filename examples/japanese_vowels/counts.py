"""JapaneseVowels as numbers of events, for chips that are fed spikes alone.

``--data examples/japanese_vowels/counts.py:counts`` gives them to a network.  Of each of the first eight coefficients,
one input is fed what lies above its mean and another what lies below, in events of half a standard deviation: 16
inputs, as many as Xylo has.  Means and deviations are those of the training series; the frames behind the end of a
shorter series have no events.
"""

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data import DataOptions, Dataset, Split, load_data
from spear_deploy.network.normalisation import InputTransform

COEFFICIENTS = 8
INPUTS = 2 * COEFFICIENTS
MOST = 15  # events that an input of Xylo takes in one step
SHIFT = 3.0  # more than the lowest coefficient is below 0: data are fed from 0 up

Floats = NDArray[np.float32]


def counts() -> dict[str, NDArray[np.generic]]:
    """Events (N, 29, 16) and speakers, in the split that comes with the package aeon."""
    data = recordings()
    parts = [series(split) for split in (data.train, data.val)]
    x, y = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    x_test, y_test = series(data.test)
    frames = x[x.any(axis=2)]
    mean, event = frames.mean(0), frames.std(0) / 2
    return {"x_train": coded(x, mean, event), "y_train": y, "x_test": coded(x_test, mean, event), "y_test": y_test}


def recordings() -> Dataset:
    """The data of the package aeon, coefficients plus SHIFT."""
    return load_data("aeon:JapaneseVowels", DataOptions(transform=InputTransform.of(f"{SHIFT:g},1", None)))


def series(split: Split) -> tuple[Floats, NDArray[np.int64]]:
    """Coefficients (N, 29, 8), zeros behind the end, and speakers."""
    x, y = split.batch(np.arange(len(split)))
    return np.moveaxis(x - np.float32(SHIFT), 0, 1)[:, :, :COEFFICIENTS], y


def coded(x: Floats, mean: Floats, event: Floats) -> NDArray[np.uint8]:
    """Events (N, T, 16) of coefficients: those above the mean before those below."""
    away = np.rint((x - mean) / event) * x.any(axis=2, keepdims=True)
    return np.concatenate([away, -away], axis=2).clip(0, MOST).astype(np.uint8)
