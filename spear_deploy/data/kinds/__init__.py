"""Kinds of data, by name prefix or suffix: from the last to the first, the one that takes a name loads it.

A new one is a file and a line in this table, below those whose names would include its own.
"""

from spear_deploy.data.kind import Kind
from spear_deploy.registry import Registry

__all__ = ["KINDS"]

KINDS: Registry[Kind] = Registry(
    "kind of data",
    {
        "python": "spear_deploy.data.kinds.python:PYTHON",
        "npz": "spear_deploy.data.kinds.npz:NPZ",
        "spike_lists": "spear_deploy.data.kinds.spike_lists:SPIKE_LISTS",
        "events": "spear_deploy.data.kinds.events:EVENTS",
        "images": "spear_deploy.data.kinds.images:IMAGES",
        "series": "spear_deploy.data.kinds.series:SERIES",
        "named": "spear_deploy.data.kinds.named:NAMED",
    },
    group="spear_deploy.data",
)
"""What loads data, by name; the most general first."""
