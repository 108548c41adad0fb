"""Make a trained spiking network fit a neuromorphic chip's budgets, and prove it on emulated hardware."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spear_deploy import errors
    from spear_deploy.api.chips import ChipCheck, check_chips
    from spear_deploy.api.deploy import Deployment, deploy
    from spear_deploy.api.load import load
    from spear_deploy.api.lower import lower
    from spear_deploy.api.sigma_delta import load_sigma_delta
    from spear_deploy.api.sweep import Sweep, sweep
    from spear_deploy.frontends import Imported, Semantics
    from spear_deploy.importers import from_norse, from_sinabs, from_snntorch, from_spikingjelly
    from spear_deploy.targets import Lowered, load_chip

_MODULES = ("errors",)
_HOMES = {
    "ChipCheck": "spear_deploy.api.chips",
    "Deployment": "spear_deploy.api.deploy",
    "Imported": "spear_deploy.frontends",
    "Lowered": "spear_deploy.targets",
    "Semantics": "spear_deploy.frontends",
    "Sweep": "spear_deploy.api.sweep",
    "check_chips": "spear_deploy.api.chips",
    "deploy": "spear_deploy.api.deploy",
    "from_norse": "spear_deploy.importers",
    "from_sinabs": "spear_deploy.importers",
    "from_snntorch": "spear_deploy.importers",
    "from_spikingjelly": "spear_deploy.importers",
    "load": "spear_deploy.api.load",
    "load_chip": "spear_deploy.targets",
    "load_sigma_delta": "spear_deploy.api.sigma_delta",
    "lower": "spear_deploy.api.lower",
    "sweep": "spear_deploy.api.sweep",
}
"""Public names and the modules that they come from."""

__all__ = [
    "ChipCheck",
    "Deployment",
    "Imported",
    "Lowered",
    "Semantics",
    "Sweep",
    "check_chips",
    "deploy",
    "errors",
    "from_norse",
    "from_sinabs",
    "from_snntorch",
    "from_spikingjelly",
    "load",
    "load_chip",
    "load_sigma_delta",
    "lower",
    "sweep",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the command line needs none, and most need torch."""
    if name == "__version__":
        return _version()
    if name in _MODULES:
        return import_module(f"spear_deploy.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        from spear_deploy.extras import missing_package

        raise missing_package(error) from error


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("spear-deploy")
    except metadata.PackageNotFoundError:  # a folder that was never installed
        return "unknown"


def __dir__() -> list[str]:
    """List the public names."""
    return [*__all__, "__version__"]
