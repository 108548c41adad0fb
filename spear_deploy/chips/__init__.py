"""Chip profiles: the figures of chips, read from ``hw_profiles/*.toml``, with the source of every number."""

from spear_deploy.chips.energy import EnergyRange, estimate
from spear_deploy.chips.figures import Sourced
from spear_deploy.chips.loader import chip_names, load_profile
from spear_deploy.chips.profile import ChipProfile

__all__ = ["ChipProfile", "EnergyRange", "Sourced", "chip_names", "estimate", "load_profile"]
