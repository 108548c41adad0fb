"""``spear_deploy.sweep``: accuracy against measured SynOps over many budgets, a bundle for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from spear_deploy.api.deploy import Request, prepare
from spear_deploy.api.settings import Settings, plain_settings
from spear_deploy.api.sweep_folder import clear_earlier, finished, identity_of, refuse_other
from spear_deploy.api.sweep_plan import BUDGETS, Plan, plan_of
from spear_deploy.api.sweep_record import SweepRecord
from spear_deploy.chips import ChipProfile
from spear_deploy.clusters import Cluster, cluster_at
from spear_deploy.clusters.local import Local
from spear_deploy.clusters.protocol import Workload
from spear_deploy.deployment.folder import as_folder
from spear_deploy.deployment.memory import runs_together
from spear_deploy.deployment.options import SWEEP_PAGE
from spear_deploy.deployment.work import Work
from spear_deploy.errors import BudgetNotMetError, Finding, InputError, SpearError
from spear_deploy.parallel import Lost, Tell, carry_out
from spear_deploy.progress import Board, Progress, RemoteProgress
from spear_deploy.report.formats import plural
from spear_deploy.report.points import Point, smallest
from spear_deploy.report.sweep import sweep_view, write_sweep_page
from spear_deploy.sizes import bytes_as_text
from spear_deploy.storage import writing

if TYPE_CHECKING:
    from typing_extensions import Unpack


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
        """The error that keeps it from answering: E068 for lost points, E046 if no budget loses so little."""
        lost = [point for point in self.points if point.error is not None and point.error.startswith("E068")]
        if lost:
            fix = "--resume with the same command continues it; use fewer --jobs if memory ran out"
            raised = [Finding("E068", point.folder, str(point.error).partition(": ")[2], fix) for point in lost]
            return InputError(raised)
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
    cluster: str | None = None,
    **settings: Unpack[Settings],
) -> Sweep:
    """Deploy a network under every budget with every seed, and say which budget is worth taking.

    ``model``, ``data``, ``chip`` and the keywords are those of :func:`spear_deploy.deploy`; ``budgets`` are those of
    SynOps a sample, as numbers or percentages.  ``max_drop`` (1 point unless given) is not a budget of the deployments
    here, but the question: the smallest budget that loses at most so many points on the validation samples.  Each
    deployment is a bundle in a folder of its own in ``output``; with ``resume`` those that are done are taken from
    there, and further budgets and seeds may be added; with ``force`` an earlier sweep is removed from ``output``.  With
    ``jobs`` so many are deployed at a time, each in a process of its own, or fewer where the memory does not hold them;
    the results are the same.  With ``cluster``, the address of a scheduler of Dask (``tcp://host:8786``) or of the head
    of a Ray cluster (``ray://host:10001``), they are deployed there.

    A budget below what the search may build is a point without figures (E041).

    Raises:
        InputError: E045 if ``output`` holds a sweep and ``resume`` is not given, or another sweep; E007 for budgets
            and seeds that cannot be meant; and what :func:`spear_deploy.deploy` raises.
        BackendError: E069 for a cluster that does not answer, or whose nodes have other versions than are here; E064
            where its library is not installed.
    """
    settings = plain_settings(settings)
    plan = plan_of(budgets, seeds, settings, cluster)
    console = Console(stderr=True, highlight=False, quiet=not settings.get("progress"))
    placed = {} if cluster is None else {"cluster": cluster}
    given = "".join(f", {name}={value!r}" for name, value in {**placed, **settings}.items())
    points = f"budgets={list(plan.budgets)!r}, seeds={list(plan.seeds)!r}"
    command = f"spear_deploy.sweep(model, data, chip, {points}{given})"
    return run_plan(plan, model, data, chip, as_folder(output), Progress(console), command)


def run_plan(
    plan: Plan, model: object, data: object, chip: Any, folder: Path, progress: Progress, command: str
) -> Sweep:
    """Run every point that is not there yet; write ``sweep.json`` after each, the page at the end."""
    requests = {seed: prepare(model, data, chip, plan.settings_of(plan.budgets[0], seed)) for seed in plan.seeds}
    identity = identity_of(requests, plan.settings)
    if plan.settings.get("force"):
        clear_earlier(folder)
    refuse_other(folder, identity, resume=bool(plan.settings.get("resume")))
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    record = SweepRecord(plan, folder, identity, command)
    todo = {}
    for name, (budget, seed) in plan.points.items():
        report = finished(folder / name)
        if report is None:
            todo[name] = replace(requests[seed], settings=plan.settings_of(budget, seed))
        else:
            progress.say(f"{name}: done already")
            record.add(name, report)
    with record.kept():
        _deploy(todo, record, progress)
    write_sweep_page(folder / SWEEP_PAGE, record.result)
    return Sweep(tuple(record.points.values()), record.result, folder)


def _deploy(todo: Mapping[str, Request], record: SweepRecord, progress: Progress) -> None:
    """Deploy all points that are left: one after the other here, or side by side."""
    plan = record.plan
    wanted = min(plan.settings.get("jobs", 1), len(todo))
    if not todo or (plan.cluster is None and wanted < 2):
        _one_by_one(todo, record, progress)
        return
    checked = next(iter(todo.values())).checked(record.folder / "point")  # raises what refuses every point
    if plan.cluster is not None:
        _side_by_side(cluster_at(plan.cluster), todo, checked, record, progress)
        return
    jobs = _fitting(plan, checked, wanted, progress)
    if jobs < 2:
        _one_by_one(todo, record, progress)
        return
    progress.say(f"{plural(len(todo), 'point')}, {jobs} at a time")
    _side_by_side(Local(jobs), todo, checked, record, progress)


def _one_by_one(todo: Mapping[str, Request], record: SweepRecord, progress: Progress) -> None:
    points = record.plan.points
    for name, request in todo.items():
        budget, seed = points[name]
        place = f"point {list(points).index(name) + 1} of {len(points)}"
        progress.say(f"{place}: {budget} of SynOps, seed {seed}")
        own = replace(progress, seconds={})  # what a point's report tells is not of the points before it
        record.add(name, _report(request, record.folder / name, own, record.command))


def _side_by_side(
    cluster: Cluster, todo: Mapping[str, Request], checked: Work, record: SweepRecord, progress: Progress
) -> None:
    assert checked.memory is not None
    points = record.plan.points
    workload = Workload(
        partial(_deploy_point, command=record.command),
        {str(points[name][1]): request for name, request in todo.items()},
        {name: (str(points[name][1]), request.settings) for name, request in todo.items()},
        record.folder,
        checked.options.execution.threads,
        checked.memory.peak,
    )
    board = Board(progress, list(todo), "points")

    def done(name: str, report: dict[str, Any] | Lost) -> None:
        record.add(name, report)
        board.done(name)

    def again(name: str, lost: Lost) -> None:
        progress.say(f"{name}: its process ended ({lost.how}), the point is started once more")

    with cluster.crew(record.plan.cluster or "", workload, progress.say) as crew, board.shown():
        carry_out(crew, workload.pieces, heard=board.heard, done=done, again=again)


def _fitting(plan: Plan, checked: Work, jobs: int, progress: Progress) -> int:
    """Return how many of the jobs fit into memory."""
    assert checked.memory is not None
    bounded = plan.settings.get("memory") is not None
    fitting = runs_together(checked.memory, checked.options.execution, jobs, bounded=bounded)
    if fitting < jobs:
        limit = "--memory is for all of them" if bounded else "more is not free"
        each = f"each takes up to {bytes_as_text(checked.memory.peak)}, and {limit}"
        progress.say(f"memory: {plural(fitting, 'point')} at a time in place of {jobs}, for {each}")
    return fitting


def _deploy_point(request: Request, settings: Settings, folder: Path, tell: Tell, *, command: str) -> dict[str, Any]:
    """Deploy a point, in a process of its own and maybe on another machine; return its report."""
    return _report(replace(request, settings=settings), folder, RemoteProgress(tell), command)


def _report(request: Request, folder: Path, progress: Progress, command: str) -> dict[str, Any]:
    report = request.run(folder, progress, command).report
    assert report is not None  # no sweep stops a deployment behind a step
    return report
