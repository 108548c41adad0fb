"""A whole deployment, from an imported network to a bundle with its report.

import -> data -> baseline -> search loop -> bundle -> backend -> report.  Nothing is written before all
inputs are known to be usable.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from spear_deploy.chips.schema import ChipProfile
from spear_deploy.data.datasets import Dataset, fitted
from spear_deploy.deployment.adapt import Adaptation, adapt, changed, effect, with_builtin_neurons
from spear_deploy.deployment.bundle import MANIFEST, MODEL, PROGRAM, SAMPLES, Bundle, versions, write_bundle
from spear_deploy.deployment.options import DeployOptions
from spear_deploy.errors import (
    BackendError,
    BudgetNotMetError,
    Finding,
    InputError,
    MismatchError,
    SpearError,
    UnsupportedError,
)
from spear_deploy.execution import use_threads
from spear_deploy.frontends import Imported
from spear_deploy.journal import Journal
from spear_deploy.measure.runs import measure_chip, measure_float, payloads
from spear_deploy.network import Network
from spear_deploy.progress import Progress
from spear_deploy.search.evaluator import Baseline, Evaluator, Measured
from spear_deploy.search.loop import Limits, SearchResult, search
from spear_deploy.targets.loihi.chip import Chip, Lowered
from spear_deploy.targets.loihi.net_export import refusals
from spear_deploy.targets.loihi.registers import InputRange, Registers
from spear_deploy.validate.backend import BackendRun, validate_on_lava
from spear_deploy.validate.samples import spread_over_activity

REPORT, PAGE, JOURNAL = "report.json", "report.html", "search.jsonl"


@dataclass(frozen=True, eq=False)
class Deployment:
    """All that a deployment found out; :mod:`spear_deploy.report` turns it into words."""

    imported: Imported
    data: Dataset
    chip: Chip
    options: DeployOptions
    baseline: Baseline
    search: SearchResult | None
    measured: Measured
    float_accuracy: float
    limits: Limits
    bundle: Bundle
    backend: BackendRun | None
    failure: BackendError | None
    adaptation: Adaptation | None

    @property
    def error(self) -> SpearError | None:
        """Return what keeps this deployment from being done, if anything: E06x before E050 before E040."""
        if self.failure is not None:
            return self.failure
        if self.backend is not None and self.backend.validation.mismatches:
            validation = self.backend.validation
            message = f"{validation.mismatches} of {validation.bins} bins; first at {validation.first_divergence}"
            return MismatchError.of("E050", validation.backend, message, "please report this with the bundle")
        over = [budget for budget in self.budgets() if not budget["within"]]
        findings = [
            Finding(
                "E040", b["resource"], f"measured {b['measured']:,.0f}, the budget is {b['limit']:,.0f}", _FIX_BUDGET
            )
            for b in over
        ]
        return BudgetNotMetError(findings) if findings else None

    def budgets(self) -> list[dict[str, Any]]:
        """Return each budget with its limit, prediction, measurement and verdict."""
        predicted = self.search.candidate.predicted if self.search else None
        rows = [_budget("synops", self.limits.synops, predicted, self.measured.synops)]
        if self.backend is not None:
            run = self.backend
            name = f"synops on {run.validation.backend}"
            rows.append(_budget(name, self.limits.synops, predicted, run.activity.mean_synops))
        rows.append(_budget("cores", self.limits.cores, None, self.measured.lowered.placement.cores))
        return rows


_FIX_BUDGET = "give a larger budget, more --candidates or --episodes, or allow a lower accuracy"


def deploy(
    imported: Imported, data: Dataset, profile: ChipProfile, options: DeployOptions, progress: Progress
) -> Deployment:
    """Make a network fit the budgets, write the bundle, prove it on the backend.

    The caller asks :attr:`Deployment.error` whether it worked.

    Raises:
        InputError: E005, E006 (data), E009 (output), E012 (journal of another run).
        UnsupportedError: E021, E030..E037, with ``net`` E038: all findings at once.
        BudgetNotMetError: E041 if even the smallest network is far beyond the budget.

    A backend that fails (E060..E062) is kept in :attr:`Deployment.failure`.
    """
    use_threads(options.threads)
    data = _fitted(imported.network, data)
    chip = _chip(imported.network, data, profile, options)
    adapts = options.adapt and bool(changed(imported.network))
    lowered = _lower(chip, with_builtin_neurons(imported.network) if adapts else imported.network, data)
    hopeless = [f for f in lowered.placement.findings if f.code != "E035"]  # pruning may free cores
    if options.net:
        hopeless += refusals(lowered.program)
    if hopeless:
        raise UnsupportedError(hopeless)
    _claim(options.output, resume=options.resume)
    adaptation = None
    if adapts:
        with progress.step("adapt") as tick:
            imported, adaptation = adapt(imported, data, options.search.finish, options.seed, tick)
        lowered = chip.lower(imported.network)
    network = imported.network
    with progress.step("baseline") as tick:
        baseline = Baseline(
            network,
            lowered,
            measure_float(network, data.val),
            measure_chip(lowered.program, data.val),
            measure_float(network, data.test, tick=tick),
            measure_chip(lowered.program, data.test),
        )
    if baseline.synops == 0:
        message = "the network does not fire on it"
        raise InputError.of("E005", f"data {data.name}", message, "check --semantics, --dt and the coding of the data")
    available = profile.capacity.cores
    limits = Limits(options.budgets.synops.limit(baseline.synops), min(options.budgets.cores or available, available))
    found = _search(baseline, imported, data, chip, limits, options, progress)
    if found is not None:
        measured, kept = found.candidate.measured, found.candidate.kept
    else:
        measured, kept = Measured(network, lowered, baseline.chip_test, baseline.chip_val), {}
    with progress.step("bundle"):
        samples = _samples(measured, data, options.validate_samples)
        origin = {
            "semantics": imported.semantics.to_json(),
            "data": data.name,
            "data_fingerprint": data.fingerprint,
            "seed": options.seed,
            "threads": options.threads,
            "limit": limits.synops,
        }
        program = measured.lowered.program
        bundle = write_bundle(
            options.output, program, measured.network, imported.semantics, samples, kept=kept, origin=origin
        )
    backend, failure = None, None
    if options.backend == "lava":
        try:
            with progress.step("lava") as tick:
                timeout = options.backend_timeout
                backend = validate_on_lava(program, bundle.program_file, bundle.x, bundle.y, timeout=timeout, tick=tick)
        except BackendError as error:
            failure = error  # the search is worth a report all the same
    in_float = measure_float(measured.network, data.test).accuracy
    return Deployment(
        imported, data, chip, options, baseline, found, measured, in_float, limits, bundle, backend, failure, adaptation
    )


def _lower(chip: Chip, network: Network, data: Dataset) -> Lowered:
    """Lower the network as imported; say what its neurons would do as the chip's own where they are refused."""
    try:
        return chip.lower(network)
    except UnsupportedError as error:
        if not changed(network) or not {f.code for f in error.findings} & {"E030", "E031", "E032"}:
            raise
        raise UnsupportedError([*error.findings, effect(network, data)]) from error


def _fitted(network: Network, data: Dataset) -> Dataset:
    """Return the data as the network takes them: it has one input and one output."""
    fix = "join them into one, or leave the others out"
    findings = [
        Finding("E021", kind, f"the network has {len(names)} ({', '.join(names)}); one is supported", fix)
        for kind, names in (("Input", [p.name for p in network.inputs]), ("Output", list(network.outputs)))
        if len(names) != 1
    ]
    if findings:
        raise UnsupportedError(findings)
    return fitted(data, network.inputs[0].shape, network[network.outputs[0]].size)


def _chip(network: Network, data: Dataset, profile: ChipProfile, options: DeployOptions) -> Chip:
    registers = Registers.of(profile, options.weight_bits)
    ranges = {network.inputs[0].name: InputRange(data.maximum, data.integral)}
    return Chip(profile, registers.within_net() if options.net else registers, ranges)


def _search(
    baseline: Baseline,
    imported: Imported,
    data: Dataset,
    chip: Chip,
    limits: Limits,
    options: DeployOptions,
    progress: Progress,
) -> SearchResult | None:
    """Search unless the unpruned network is within the budgets already."""
    if baseline.synops <= limits.synops and baseline.lowered.placement.cores <= limits.cores:
        return None
    header = {
        "network": baseline.network.content_hash,
        "semantics": imported.semantics.to_json(),
        "weight_bits": chip.registers.weight_bits,
        "net": options.net,
        "chip": [chip.profile.name, hashlib.sha256(repr(chip.profile).encode()).hexdigest()],
        "data": [data.name, data.fingerprint],
        "limits": asdict(limits),
        "seed": options.seed,
        "threads": options.threads,
        "search": asdict(options.search),
        "versions": versions(),
    }
    path = options.output / JOURNAL
    evaluator = Evaluator(
        baseline, data, chip, options.search, options.seed, Journal(path, header, resume=options.resume)
    )
    try:
        return search(evaluator, limits, progress)
    except BudgetNotMetError:
        path.unlink(missing_ok=True)
        raise


def _samples(measured: Measured, data: Dataset, count: int | None) -> tuple[Any, Any]:
    """Return the validation samples as payloads (N, T, *shape) and their labels."""
    chosen = data.test.take(spread_over_activity(measured.activity.total, count))
    (port,) = measured.lowered.program.inputs
    return payloads(port, chosen), chosen.labels[chosen.indices]


def _claim(folder: Path, *, resume: bool) -> None:
    """Make sure that the output folder can be written and holds nothing but an earlier run's files.

    Raises :class:`InputError` (E009).  Without ``resume`` an earlier run's files are removed.
    """
    ours = {PROGRAM, MODEL, SAMPLES, MANIFEST, REPORT, PAGE, JOURNAL}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".spear-deploy"
        probe.touch()
        probe.unlink()
        leftovers = list(folder.glob(".*.part"))  # of a run that was killed while it wrote
        held = {item.name for item in folder.iterdir() if item not in leftovers}
        foreign = sorted(held - ours) or (sorted(held) if not held & {MANIFEST, JOURNAL} else [])
        if foreign:
            message = f"holds files that no deployment left there ({', '.join(foreign[:3])})"
            raise InputError.of("E009", folder, message, "choose an empty folder")
        for item in leftovers if resume else [*leftovers, *(folder / name for name in held)]:
            item.unlink()
    except OSError as error:
        raise InputError.of("E009", folder, f"cannot be written: {error.strerror}", "choose another -o") from error


def _budget(resource: str, limit: float, predicted: float | None, measured: float) -> dict[str, Any]:
    return {
        "resource": resource,
        "limit": limit,
        "predicted": predicted,
        "measured": measured,
        "within": measured <= limit,
    }
