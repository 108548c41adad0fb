"""Options of loading data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from spear_deploy.data.coding import Encoding
from spear_deploy.errors import InputError
from spear_deploy.network.normalisation import InputTransform
from spear_deploy.network.ops import Shape

CODING = ("steps", "encoding", "bin_ms", "bin_events", "sensor", "crop", "downsample")
"""Options on how data become input over time; each applies to some kinds of data only."""


@dataclass(frozen=True)
class DataOptions:
    """How to load data: folder, time steps, coding of values, width of event bins (ms) or events per bin.

    ``sensor`` is the width and height of a camera, ``crop`` the side of the central square that is kept, and
    ``downsample`` the number of pixels joined into one along each axis.  ``transform`` is that of raw values in
    training; ``seed`` draws the validation samples.  ``network``, if known, is the input shape and number of outputs
    that data must fit, so that misfits are reported with all other findings.  ``signed``: it takes values below 0.
    """

    folder: Path | None = None
    steps: int | None = None
    encoding: Encoding | None = None
    bin_ms: float | None = None
    bin_events: int | None = None
    sensor: tuple[int, int] | None = None
    crop: int | None = None
    downsample: int | None = None
    seed: int = 0
    transform: InputTransform = field(default_factory=InputTransform)
    network: tuple[Shape, int] | None = None
    signed: bool = False


def sensor_size(value: object) -> tuple[int, int] | None:
    """Return width and height of ``"34,34"`` or a pair; raise :class:`InputError` (E007) for anything else."""
    if value is None:
        return None
    words = value.split(",") if isinstance(value, str) else value
    try:
        width, height = (int(word) for word in words)  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        fix = "give W,H, such as 34,34"
        raise InputError.of("E007", f"sensor {value!r}", "is not a width and height", fix) from error
    if not (0 < width <= 1 << 14 and 0 < height <= 1 << 14):
        raise InputError.of("E007", f"sensor {value!r}", "is not a sensor's size", "give W,H, each of 1 to 16384")
    return width, height
