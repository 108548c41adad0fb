"""Chips as data: what a chip offers, read from ``hw_profiles/*.toml``, with the source of every number."""

from spear_deploy.chips.energy import EnergyRange, estimate
from spear_deploy.chips.loader import chip_names, load_chip
from spear_deploy.chips.schema import ChipProfile, Sourced

__all__ = ["ChipProfile", "EnergyRange", "Sourced", "chip_names", "estimate", "load_chip"]
