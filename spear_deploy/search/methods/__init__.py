"""Search methods, one file or folder each: a method proposes networks and is told how each one scored.

A new method is a file here and a line in :data:`METHODS`; importing one method imports no other.  The protocol is
:mod:`spear_deploy.search.protocol`, what methods share is :mod:`spear_deploy.search.toolkit`, and everything that is
the same for all methods (scoring, LRE, comparison, closing fine-tuning, journal) is in :mod:`spear_deploy.search`.
"""

from __future__ import annotations

from collections.abc import Callable

from spear_deploy.registry import Registry
from spear_deploy.search.protocol import Method, Outcome, Proposal, Task

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
"""Factories of methods by name: each makes the method for a task."""

OF_SYNAPSES = frozenset({"gradr", "magnitude", "synapses"})
"""Methods that remove single synapses: they can lower SynOps even where no unit may be pruned."""
