"""``spear_deploy.lower``: a network as one chip's integers, on its cores, without a search."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.frontends import Imported
from spear_deploy.targets import TARGETS, InputRange, Lowered, LoweringOptions, load_chip


def lower(
    imported: Imported,
    chip: str | PathLike[str] = "loihi2",
    *,
    calibration: NDArray[Any] | None = None,
    weight_bits: int | None = None,
    keep_to: str | None = None,
) -> Lowered:
    """Quantise and place a network as it is.

    ``chip`` is a profile's name or file.  ``calibration`` (steps, samples, *shape) is input as it will be run:
    it tells the range of values; without it spikes are expected.  ``keep_to`` names an export format (``net``) that
    shall hold the program.

    The result has ``.program``, ``.placement``, ``.findings`` and ``.emulate(x)``; what does not fit on the cores is
    among the findings.  Raises :class:`~spear_deploy.errors.UnsupportedError` with all that the chip cannot do, and
    :class:`~spear_deploy.errors.InputError` (E001, E007, E008, E011).
    """
    profile = load_chip(Path(chip) if not isinstance(chip, str) else chip)
    values = InputRange() if calibration is None else InputRange.of(np.asarray(calibration))
    ranges = {port.name: values for port in imported.network.inputs}
    options = LoweringOptions(weight_bits, keep_to)
    return TARGETS.get(profile.target).compiler(profile, ranges, options).lower(imported.network)
