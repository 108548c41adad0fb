"""Search methods: each proposes networks and is told what they are worth.

What is common to all, scoring, LRE, the choice, the closing fine-tuning, the measured check, journal and resume, is
written once, outside them.  A new method is a file and a line in this table; importing one imports no other.
"""

from __future__ import annotations

from collections.abc import Callable

from spear_deploy.registry import Registry
from spear_deploy.search.methods.protocol import Method, Outcome, Proposal, Task

__all__ = ["METHODS", "Method", "Outcome", "Proposal", "Task"]

METHODS: Registry[Callable[[Task], Method]] = Registry(
    "method",
    {
        "spear": "spear_deploy.search.methods.spear.method:Spear",
        "uniform": "spear_deploy.search.methods.uniform:Uniform",
    },
    group="spear_deploy.methods",
)
"""Methods by name: what makes one for a task."""
