"""``spear_deploy.sweep``: accuracy against measured SynOps over many budgets, a bundle for each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from spear_deploy.api.deploy import Request, prepare
from spear_deploy.api.settings import Settings
from spear_deploy.chips import ChipProfile
from spear_deploy.deployment.bundle import PAGE, REPORT
from spear_deploy.deployment.folder import as_folder
from spear_deploy.errors import BudgetNotMetError, Finding, InputError, SpearError
from spear_deploy.progress import Progress
from spear_deploy.report.check import read_report
from spear_deploy.report.points import Point, point_of, smallest
from spear_deploy.report.sweep import Reference, sweep_data, sweep_view, write_sweep_page
from spear_deploy.storage import as_json, exists, is_file, write_json, writing
from spear_deploy.versions import versions

if TYPE_CHECKING:
    from typing_extensions import Unpack

RESULT = "sweep.json"
SWEEP_PAGE = "sweep.html"
BUDGETS = ("80%", "60%", "50%", "40%", "30%", "20%")
"""What is swept over unless others are given."""
MAX_DROP = 1.0
"""Points of accuracy that may be lost, unless another number is given."""
_TAKEN = {"synops": "budgets=", "seed": "seeds=", "until": "deploy"}
"""Settings of a single deployment, and what says it here."""
_FREE = ("resume", "progress", "max_drop", "threads")
"""Settings that a sweep may be resumed with others of."""


@dataclass(frozen=True, eq=False)
class Sweep:
    """A finished sweep; it shows itself in a notebook.

    Attributes:
        points: one for each budget and seed, in that order.
        result: the sweep as data: what ``sweep.json`` holds (docs/sweep.md).
        folder: of the bundles, ``sweep.json`` and ``sweep.html``.
    """

    points: tuple[Point, ...]
    result: dict[str, Any]
    folder: Path

    @property
    def error(self) -> SpearError | None:
        """What keeps it from answering: E046 if no budget loses so little."""
        if smallest(self.points, self.result["max_drop"]) is not None:
            return None
        message = f"no budget loses at most {self.result['max_drop']:g} points on the validation samples"
        fix = "give larger budgets, more --effort, or a larger --max-drop"
        return BudgetNotMetError.of("E046", self.folder, message, fix)

    def __repr__(self) -> str:
        return f"<Sweep in {str(self.folder)!r}: {self.result['sentence']}>"

    def _repr_html_(self) -> str:
        return sweep_view(self.result)


def sweep(
    model: object,
    data: object,
    chip: str | PathLike[str] | ChipProfile = "loihi2",
    *,
    output: str | PathLike[str],
    budgets: Sequence[str | float] = BUDGETS,
    seeds: Sequence[int] = (0,),
    **settings: Unpack[Settings],
) -> Sweep:
    """Deploy a network under every budget with every seed, and say which budget is worth taking.

    ``model``, ``data``, ``chip`` and the keywords are those of :func:`spear_deploy.deploy`; ``budgets`` are those of
    SynOps a sample, as numbers or percentages.  ``max_drop`` (1 point unless given) is no budget of the deployments
    here, but the question: the smallest budget that loses at most so many points on the validation samples.  Each
    deployment is a bundle in a folder of its own in ``output``; with ``resume`` those that are done are taken from
    there, and further budgets and seeds may be added.

    A budget below what the search may build is a point without figures (E041).

    Raises:
        InputError: E045 if ``output`` holds a sweep and ``resume`` is not given, or another sweep; E007 for budgets
            and seeds that cannot be meant; and what :func:`spear_deploy.deploy` raises.
    """
    plan = plan_of(budgets, seeds, settings)
    console = Console(stderr=True, highlight=False, quiet=not settings.get("progress"))
    given = "".join(f", {name}={value!r}" for name, value in settings.items())
    command = f"spear_deploy.sweep(model, data, chip, budgets={list(budgets)!r}, seeds={list(seeds)!r}{given})"
    return plan.run(model, data, chip, as_folder(output), Progress(console), command)


@dataclass(frozen=True)
class Plan:
    """What a sweep runs."""

    budgets: tuple[str, ...]
    seeds: tuple[int, ...]
    settings: Settings

    def run(self, model: object, data: object, chip: Any, folder: Path, progress: Progress, command: str) -> Sweep:
        """Run every point that is not there yet; write ``sweep.json`` after each, the page at the end."""
        requests = {seed: prepare(model, data, chip, self._settings(self.budgets[0], seed)) for seed in self.seeds}
        identity = _identity(requests, self.settings)
        _refuse(folder, identity, resume=bool(self.settings.get("resume")))
        points: list[Point] = []
        reference: Reference | None = None
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        for done, (budget, seed) in enumerate(self._pairs()):
            name = point_name(budget, seed)
            progress.say(f"point {done + 1} of {len(self.budgets) * len(self.seeds)}: {budget} of SynOps, seed {seed}")
            request = Request(
                requests[seed].imported, requests[seed].data, requests[seed].chip, self._settings(budget, seed)
            )
            point, report = _run_point(request, budget, folder / name, progress, command)
            points.append(point)
            reference = reference or Reference.of(report)
            result = sweep_data(points, reference, self._max_drop, command)
            write_json(folder / RESULT, {**result, "identity": identity})
        write_sweep_page(folder / SWEEP_PAGE, result)
        return Sweep(tuple(points), result, folder)

    @property
    def _max_drop(self) -> float:
        given = self.settings.get("max_drop")
        return MAX_DROP if given is None else given

    def _pairs(self) -> Iterator[tuple[str, int]]:
        return ((budget, seed) for budget in self.budgets for seed in self.seeds)

    def _settings(self, budget: str, seed: int) -> Settings:
        return {**self.settings, "synops": budget, "seed": seed, "max_drop": None, "resume": True}


def plan_of(budgets: Sequence[str | float], seeds: Sequence[int], settings: Settings) -> Plan:
    """Return what is to be run; raise :class:`InputError` (E007) with all that cannot be meant."""
    findings = [
        Finding("E007", name, "is of one deployment, not of a sweep", f"give {instead}")
        for name, instead in _TAKEN.items()
        if settings.get(name) is not None
    ]
    wanted = tuple(dict.fromkeys(str(budget).strip() for budget in budgets))
    if not wanted:
        findings.append(Finding("E007", "budgets", "none was given", "give some, such as 60%,40%,20%"))
    if not seeds or any(isinstance(seed, bool) or not isinstance(seed, int) for seed in seeds):
        findings.append(Finding("E007", "seeds", f"{list(seeds)!r} are no seeds", "give whole numbers, such as 0,1,2"))
    most = settings.get("max_drop")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int | float) or not -100 <= most <= 100):
        findings.append(Finding("E007", "max_drop", f"{most!r} is no number of points", "give 1, or 0.5"))
    names = [point_name(budget, 0) for budget in wanted]
    if len(set(names)) < len(names):
        findings.append(Finding("E007", "budgets", f"{', '.join(wanted)} are not all different", "give each once"))
    if findings:
        raise InputError(findings)
    return Plan(wanted, tuple(dict.fromkeys(seeds)), settings)


def point_name(budget: str, seed: int) -> str:
    """Return the name of a point's folder, such as ``50pct_seed_0``."""
    return f"{re.sub(r'[^0-9A-Za-z.]+', '_', budget.replace('%', 'pct'))}_seed_{seed}"


def _run_point(
    request: Request, budget: str, folder: Path, progress: Progress, command: str
) -> tuple[Point, dict[str, Any]]:
    """Return a point and its report: from its folder if it is done there, else by a deployment."""
    report = _finished(folder)
    if report is not None:
        progress.say(f"{folder.name}: done already")
        return point_of(report, budget, folder.name), report
    report = request.run(folder, progress, command).report
    assert report is not None  # no sweep stops a deployment behind a step
    return point_of(report, budget, folder.name), report


def _finished(folder: Path) -> dict[str, Any] | None:
    """Return the report of a point that is done; raise :class:`InputError` (E010) for one that is damaged.

    The report is written before the page: without a page it may not be whole.
    """
    if not is_file(folder / PAGE) or not is_file(folder / REPORT):
        return None
    return read_report(folder)


def _identity(requests: Mapping[int, Request], settings: Settings) -> dict[str, Any]:
    """Return what the points depend on beside budget and seed."""
    first = next(iter(requests.values()))
    kept = {name: value for name, value in settings.items() if name not in _FREE}
    found = {
        "network": first.imported.network.content_hash,
        "semantics": first.imported.semantics.to_json(),
        "chip": [first.chip.name, first.chip.target],
        "data": {str(seed): request.data.fingerprint for seed, request in requests.items()},
        "settings": kept,
        "versions": versions(),
    }
    identity: dict[str, Any] = json.loads(json.dumps(as_json(found)))
    return identity


def _refuse(folder: Path, identity: Mapping[str, Any], *, resume: bool) -> None:
    """Raise :class:`InputError` (E045) for a folder with a sweep that is not to be gone on with, or is another."""
    path = folder / RESULT
    if not exists(path):
        held = sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
        if held:
            message = f"holds files that no sweep left there ({', '.join(held[:3])})"
            raise InputError.of("E009", folder, message, "choose an empty folder")
        return
    if not resume:
        raise InputError.of("E045", folder, "holds a sweep", "go on with it by --resume, or choose another folder")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["identity"]
        seeds = set(found["data"]) & set(identity["data"])
        parts = [{**each, "data": {seed: each["data"][seed] for seed in seeds}} for each in (found, dict(identity))]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InputError.of("E045", path, f"is damaged: {error}", "choose another folder") from error
    differing = sorted(name for name in identity if parts[0].get(name) != parts[1][name])
    if differing:
        message = f"was written for another sweep (differs in: {', '.join(differing)})"
        raise InputError.of("E045", path, message, "resume with the same inputs and options, or choose another folder")
