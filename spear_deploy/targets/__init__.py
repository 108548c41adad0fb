"""Chip families: what each does with a network.  A new one is a folder and a line in this table."""

from __future__ import annotations

from pathlib import Path

from spear_deploy.chips import ChipProfile, load_profile
from spear_deploy.registry import Registry
from spear_deploy.targets.protocol import Compiler, InputRange, Lowered, LoweringOptions, Program, Recording, Target

__all__ = [
    "TARGETS",
    "ChipProfile",
    "Compiler",
    "InputRange",
    "Lowered",
    "LoweringOptions",
    "Program",
    "Recording",
    "Target",
    "load_chip",
]

TARGETS: Registry[Target] = Registry(
    "target", {"loihi": "spear_deploy.targets.loihi.target:LOIHI"}, group="spear_deploy.targets"
)
"""Chip families by the name that a chip profile gives as its ``target``."""


def load_chip(name_or_path: str | Path) -> ChipProfile:
    """Load a chip profile: a built-in one by name, or a TOML file by path.

    Raises as :func:`spear_deploy.chips.load_profile` does.
    """
    return load_profile(name_or_path, lambda target: TARGETS.get(target).profile)
