"""How data are to be loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from spear_deploy.data.coding import Encoding
from spear_deploy.network.normalisation import InputTransform
from spear_deploy.network.ops import Shape

CODING = ("steps", "encoding", "bin_ms")
"""Options that say how data become input over time: each has a meaning for some kinds of data alone."""


@dataclass(frozen=True)
class DataOptions:
    """How to load: where the folder is, time steps, coding of values, width of event bins (ms).

    ``transform`` is what raw values became when the network was trained; ``seed`` draws the validation samples.
    ``network``, where it is known, is the input shape and number of outputs that data shall fit: what is wrong for it
    is then told with all else.
    """

    folder: Path | None = None
    steps: int | None = None
    encoding: Encoding | None = None
    bin_ms: float | None = None
    seed: int = 0
    transform: InputTransform = field(default_factory=InputTransform)
    network: tuple[Shape, int] | None = None
