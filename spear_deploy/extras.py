"""Missing optional packages, and the command that installs them."""

from __future__ import annotations

import re
import shlex
from importlib import metadata

from spear_deploy.errors import BackendError, SpearError

_EXTRAS = {
    "gymnasium": "search",
    "numba": "search",
    "scipy": "search",
    "sklearn": "search",
    "stable_baselines3": "search",
    "torch": "search",
    "cmaes": "methods",
    "optuna": "methods",
    "nir": "nir",
    "PIL": "images",
    "faery": "events",
    "resvg_py": "figures",
    "distributed": "dask",
    "ray": "ray",
}
"""Packages by import name, and the extra that installs them."""
_NEEDED_BY = {
    "search": "training and emulation need",
    "methods": "this search method needs",
    "nir": "graphs in memory need",
    "images": "folders of images need",
    "events": "AEDAT4 recordings need",
    "figures": "figures as PNG need",
    "dask": "--cluster with a scheduler of Dask needs",
    "ray": "--cluster with Ray needs",
}


def missing_package(error: ModuleNotFoundError) -> SpearError:
    """Return the error (E064) for a missing package; re-raise ``error`` if it is this tool itself."""
    package = (error.name or "").partition(".")[0]
    if not package or package == "spear_deploy":
        raise error
    extra = _EXTRAS.get(package)
    if extra is None:
        return BackendError.of("E064", package, "is not installed", f"pip install {package}")
    message = f"is not installed; {_NEEDED_BY[extra]} it"
    return BackendError.of("E064", package, message, install_command(extra))


def install_command(extra: str) -> str:
    """Return the command that installs the packages of an extra by name, for which no index needs to have this tool."""
    try:
        required = metadata.requires("spear-deploy") or []
    except metadata.PackageNotFoundError:  # run from a checkout
        return f"pip install '.[{extra}]', in the checkout"
    named = (re.fullmatch(r"([^;]+?)\s*;.*\bextra\s*==\s*['\"](\w+)['\"].*", each) for each in required)
    return f"pip install {shlex.join(match[1] for match in named if match is not None and match[2] == extra)}"
