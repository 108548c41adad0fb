"""Imports netx, the part of lava-dl that runs ``.net`` files, without what the rest of lava-dl needs.

Written against lava-dl 0.6.0.
"""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import PackageNotFoundError, distribution
from types import ModuleType
from typing import Any

from spear_deploy_lava.errors import BadInputError


def import_network() -> Any:
    """Return ``netx.hdf5.Network``; :class:`BadInputError` where lava-dl is not installed.

    netx imports the training side of lava-dl, and that imports torch, but it uses neither to run a file of CUBA
    neurons.  The stand-ins for both stay in place, since Lava's compiler imports the modules beside a process again.
    To be called after :func:`spear_deploy_lava.compat.import_lava`.
    """
    try:
        netx = str(distribution("lava-dl").locate_file("lava/lib/dl/netx"))
    except PackageNotFoundError:
        raise BadInputError("lava-dl is not installed in this environment") from None
    stand_ins: dict[str, dict[str, Any]] = {
        "torch": {"tensor": object, "is_tensor": lambda value: False},
        "lava.lib.dl.netx": {"__path__": [netx]},
        "lava.lib.dl.slayer": {"__path__": []},
        "lava.lib.dl.slayer.neuron": {"__path__": []},
        "lava.lib.dl.slayer.neuron.rf": {"neuron_params": None},
    }
    for name, attributes in stand_ins.items():
        module = ModuleType(name)
        vars(module).update(attributes)
        sys.modules[name] = module
    return importlib.import_module("lava.lib.dl.netx.hdf5").Network
