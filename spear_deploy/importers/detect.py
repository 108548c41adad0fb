"""Detecting the framework of a live module."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from spear_deploy import importers
from spear_deploy.errors import UnsupportedError
from spear_deploy.frontends import Imported

if TYPE_CHECKING:
    from torch import Tensor, nn

_IMPORTERS = ("snntorch", "spikingjelly", "norse", "sinabs")
"""Frameworks with a ``from_*`` function in :mod:`spear_deploy.importers`."""


def is_module(value: object) -> bool:
    """Whether a value is a torch module, without importing torch."""
    return any(
        kind.__module__.partition(".")[0] == "torch" and kind.__name__ == "Module" for kind in type(value).__mro__
    )


def from_module(module: nn.Module, sample: Tensor, *, seed: int = 0) -> Imported:
    """Import a module by the framework that its layers come from.

    ``sample`` is one step of input with its batch axis.  Raises :class:`UnsupportedError` (E021) for a module of none
    or of several frameworks, and what that framework's ``from_*`` function raises.
    """
    roots = {kind.__module__.partition(".")[0] for part in module.modules() for kind in type(part).__mro__}
    found = [name for name in _IMPORTERS if name in roots]
    if len(found) != 1:
        message = f"its layers are of {' and '.join(found)}" if found else "none of its layers is a spiking neuron"
        fix = f"use neurons of one of {', '.join(_IMPORTERS)}"
        raise UnsupportedError.of("E021", type(module).__name__, message, fix)
    importer: Callable[..., Imported] = getattr(importers, f"from_{found[0]}")
    return importer(module, sample, seed=seed)
