"""Budgets: what a deployed network may use or must reach.  A new one is a file and a line in this table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from spear_deploy.budgets.resource import AMOUNT, PERCENTAGE, Asked, Budget, Resource
from spear_deploy.errors import Finding, InputError, PluginError, SpearError
from spear_deploy.measure.measured import Baseline
from spear_deploy.registry import Registry
from spear_deploy.targets import ChipProfile

__all__ = ["AMOUNT", "PERCENTAGE", "RESOURCES", "Asked", "Budget", "Resource", "ask", "set_budgets"]

RESOURCES: Registry[Resource] = Registry(
    "budget",
    {
        "synops": "spear_deploy.budgets.synops:MEAN",
        "synops_p95": "spear_deploy.budgets.synops:P95",
        "cores": "spear_deploy.budgets.cores:CORES",
        "min_accuracy": "spear_deploy.budgets.accuracy:FLOOR",
        "max_drop": "spear_deploy.budgets.accuracy:DROP",
    },
    group="spear_deploy.budgets",
)
"""Resources that can be budgeted, by their keyword in Python; on the command line, synops_p95 is ``--synops-p95``."""


def ask(given: Mapping[str, str | float | None]) -> tuple[Asked, ...]:
    """Read budgets by name; None means not asked for.

    Raises :class:`InputError` with all findings: E007 for invalid values, E008 for unknown names.
    """
    asked: list[Asked] = []
    findings: list[Finding] = []
    for name, value in given.items():
        if value is None:
            continue
        try:
            resource = RESOURCES.get(name)
            if resource.name != name:
                raise PluginError.of("E065", name, f"the budget of this name calls itself {resource.name}", "rename it")
            asked.append(resource.ask(value))
        except SpearError as error:
            findings += error.findings
    if findings:
        raise InputError(findings)
    return tuple(asked)


def set_budgets(asked: Sequence[Asked], baseline: Baseline, chip: ChipProfile) -> tuple[Budget, ...]:
    """Return the budgets of a network on a chip: those asked for, and those set by the chip."""
    by_name = {each.resource.name: each for each in asked}
    budgets = []
    for name, resource in RESOURCES.items():
        own = None if resource.of_chip is None else resource.of_chip(chip)
        wanted = by_name[name].limit(baseline) if name in by_name else None
        limits = [limit for limit in (wanted, own) if limit is not None]
        if limits:
            budgets.append(Budget(resource, min(limits), by_name[name].share if name in by_name else None))
    return tuple(budgets)
