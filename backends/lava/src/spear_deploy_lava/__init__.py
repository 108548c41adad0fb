"""Runs the programs and ``.net`` files that spear-deploy writes on Lava's fixed-point simulation of Loihi 2."""

__version__ = "0.1.0"
