"""Runs spear-deploy's programs for Speck on sinabs."""

__version__ = "0.1.0"
