"""Runs the programs that spear-deploy compiles for Xylo on xylosim, SynSense's simulator."""

__version__ = "0.1.0"
