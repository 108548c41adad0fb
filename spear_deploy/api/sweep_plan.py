"""The plan of a sweep: its points, and the options that each is deployed with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from spear_deploy.api.settings import Settings, plain_value
from spear_deploy.api.sweep_folder import point_name
from spear_deploy.clusters import cluster_at
from spear_deploy.errors import Finding, InputError

BUDGETS = ("80%", "60%", "50%", "40%", "30%", "20%")
"""What is swept over unless others are given."""
MAX_DROP = 1.0
"""Points of accuracy that may be lost, unless another number is given."""
_LISTS = {"budgets": '"60%", "40%"', "seeds": "0, 1"}
"""What is given as a list, and such a list."""
_TAKEN = {"synops": "budgets=", "seed": "seeds=", "until": "deploy"}
"""Settings of a single deployment, and what says it here."""


@dataclass(frozen=True)
class Plan:
    """Every budget of SynOps with every seed, under common ``settings``; on a ``cluster``, by its address, or here."""

    budgets: tuple[str, ...]
    seeds: tuple[int, ...]
    settings: Settings
    cluster: str | None = None

    @property
    def max_drop(self) -> float:
        """Points of accuracy that the answer may lose."""
        given = self.settings.get("max_drop")
        return MAX_DROP if given is None else given

    @property
    def points(self) -> dict[str, tuple[str, int]]:
        """Budget and seed of each point by the name of its folder, in order."""
        return {point_name(budget, seed): (budget, seed) for budget in self.budgets for seed in self.seeds}

    def settings_of(self, budget: str, seed: int) -> Settings:
        """Return what one point is deployed with."""
        return {
            **self.settings,
            "synops": budget,
            "seed": seed,
            "max_drop": None,
            "resume": True,
            "force": False,
            "jobs": 1,
        }


def plan_of(
    budgets: Sequence[str | float], seeds: Sequence[int], settings: Settings, cluster: str | None = None
) -> Plan:
    """Return the plan; raise :class:`InputError` (E007) with everything that is invalid."""
    findings = [
        Finding("E007", name, "is of one deployment, not of a sweep", f"give {instead}")
        for name, instead in _TAKEN.items()
        if settings.get(name) is not None
    ]
    no_lists = [
        Finding("E007", name, f"{values!r} is not a list", f"give {name}=[{_LISTS[name]}]")
        for name, values in (("budgets", budgets), ("seeds", seeds))
        if isinstance(values, str | bytes) or not isinstance(values, Iterable)
    ]
    if no_lists:
        raise InputError([*findings, *no_lists])
    wanted = tuple(dict.fromkeys(str(budget).strip() for budget in budgets))
    seeds = tuple(dict.fromkeys(map(plain_value, seeds)))
    if not wanted:
        findings.append(Finding("E007", "budgets", "none was given", "give some, such as 60%,40%,20%"))
    if not seeds or any(isinstance(seed, bool) or not isinstance(seed, int) for seed in seeds):
        findings.append(Finding("E007", "seeds", f"{list(seeds)!r} are not seeds", "give whole numbers, such as 0,1,2"))
    most = settings.get("max_drop")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int | float) or not -100 <= most <= 100):
        findings.append(Finding("E007", "max_drop", f"{most!r} is not a number of points", "give 1, or 0.5"))
    findings += _where_findings(settings, cluster)
    names = [point_name(budget, 0) for budget in wanted]
    if len(set(names)) < len(names):
        findings.append(Finding("E007", "budgets", f"{', '.join(wanted)} are not all different", "give each once"))
    if findings:
        raise InputError(findings)
    return Plan(wanted, seeds, settings, cluster)


def _where_findings(settings: Settings, address: str | None) -> Iterator[Finding]:
    """Yield what is wrong with the places where the points should run."""
    jobs = settings.get("jobs", 1)
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        yield Finding("E007", "jobs", f"{jobs!r} is not a number of processes", "give 1, or 4")
        return
    if address is None:
        return
    try:
        cluster_at(address)
    except InputError as error:
        yield from error.findings
    if jobs > 1:
        message = "are processes of this machine, and --cluster has those of others"
        yield Finding("E007", f"--jobs {jobs}", message, "give one of them")
