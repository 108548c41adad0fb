"""Values as a chip can be fed them: numbers that are finite, and 0 or above unless the network takes both signs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.data.options import DataOptions
from spear_deploy.errors import Finding
from spear_deploy.network.normalisation import InputTransform

Array = NDArray[Any]

_ROUNDING = 1e-5
"""Of the largest raw value: how far below 0 undoing a normalisation in single precision may lead."""
_BYTES = 128
"""Counts of events in one step hardly reach so far; pixels that were not scaled do."""


def value_findings(x: Array, options: DataOptions, where: str) -> Iterator[Finding]:
    """Yield what makes values (N, ...) unusable (E005), whatever the rest of the data holds."""
    if x.dtype.kind not in "biuf":
        fix = "give spikes, counts or values; samples of several lengths padded to one"
        yield Finding("E005", where, f"x holds {x.dtype}, no real numbers", fix)
        return
    if not np.all(np.isfinite(x)):
        count = len(x) - int(np.isfinite(x).reshape(len(x), -1).all(axis=1).sum())
        message = f"x holds NaN or infinite values, in {count} of {len(x)} samples"
        yield Finding("E005", where, message, "leave these samples out, or fix what made them")
    elif float(x.min(initial=0)) < 0 and not (options.signed or options.transform.is_normalised):
        yield _negative(x, where)


def _negative(x: Array, where: str) -> Finding:
    least = float(x.min())
    if set(np.unique(x[:1000])) <= {-1, 0, 1}:
        fix = "events with a sign are two channels: numpy.stack([x > 0, x < 0], axis=2) of (N, T, *shape)"
    else:
        fix = (
            "a chip takes inputs of 0 and above: where a normalisation made these, give it with --normalise MEAN,STD; "
            "the first layer takes it instead, and the raw values are fed"
        )
    return Finding("E005", where, f"x holds negative values, down to {least:g} ({np.mean(x < 0):.0%} of all)", fix)


def raw_values(x: Array, options: DataOptions, where: str) -> tuple[Array, list[Finding]]:
    """Return the values that are fed, and what is to be said of them: notes (N006, N009), or errors (E005, E016).

    Values that fall below 0 are transformed ones, and what is fed comes of undoing ``options.transform``; others are
    raw already.  Rates are coded from values in 0..1, so that a scale makes these of raw ones.
    """
    transform = options.transform
    if options.encoding == "rate":
        return _rates(x, transform, where)
    if not transform.is_normalised:
        return x, list(_unusual(x, options, where))
    if float(x.min(initial=0)) >= 0:
        message = f"x holds no value below 0: it is taken as raw, before {transform}"
        return x, [Finding("N006", where, message, severity="note"), *_unusual(x, options, where)]
    return _undo(x, transform, where, expected=1 if options.steps else 2)


def _rates(x: Array, transform: InputTransform, where: str) -> tuple[Array, list[Finding]]:
    if transform.is_normalised:
        message = "rate coding turns values in 0..1 into spikes, which no normalisation applies to"
        return x, [Finding("E016", str(transform), message, "leave it out and save values in 0..1")]
    scaled = x if transform.scale == 1.0 else x * np.float64(transform.scale)
    highest = float(scaled.max(initial=0))
    if highest <= 1 + _ROUNDING:
        return np.minimum(scaled, 1), []
    message = f"rate coding needs values in 0..1, x reaches up to {highest:g}"
    return x, [Finding("E005", where, message, f"give --input-scale 1/{highest / transform.scale:g}")]


def _unusual(x: Array, options: DataOptions, where: str) -> Iterator[Finding]:
    """Yield a note (N009) on a range that suggests another scale than the network was trained with."""
    highest, scale = float(x.max(initial=0)), options.transform.scale
    found = f"x ranges from {float(x.min(initial=0)):g} to {highest:g}"
    if options.signed:
        return  # integers of either sign, as they are
    if scale == 1.0 and highest > 1 and (options.steps is not None or highest >= _BYTES):
        likely = 255 if highest > _BYTES and highest <= 255 else highest
        message = f"{found}; if the network was trained on values in 0..1, give --input-scale 1/{likely:g}"
        yield Finding("N009", where, message, severity="note")
    elif scale < 1 and highest <= 1:
        message = f"{found}, which the network takes times {scale:g} ({options.transform}): scaled twice?"
        yield Finding("N009", where, message, severity="note")


def _undo(x: Array, transform: InputTransform, where: str, *, expected: int) -> tuple[Array, list[Finding]]:
    """Return the raw values; ``expected`` is the axis of the channels."""
    axis = _channel_axis(x.shape, len(transform.mean), expected)
    if axis is None:
        message = f"x has shape {x.shape}: which axis has the {len(transform.mean)} channels of {transform}?"
        return x, [Finding("E016", where, message, "give one mean and standard deviation, or one of each channel")]
    raw = transform.raw(x, axis)
    below, highest = float(raw.min(initial=0)), float(raw.max(initial=0))
    if below < -_ROUNDING * max(1.0, highest):
        message = f"x was not made by {transform}: undone, its values still reach down to {below:g}"
        return x, [Finding("E005", where, message, "give the mean and standard deviation that were used")]
    message = f"x falls below 0: it is what {transform} made; the raw values, up to {highest:g}, are fed"
    return raw.clip(min=0), [Finding("N006", where, message, severity="note")]


def _channel_axis(shape: tuple[int, ...], channels: int, expected: int) -> int | None:
    """Return the axis of the channels: the expected one, else the only one of their number."""
    if channels == 1 or shape[expected : expected + 1] == (channels,):
        return expected if channels > 1 else 0
    fitting = [axis for axis in range(1, len(shape)) if shape[axis] == channels]
    return fitting[0] if len(fitting) == 1 else None
