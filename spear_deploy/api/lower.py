"""``spear_deploy.lower``: a network as one chip's integers, on its cores, without a search."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

from numpy.typing import NDArray

from spear_deploy.chips import ChipProfile
from spear_deploy.errors import InputError
from spear_deploy.frontends import Imported
from spear_deploy.targets import Lowered, LoweringOptions, compiler_for, load_chip
from spear_deploy.targets.ports import input_ranges


def lower(
    imported: Imported,
    chip: str | PathLike[str] | ChipProfile = "loihi2",
    *,
    calibration: NDArray[Any] | Mapping[str, NDArray[Any]] | None = None,
    weight_bits: int | None = None,
    keep_to: str | None = None,
) -> Lowered:
    """Quantise and place a network without pruning it.

    ``chip`` is a profile, or the name or file of one.  ``calibration`` (steps, samples, *shape) is typical
    input, which gives the range of values (several inputs: by name); without it spikes are expected.  ``keep_to`` names
    an export format (``net``) that has to be able to hold the program.

    The result has ``.program``, ``.placement``, ``.findings`` and ``.emulate(x)``; the findings include what does not
    fit on the cores.  Raises :class:`~spear_deploy.errors.UnsupportedError` with all that the chip cannot do
    (E090: it is checked, not emulated), and :class:`~spear_deploy.errors.InputError` (E001, E007, E008, E011).
    """
    if not isinstance(imported, Imported):
        raise InputError.of(
            "E001", "lower", f"{type(imported).__name__} is not an imported network", "give what load() returns"
        )
    profile = chip if isinstance(chip, ChipProfile) else load_chip(chip)
    ranges = input_ranges(imported.network.inputs, calibration)
    options = LoweringOptions(weight_bits, keep_to)
    return compiler_for(profile, ranges, options).lower(imported.network)
