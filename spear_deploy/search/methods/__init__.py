"""Search methods: each proposes networks and is told what they are worth.

What is common to all, scoring, LRE, the choice, the closing fine-tuning, the measured check, journal and resume, is
written once, outside them.  A new method is a file and a line in this table; importing one imports no other.
"""

from __future__ import annotations

from collections.abc import Callable

from spear_deploy.registry import Registry
from spear_deploy.search.methods.protocol import Method, Outcome, Proposal, Task

__all__ = ["METHODS", "OF_SYNAPSES", "Method", "Outcome", "Proposal", "Task"]

METHODS: Registry[Callable[[Task], Method]] = Registry(
    "method",
    {
        "gates": "spear_deploy.search.methods.gates:Gates",
        "gradr": "spear_deploy.search.methods.gradr:GradR",
        "lagrange": "spear_deploy.search.methods.lagrange:Lagrange",
        "magnitude": "spear_deploy.search.methods.magnitude:Magnitude",
        "oneshot": "spear_deploy.search.methods.oneshot:OneShot",
        "sca": "spear_deploy.search.methods.sca:SCA",
        "scratch": "spear_deploy.search.methods.scratch:FromScratch",
        "slimming": "spear_deploy.search.methods.slimming:Slimming",
        "spear": "spear_deploy.search.methods.spear.method:Spear",
        "spear-td3": "spear_deploy.search.methods.spear.method:spear_td3",
        "spear-sac": "spear_deploy.search.methods.spear.method:spear_sac",
        "synapses": "spear_deploy.search.methods.synapses:GradualSynapses",
        "gradual": "spear_deploy.search.methods.gradual:Gradual",
        "uniform": "spear_deploy.search.methods.uniform:Uniform",
        "taylor": "spear_deploy.search.methods.taylor:Taylor",
        "random": "spear_deploy.search.methods.random:Random",
        "tpe": "spear_deploy.search.methods.tpe:TPE",
        "cmaes": "spear_deploy.search.methods.cmaes:CMAES",
    },
    group="spear_deploy.methods",
)
"""Methods by name: what makes one for a task."""

OF_SYNAPSES = frozenset({"gradr", "magnitude", "synapses"})
"""Those that remove single synapses: they can lower SynOps where no unit may go."""
