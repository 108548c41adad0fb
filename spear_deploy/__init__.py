"""Make a trained spiking network fit a neuromorphic chip's budgets, and prove on emulated hardware that it does."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spear_deploy.frontends.api import load
    from spear_deploy.importers import from_norse, from_sinabs, from_snntorch, from_spikingjelly

__version__ = "0.1.0"

__all__ = ["from_norse", "from_sinabs", "from_snntorch", "from_spikingjelly", "load"]


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is: the command line needs none of it, and most of it needs torch."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "spear_deploy.frontends.api" if name == "load" else "spear_deploy.importers"
    return getattr(import_module(home), name)
