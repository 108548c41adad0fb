"""``spear_deploy.sweep``: accuracy against measured SynOps over many budgets, a bundle for each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from spear_deploy.api.deploy import Request, prepare
from spear_deploy.api.settings import Settings
from spear_deploy.api.sweep_folder import clear_earlier, finished, identity_of, point_name, refuse_other
from spear_deploy.chips import ChipProfile
from spear_deploy.clusters import Cluster, cluster_at
from spear_deploy.clusters.local import Local
from spear_deploy.clusters.protocol import Workload
from spear_deploy.deployment.folder import as_folder
from spear_deploy.deployment.memory import runs_together
from spear_deploy.deployment.options import SWEEP, SWEEP_PAGE
from spear_deploy.deployment.work import Work
from spear_deploy.errors import BudgetNotMetError, Finding, InputError, SpearError
from spear_deploy.parallel import Lost, Tell, carry_out
from spear_deploy.progress import Board, Progress, RemoteProgress
from spear_deploy.report.formats import plural
from spear_deploy.report.points import Point, point_of, smallest
from spear_deploy.report.sweep import Reference, sweep_data, sweep_view, write_sweep_page
from spear_deploy.sizes import bytes_as_text
from spear_deploy.storage import exists, write_json, writing

if TYPE_CHECKING:
    from typing_extensions import Unpack

BUDGETS = ("80%", "60%", "50%", "40%", "30%", "20%")
"""What is swept over unless others are given."""
MAX_DROP = 1.0
"""Points of accuracy that may be lost, unless another number is given."""
_LISTS = {"budgets": '"60%", "40%"', "seeds": "0, 1"}
"""What is given as a list, and such a list."""
_TAKEN = {"synops": "budgets=", "seed": "seeds=", "until": "deploy"}
"""Settings of a single deployment, and what says it here."""


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
        """What keeps it from answering: E068 for points that were lost, E046 if no budget loses so little."""
        lost = [point for point in self.points if point.error is not None and point.error.startswith("E068")]
        if lost:
            fix = "--resume with the same command goes on with it; with fewer --jobs where memory ran out"
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
    SynOps a sample, as numbers or percentages.  ``max_drop`` (1 point unless given) is no budget of the deployments
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
    plan = plan_of(budgets, seeds, settings, cluster)
    console = Console(stderr=True, highlight=False, quiet=not settings.get("progress"))
    placed = {} if cluster is None else {"cluster": cluster}
    given = "".join(f", {name}={value!r}" for name, value in {**placed, **settings}.items())
    command = f"spear_deploy.sweep(model, data, chip, budgets={list(budgets)!r}, seeds={list(seeds)!r}{given})"
    return plan.run(model, data, chip, as_folder(output), Progress(console), command)


@dataclass(frozen=True)
class Plan:
    """What a sweep runs."""

    budgets: tuple[str, ...]
    seeds: tuple[int, ...]
    settings: Settings
    cluster: str | None = None

    def run(self, model: object, data: object, chip: Any, folder: Path, progress: Progress, command: str) -> Sweep:
        """Run every point that is not there yet; write ``sweep.json`` after each, the page at the end."""
        requests = {seed: prepare(model, data, chip, self._settings(self.budgets[0], seed)) for seed in self.seeds}
        identity = identity_of(requests, self.settings)
        if self.settings.get("force"):
            clear_earlier(folder)
        refuse_other(folder, identity, resume=bool(self.settings.get("resume")))
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        record = _Record(self, folder, identity, command)
        todo = {}
        for name, (budget, seed) in self.points.items():
            report = finished(folder / name)
            if report is None:
                todo[name] = replace(requests[seed], settings=self._settings(budget, seed))
            else:
                progress.say(f"{name}: done already")
                record.add(name, report)
        with record.kept():
            self._deploy(todo, record, progress)
        write_sweep_page(folder / SWEEP_PAGE, record.result)
        return Sweep(tuple(record.points.values()), record.result, folder)

    def _deploy(self, todo: Mapping[str, Request], record: _Record, progress: Progress) -> None:
        """Deploy all points that are left: one after the other here, or side by side."""
        wanted = min(self.settings.get("jobs", 1), len(todo))
        if not todo or (self.cluster is None and wanted < 2):
            self._one_by_one(todo, record, progress)
            return
        checked = next(iter(todo.values())).checked(record.folder / "point")  # raises what refuses every point
        if self.cluster is not None:
            self._side_by_side(cluster_at(self.cluster), todo, checked, record, progress)
            return
        jobs = self._fitting(checked, wanted, progress)
        if jobs < 2:
            self._one_by_one(todo, record, progress)
            return
        progress.say(f"{plural(len(todo), 'point')}, {jobs} at a time")
        self._side_by_side(Local(jobs), todo, checked, record, progress)

    def _one_by_one(self, todo: Mapping[str, Request], record: _Record, progress: Progress) -> None:
        for name, request in todo.items():
            budget, seed = self.points[name]
            place = f"point {list(self.points).index(name) + 1} of {len(self.points)}"
            progress.say(f"{place}: {budget} of SynOps, seed {seed}")
            own = replace(progress, seconds={})  # what a point's report tells is not of the points before it
            record.add(name, _report(request, record.folder / name, own, record.command))

    def _side_by_side(
        self, cluster: Cluster, todo: Mapping[str, Request], checked: Work, record: _Record, progress: Progress
    ) -> None:
        assert checked.memory is not None
        workload = Workload(
            partial(_deploy_point, command=record.command),
            {str(self.points[name][1]): request for name, request in todo.items()},
            {name: (str(self.points[name][1]), request.settings) for name, request in todo.items()},
            record.folder,
            checked.options.execution.threads,
            checked.memory.peak,
        )
        board = Board(progress, list(todo), "points")

        def done(name: str, report: dict[str, Any] | Lost) -> None:
            record.add(name, report)
            board.done(name)

        def again(name: str, lost: Lost) -> None:
            progress.say(f"{name}: its process ended ({lost.how}), the point is begun once more")

        with cluster.crew(self.cluster or "", workload, progress.say) as crew, board.shown():
            carry_out(crew, workload.pieces, heard=board.heard, done=done, again=again)

    def _fitting(self, checked: Work, jobs: int, progress: Progress) -> int:
        """Return how many of so many jobs the memory holds."""
        assert checked.memory is not None
        bounded = self.settings.get("memory") is not None
        fitting = runs_together(checked.memory, checked.options.execution, jobs, bounded=bounded)
        if fitting < jobs:
            limit = "--memory is for all of them" if bounded else "more is not free"
            each = f"each takes up to {bytes_as_text(checked.memory.peak)}, and {limit}"
            progress.say(f"memory: {plural(fitting, 'point')} at a time in place of {jobs}, for {each}")
        return fitting

    @property
    def max_drop(self) -> float:
        """Points of accuracy that the answer may lose."""
        given = self.settings.get("max_drop")
        return MAX_DROP if given is None else given

    @property
    def points(self) -> dict[str, tuple[str, int]]:
        """Budget and seed of each point by the name of its folder, in order."""
        return {point_name(budget, seed): (budget, seed) for budget in self.budgets for seed in self.seeds}

    def _settings(self, budget: str, seed: int) -> Settings:
        return {
            **self.settings,
            "synops": budget,
            "seed": seed,
            "max_drop": None,
            "resume": True,
            "force": False,
            "jobs": 1,
        }


@dataclass(eq=False)
class _Record:
    """The points that there are so far, in the order of the plan, and ``sweep.json`` of them."""

    plan: Plan
    folder: Path
    identity: Mapping[str, Any]
    command: str
    found: dict[str, tuple[Point, Reference | None]] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def points(self) -> dict[str, Point]:
        """Points by their folders."""
        return {name: self.found[name][0] for name in self.plan.points if name in self.found}

    def add(self, name: str, report: dict[str, Any] | Lost) -> None:
        """Take in what became of a point, and write all that there is so far."""
        budget, seed = self.plan.points[name]
        if isinstance(report, Lost):
            error = f"E068 {name}: its process ended twice before the point was done, at last by {report.how}"
            self.found[name] = Point(budget, seed, name, error=error), None
        else:
            self.found[name] = point_of(report, budget, name), Reference.of(report)
        self.write()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Have a ``sweep.json`` from the beginning, so that what is interrupted in its first point can be resumed too.

        What is refused before a point has a folder leaves none.
        """
        path = self.folder / SWEEP
        if exists(path):
            yield
            return
        self.write()
        try:
            yield
        except BaseException:
            if not any(exists(self.folder / name) for name in self.plan.points):
                path.unlink(missing_ok=True)
            raise

    def write(self) -> None:
        """Write ``sweep.json``."""
        references = (self.found[each][1] for each in self.points)
        reference = next((each for each in references if each is not None), None)
        self.result = sweep_data(list(self.points.values()), reference, self.plan.max_drop, self.command)
        write_json(self.folder / SWEEP, {**self.result, "identity": self.identity})


def plan_of(
    budgets: Sequence[str | float], seeds: Sequence[int], settings: Settings, cluster: str | None = None
) -> Plan:
    """Return what is to be run; raise :class:`InputError` (E007) with all that cannot be meant."""
    findings = [
        Finding("E007", name, "is of one deployment, not of a sweep", f"give {instead}")
        for name, instead in _TAKEN.items()
        if settings.get(name) is not None
    ]
    no_lists = [
        Finding("E007", name, f"{values!r} is no list", f"give {name}=[{_LISTS[name]}]")
        for name, values in (("budgets", budgets), ("seeds", seeds))
        if isinstance(values, str | bytes) or not isinstance(values, Iterable)
    ]
    if no_lists:
        raise InputError([*findings, *no_lists])
    wanted = tuple(dict.fromkeys(str(budget).strip() for budget in budgets))
    seeds = tuple(dict.fromkeys(seeds))
    if not wanted:
        findings.append(Finding("E007", "budgets", "none was given", "give some, such as 60%,40%,20%"))
    if not seeds or any(isinstance(seed, bool) or not isinstance(seed, int) for seed in seeds):
        findings.append(Finding("E007", "seeds", f"{list(seeds)!r} are no seeds", "give whole numbers, such as 0,1,2"))
    most = settings.get("max_drop")
    if most is not None and (isinstance(most, bool) or not isinstance(most, int | float) or not -100 <= most <= 100):
        findings.append(Finding("E007", "max_drop", f"{most!r} is no number of points", "give 1, or 0.5"))
    findings += _where_findings(settings, cluster)
    names = [point_name(budget, 0) for budget in wanted]
    if len(set(names)) < len(names):
        findings.append(Finding("E007", "budgets", f"{', '.join(wanted)} are not all different", "give each once"))
    if findings:
        raise InputError(findings)
    return Plan(wanted, seeds, settings, cluster)


def _where_findings(settings: Settings, address: str | None) -> Iterator[Finding]:
    """Yield what is wrong with where the points shall run."""
    jobs = settings.get("jobs", 1)
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        yield Finding("E007", "jobs", f"{jobs!r} is no number of processes", "give 1, or 4")
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


def _deploy_point(request: Request, settings: Settings, folder: Path, tell: Tell, *, command: str) -> dict[str, Any]:
    """Deploy a point, in a process of its own and maybe on another machine; return its report."""
    return _report(replace(request, settings=settings), folder, RemoteProgress(tell), command)


def _report(request: Request, folder: Path, progress: Progress, command: str) -> dict[str, Any]:
    report = request.run(folder, progress, command).report
    assert report is not None  # no sweep stops a deployment behind a step
    return report
