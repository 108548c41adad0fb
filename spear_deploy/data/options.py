"""How data are to be loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from spear_deploy.data.coding import Encoding


@dataclass(frozen=True)
class DataOptions:
    """How to load: where the folder is, time steps, coding of values, width of event bins (ms)."""

    folder: Path | None = None
    steps: int | None = None
    encoding: Encoding | None = None
    bin_ms: float | None = None
    seed: int = 0
