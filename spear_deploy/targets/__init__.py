"""Chip families (targets).  A new one is a folder and a line in this table."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from os import PathLike, fspath

from spear_deploy.chips import ChipProfile, load_profile
from spear_deploy.errors import InputError, UnsupportedError
from spear_deploy.registry import Registry
from spear_deploy.targets.ports import refuse_unlike
from spear_deploy.targets.protocol import (
    Checked,
    CheckedTarget,
    Compiler,
    Grid,
    Grids,
    InputRange,
    Lowered,
    LoweringOptions,
    Program,
    Recording,
    Recutter,
    Target,
)
from spear_deploy.targets.sigma_delta import LoweredSigmaDelta, SigmaDeltaTarget

__all__ = [
    "TARGETS",
    "Checked",
    "CheckedTarget",
    "ChipProfile",
    "Compiler",
    "Grid",
    "Grids",
    "InputRange",
    "Lowered",
    "LoweredSigmaDelta",
    "LoweringOptions",
    "Program",
    "Recording",
    "Recutter",
    "SigmaDeltaTarget",
    "Target",
    "compiler_for",
    "emulated_target",
    "load_chip",
]

TARGETS: Registry[Target | CheckedTarget] = Registry(
    "target",
    {
        "checked": "spear_deploy.targets.checked.target:CHECKED",
        "loihi": "spear_deploy.targets.loihi.target:LOIHI",
        "speck": "spear_deploy.targets.speck.target:SPECK",
        "xylo": "spear_deploy.targets.xylo.target:XYLO",
    },
    group="spear_deploy.targets",
)
"""Chip families by the name that a chip profile gives as its ``target``."""


def load_chip(name_or_path: str | PathLike[str]) -> ChipProfile:
    """Load a chip profile: a built-in one by name, or a TOML file by path.

    Raises as :func:`spear_deploy.chips.load_profile` does.
    """
    if not isinstance(name_or_path, str | PathLike):
        message = f"{type(name_or_path).__name__} is not a chip"
        raise InputError.of("E008", "chip", message, "give the name of a chip, or the path of a profile")
    return load_profile(fspath(name_or_path), lambda target: TARGETS.get(target).profile)


def emulated_target(name: str, chip: str = "") -> Target:
    """Return a chip family that has programs and an emulator; ``chip`` is the profile asked for.

    Raises :class:`InputError` (E008) for an unknown name, :class:`UnsupportedError` (E090) for a family that is checked
    only.
    """
    target = TARGETS.get(name)
    if isinstance(target, CheckedTarget):
        message = "is checked, not emulated: it has rules and a placement, and no program that could be made or run"
        fix = f"spear-deploy inspect MODEL --chip {chip or 'NAME'} checks a network on it, and --chip all "
        fix += "shows which emulated chips take it"
        raise UnsupportedError.of("E090", chip or f"target {name}", message, fix)
    return target


def compiler_for(chip: ChipProfile, inputs: Mapping[str, InputRange], options: LoweringOptions) -> Compiler:
    """Bind a chip to the range of each input and to options.

    Raises :class:`InputError`: E008 for a format to keep to that the target does not have, E007 for other options that
    the chip does not have, E005 for samples of several inputs that are not of the same runs; and
    :class:`UnsupportedError` (E090) for a chip that is checked, not emulated.
    """
    refuse_unlike({name: values.size for name, values in inputs.items() if values.size is not None})
    target = emulated_target(chip.target, chip.name)
    bits = options.weight_bits
    if bits is not None and (isinstance(bits, bool) or not isinstance(bits, Integral)):
        raise InputError.of(
            "E007", f"weight_bits {bits!r}", "is not a whole number", "give one, or None: what the chip has"
        )
    is_text = isinstance(options.keep_to, str)
    if options.keep_to is not None and not (is_text and options.keep_to in target.exporters):
        fix = f"formats: {', '.join(target.exporters)}" if target.exporters else f"{chip.target} has none"
        raise InputError.of("E008", f"keep_to {options.keep_to}", "there is no such export format", fix)
    return target.compiler(chip, inputs, options)
