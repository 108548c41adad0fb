"""Versions that the bytes of a result depend on."""

from __future__ import annotations

import sys
from importlib import metadata

import spear_deploy

_LIBRARIES = ("numpy", "h5py", "torch", "stable-baselines3")


def versions() -> dict[str, str]:
    """Return this tool's version, Python's, and those of the libraries that are installed."""
    found = {"spear-deploy": spear_deploy.__version__, "python": ".".join(map(str, sys.version_info[:3]))}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
