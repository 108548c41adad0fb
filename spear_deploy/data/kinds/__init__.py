"""Kinds of data, by name prefix or suffix: the first that takes a name loads it.

A new one is a file and a line in this table.
"""

from spear_deploy.data.kind import Kind
from spear_deploy.registry import Registry

__all__ = ["KINDS"]

KINDS: Registry[Kind] = Registry(
    "kind of data",
    {
        "named": "spear_deploy.data.kinds.named:NAMED",
        "series": "spear_deploy.data.kinds.series:SERIES",
        "npz": "spear_deploy.data.kinds.npz:NPZ",
        "python": "spear_deploy.data.kinds.python:PYTHON",
        "events": "spear_deploy.data.kinds.events:EVENTS",
        "images": "spear_deploy.data.kinds.images:IMAGES",
    },
    group="spear_deploy.data",
)
"""What loads data, in the order in which it is asked."""
