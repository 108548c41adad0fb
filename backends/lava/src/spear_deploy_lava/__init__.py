"""Runs the programs that spear-deploy compiles on Lava's fixed-point simulation of Loihi 2."""

__version__ = "0.1.0"
