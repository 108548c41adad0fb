"""``spear_deploy.deploy``: from a trained network to one that is measured within its budgets, as one call."""

from __future__ import annotations

import shutil
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from spear_deploy.api.load import load
from spear_deploy.api.project import Project
from spear_deploy.api.settings import Settings, check_settings, data_options, deploy_options, plain_settings
from spear_deploy.backends import BACKENDS
from spear_deploy.chips import ChipProfile
from spear_deploy.data import Dataset, as_dataset
from spear_deploy.deployment.bundle import PAGE, REPORT
from spear_deploy.deployment.folder import (
    as_folder,
    clear_leftovers,
    clear_results,
    held_folder,
    refuse_earlier,
    refuse_folder,
    refuse_sources_inside,
    with_what_is_kept,
)
from spear_deploy.deployment.run import run_steps
from spear_deploy.deployment.steps import STEPS
from spear_deploy.deployment.verdict import error_of
from spear_deploy.deployment.work import Work
from spear_deploy.errors import InputError, SpearError
from spear_deploy.frontends import Imported
from spear_deploy.frontends.nir.package import is_package_graph
from spear_deploy.importers.detect import from_module, is_module
from spear_deploy.network import Network
from spear_deploy.progress import Progress
from spear_deploy.report.build import build_report
from spear_deploy.report.html import notebook_view, write_page
from spear_deploy.report.wording import verdict
from spear_deploy.scratch import Scratch
from spear_deploy.storage import real_path, write_json, writing
from spear_deploy.targets import Program, compiler_for, load_chip

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True, eq=False)
class Deployment:
    """A finished deployment; it shows itself in a notebook.

    Attributes:
        work: everything that the steps found.
        report: the report as data (docs/report.md), or None if it was stopped before its end.
        folder: the folder of the bundle.
        scratch: removes a temporary folder together with the deployment; None if ``output`` was given.
        project: the options that a project file can hold; None if they came from the command line.
        copies: the folders that it was saved to.
    """

    work: Work
    report: dict[str, Any] | None
    folder: Path
    scratch: Scratch | None = field(default=None, repr=False)
    project: Project | None = field(default=None, repr=False)
    copies: list[Path] = field(default_factory=list, repr=False)

    @property
    def error(self) -> SpearError | None:
        """The error that keeps it from being done, if any: a budget missed, a mismatch, a backend that failed."""
        return error_of(self.work)

    @property
    def imported(self) -> Imported:
        """The deployed float network with its semantics, as returned by :func:`spear_deploy.load`."""
        return replace(self.work.imported, network=self.network)

    @property
    def network(self) -> Network:
        """The deployed network in float: pruned and fine-tuned."""
        return self.work.imported.network if self.work.measured is None else self.work.measured.network

    @property
    def program(self) -> Program | None:
        """The deployed network in the chip's integers."""
        return None if self.work.measured is None else self.work.measured.lowered.program

    def save(self, folder: str | PathLike[str], *, force: bool = False) -> Path:
        """Copy the bundle with its report into a folder, and return its path.

        ``force`` replaces the bundle of an earlier successful or interrupted run; that of a failed run is replaced
        anyway.  Raises :class:`~spear_deploy.errors.InputError`: E009 for a folder that cannot be written or has other
        files, E017 if another run is writing to it, E018 if it needs ``force``.
        """
        target = as_folder(folder)
        source = real_path(self.folder)
        if source in real_path(target).parents:
            raise InputError.of("E009", target, "is inside the folder to copy", "choose another folder")
        if real_path(target) == source:
            return target
        refuse_folder(target)
        with held_folder(target):
            if not force:
                refuse_earlier(target, resume=False)
            clear_leftovers(target)
            clear_results(target)
            with writing(target):
                shutil.copytree(source, target, dirs_exist_ok=True)
        if self.project is not None and self.report is not None:
            self.project.write(target)  # its paths are relative to the folder
        self.copies.append(target)
        return target

    def __repr__(self) -> str:
        state = "done" if self.report is None else verdict(self.report).title
        place = self.copies[-1] if self.copies and self.scratch is not None else self.folder
        return f"<Deployment in {str(place)!r}: {state}>"

    def _repr_html_(self) -> str:
        return notebook_view(self.report) if self.report is not None else f"<p>done: {', '.join(self.work.done)}</p>"


def deploy(
    model: object,
    data: object,
    chip: str | PathLike[str] | ChipProfile = "loihi2",
    *,
    output: str | PathLike[str] | None = None,
    **settings: Unpack[Settings],
) -> Deployment:
    """Make a trained network fit a chip's budgets, and measure that it does.

    ``model`` is a file (``.nir``, ``.net``), a :class:`~spear_deploy.frontends.Imported`, a graph of the ``nir``
    package, or a live module of snnTorch, SpikingJelly, Norse or sinabs.  ``data`` are arrays (x, y) or (x_train,
    y_train, x_test, y_test), (N, T, *shape) each, or values (N, *shape) with ``steps``; a mapping of such names; a
    torch Dataset or DataLoader, or a pair for training and test; the name of a data set; or an ``.npz`` file.
    ``chip`` is a profile, or the name or file of one.  Without ``output`` the bundle is in a temporary folder: see
    :meth:`Deployment.save`.  The other keywords are those of :class:`~spear_deploy.api.settings.Settings`; at least one
    budget is required.

    If the network exceeds its budgets (E040, or E041 if even the smallest one far exceeds them), or a backend disagrees
    or fails, :attr:`Deployment.error` says so.

    Raises:
        InputError: E001..E014 (unreadable or unusable input), E007 (budgets), E008 (names), E009, E017, E018 (output).
        UnsupportedError: E020..E038 with all that the tool or the chip does not support; E066 for a network that
            collapses on the chip, unless ``allow_loss``; E090 for a chip that is checked, not emulated.
        BackendError: E060 if the backend that should confirm the result is not installed.
    """
    folder = None if output is None else as_folder(output)
    if folder is not None:
        refuse_sources_inside(folder, [Path(each) for each in (model, data) if isinstance(each, str | PathLike)])
    settings = plain_settings(settings)
    console = Console(stderr=True, highlight=False, quiet=not settings.get("progress"))
    request = prepare(model, data, chip, settings)
    given = "".join(f", {name}={value!r}" for name, value in settings.items())
    command = f"spear_deploy.deploy(model, data, {request.chip.name!r}{given})"
    project = Project.of(model, data, chip, settings)
    done = replace(request.run(folder, Progress(console), command), project=project)
    if done.report is not None:
        project.write(done.folder)
    return done


@dataclass(frozen=True, eq=False)
class Request:
    """A deployment whose inputs have been checked."""

    imported: Imported
    data: Dataset
    chip: Any
    settings: Settings

    def run(self, output: Path | None, progress: Progress, command: str) -> Deployment:
        """Run the steps and write the report, which names ``command`` as its origin.

        Without ``output`` the bundle is in a temporary folder that is removed with the deployment.
        """
        if output is not None:
            return self._run_in(output, progress, command)
        made = Scratch()
        try:
            return replace(self._run_in(made.path / "bundle", progress, command), scratch=made)
        except BaseException:
            made.close()
            raise

    def checked(self, output: Path) -> Work:
        """Return the result of the first step, which writes nothing; raise what it refuses."""
        options = replace(deploy_options(self.settings, output), until=STEPS[0].name)
        work = Work(imported=self.imported, data=self.data, chip=self.chip, options=options)
        return run_steps(work, Progress(Console(quiet=True)))

    def _run_in(self, folder: Path, progress: Progress, command: str) -> Deployment:
        options = deploy_options(self.settings, folder)
        work = Work(imported=self.imported, data=self.data, chip=self.chip, options=options)
        with held_folder(folder) if options.writes else nullcontext():
            try:
                return self._run_steps(work, progress, command)
            except InputError as error:
                raise with_what_is_kept(error, folder) from error

    def _run_steps(self, work: Work, progress: Progress, command: str) -> Deployment:
        folder = work.options.output
        work = run_steps(work, progress)
        report = None
        if work.done[-1] == STEPS[-1].name:
            report = build_report(work, progress.seconds, command)
            write_json(folder / REPORT, report)
            write_page(folder / PAGE, report)
        return Deployment(work, report, folder)


def prepare(model: object, data: object, chip: str | PathLike[str] | ChipProfile, settings: Settings) -> Request:
    """Read all inputs; nothing is written."""
    check_settings(settings)
    options = deploy_options(settings, Path())  # budgets that cannot be meant are told first
    options.execution.check_device()
    profile = chip if isinstance(chip, ChipProfile) else load_chip(chip)
    compiler_for(profile, {}, options.lowering)  # what the chip cannot do is told before anything is read
    read = None if is_module(model) else _read(model, settings)
    if (backend := settings.get("backend")) is not None:
        BACKENDS.get(backend).require()
    dataset = as_dataset(data, data_options(settings, None if read is None else read.network))
    imported = _import(model, dataset, settings) if read is None else read
    return Request(imported, dataset, profile, settings)


def _read(model: Any, settings: Settings) -> Imported:
    if isinstance(model, Imported):
        return model
    if isinstance(model, str | PathLike) or is_package_graph(model):
        return load(model, settings.get("semantics"))
    fix = "give a file, what load() returned, a nir.NIRGraph or a module"
    raise InputError.of("E001", "model", f"{type(model).__name__} is not a network", fix)


def _import(module: Any, data: Dataset, settings: Settings) -> Imported:
    torch = sys.modules["torch"]  # a module was given, so it is there
    return from_module(module, torch.zeros(1, *data.shape), seed=settings.get("seed", 0))
