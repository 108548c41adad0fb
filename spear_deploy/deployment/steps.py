"""A deployment as a list of named steps, each with its inputs and outputs.

check -> adapt -> baseline -> search -> bundle -> validate.  Nothing is written before all inputs are known to be
usable.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from spear_deploy.backends import check_runs
from spear_deploy.budgets import set_budgets
from spear_deploy.deadline import Deadline
from spear_deploy.decision import network_rule
from spear_deploy.deployment.adapt import CURED, Retraining, adapt, effect, foreign_neurons
from spear_deploy.deployment.bundle import Origin, write_bundle
from spear_deploy.deployment.data import fit_data
from spear_deploy.deployment.explain import explained
from spear_deploy.deployment.fidelity import (
    known_samples,
    measure_deployed,
    refuse_collapse,
    shares_taken,
    with_rounding_apart,
)
from spear_deploy.deployment.folder import (
    JOURNAL,
    WEIGHTS,
    clear_leftovers,
    clear_weights,
    refuse_folder,
    take_over,
)
from spear_deploy.deployment.memory import held_by_search, memory_outlook
from spear_deploy.deployment.placing import refuse_placer, with_own_rule
from spear_deploy.deployment.verdict import ended_by_time, from_scratch, noticed_on_test, run_aways, still_rising
from spear_deploy.deployment.work import Work
from spear_deploy.errors import BackendError, BudgetNotMetError, InputError, UnsupportedError
from spear_deploy.journal import Journal
from spear_deploy.measure.fidelity import measure_fidelity
from spear_deploy.measure.load import measured_load, placed_by
from spear_deploy.measure.measured import Baseline
from spear_deploy.measure.ranges import input_range
from spear_deploy.measure.runs import measure_float, measure_program, payloads
from spear_deploy.network import Network
from spear_deploy.network.normalisation import fold_transform
from spear_deploy.placement import CURABLE
from spear_deploy.progress import Progress
from spear_deploy.search.checkpoints import Checkpoints
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.goal import Goal
from spear_deploy.search.loop import search
from spear_deploy.search.reference import fine_tuned_reference
from spear_deploy.storage import as_json, writing
from spear_deploy.targets import Compiler, Lowered, compiler_for
from spear_deploy.train.augmentation import refuse_augmentation
from spear_deploy.validate.run import validate_on
from spear_deploy.validate.samples import spread_over_activity
from spear_deploy.versions import versions


@dataclass(frozen=True)
class Step:
    """One step; ``needs`` and ``yields`` are fields of :class:`Work`, ``parts`` what it shows progress of."""

    name: str
    does: str
    needs: tuple[str, ...]
    yields: tuple[str, ...]
    run: Callable[[Work, Progress], Work]
    parts: tuple[str, ...] = ()


def run_steps(work: Work, progress: Progress) -> Work:
    """Run the steps in order, up to and with ``work.options.until``.

    Raises:
        InputError: E005, E006 (data), E007 (weight bits), E008, E015 (decision rule), E009 (output), E012 (journal that
            is not this run's), E018 (an earlier run in the folder).
        UnsupportedError: E021, E030..E037, and E038 for a format to keep to: all findings at once; E066 for a network
            that collapses on the chip, unless that is allowed.

    A budget that even the smallest network is far beyond (E041) is kept in :attr:`Work.unreachable`, and the unpruned
    network delivered; a backend that fails (E060..E062), or refuses the deployed program, in :attr:`Work.failure`.
    """
    execution = replace(work.options.execution, deadline=Deadline.after(work.options.time_limit))
    work = replace(work, options=replace(work.options, execution=execution))
    with execution.applied():
        last = next((n for n, step in enumerate(STEPS, 1) if step.name == work.options.until), len(STEPS))
        for number, step in enumerate(STEPS[:last], 1):
            progress.say(f"step {number} of {last}: {step.name}")
            assert all(getattr(work, name) is not None for name in step.needs), f"{step.name} needs {step.needs}"
            before, start = work, time.perf_counter()
            work = step.run(work, progress)
            seconds = {**work.seconds, step.name: time.perf_counter() - start}
            work = replace(work, done=(*work.done, step.name), seconds=seconds)
            progress.explain(explained(step.name, before, work))
    return work


def _check(work: Work, progress: Progress) -> Work:
    """Fit data and network to each other, lower the network as it came in, and look at the folder."""
    data = fit_data(work.imported.network, work.data)
    network = fold_transform(work.imported.network, data.transform)
    rule = network_rule(network, work.options.search.decide)
    ranges = {network.inputs[0].name: input_range(data)}
    compiler = compiler_for(work.chip, ranges, work.options.lowering)
    refuse_placer(work.options.place, compiler)
    refuse_augmentation(work.options.search.finish.augment, data.shape, data.where)
    work = replace(work, imported=replace(work.imported, network=network), data=data, compiler=compiler, rule=rule)
    adapts = work.options.adapt and bool(foreign_neurons(network, compiler, work.imported))
    first = compiler.adapt(network, work.imported.semantics)[0] if adapts else network
    lowered = _lower(work, compiler, first)
    _refuse_hopeless(work, lowered)
    if work.options.backend is not None:
        check_runs(work.options.backend, lowered.program)
    refuse_folder(work.options.output)
    if work.options.writes and not work.options.force:
        take_over(work.options.output, progress, resume=work.options.resume)
    execution = replace(work.options.execution, held=data.nbytes + held_by_search(first))
    search = work.options.search.suited(counts_zeros=lowered.target.counts_zeros)
    options = replace(work.options, execution=execution, search=search)
    memory = memory_outlook(compiler, first, data.steps, options)
    progress.say(str(memory))
    return replace(work, lowered=lowered, options=options, memory=memory)


def _lower(work: Work, compiler: Compiler, network: Network) -> Lowered:
    """Lower the network; say what its neurons would do as the chip's own where they are refused."""
    try:
        return compiler.lower(network)
    except UnsupportedError as error:
        foreign = foreign_neurons(network, compiler, work.imported)
        if not foreign or not {f.code for f in error.findings} & CURED:
            raise
        options = work.options
        measured = effect(work.imported, compiler, work.data, options.execution, options.search.decide)
        raise UnsupportedError([*error.findings, measured]) from error


def _refuse_hopeless(work: Work, lowered: Lowered) -> None:
    """Refuse what no pruning can cure, and what the requested export format cannot hold."""
    hopeless = [finding for finding in lowered.placement.findings if finding.code not in CURABLE]
    if work.options.lowering.keep_to is not None:
        hopeless += lowered.target.exporters[work.options.lowering.keep_to].findings(lowered.program)
    if hopeless:
        raise UnsupportedError(hopeless)


def _adapt(work: Work, progress: Progress) -> Work:
    """Give the network the chip's own neuron, where that is asked for and changes anything."""
    compiler, options = work.compiler, work.options
    assert compiler is not None
    if not options.adapt or not foreign_neurons(work.imported.network, compiler, work.imported):
        return work
    retraining = Retraining(work.imported, compiler, work.data, options.execution, options.search.decide)
    with progress.step("rate of adapting") as tick:
        rate = retraining.rate(options.search, tick)
    with progress.step("adapt") as tick:
        imported, adaptation = adapt(retraining, replace(options.search.finish, learning_rate=rate), tick)
    lowered = compiler.lower(imported.network)
    notes = (*work.notes, *run_aways(retraining.ran_away))
    return replace(work, imported=imported, adaptation=adaptation, given=retraining.given, lowered=lowered, notes=notes)


def _measure_baseline(work: Work, progress: Progress) -> Work:
    """Measure the unpruned network in float and on the chip, and set the budgets."""
    network, data, execution, lowered = work.imported.network, work.data, work.options.execution, work.lowered
    assert lowered is not None
    assert work.compiler is not None
    decide, program = work.options.search.decide, lowered.program
    with progress.step("baseline") as tick:
        fidelity = measure_fidelity(network, lowered, data.test, execution, tick=tick, decide=decide)
        on_val = (
            measure_float(network, data.val, execution, decide=decide, counted=program.counted),
            measure_program(program, data.val, execution, decide=decide),
        )
        load = partial(measured_load, program, lowered.placement, on_val[1], data.steps)
        placed = placed_by(work.options.place, work.compiler, lowered, load)
        baseline = Baseline(network, placed, *on_val, fidelity.in_float, fidelity.on_chip, given=work.given)
        baseline = with_rounding_apart(baseline, data.val, execution)
    silent = {"test": fidelity.in_float, "validation": baseline.float_val}
    if parts := [part for part, activity in silent.items() if activity.mean_synops == 0]:
        message = f"the network does not fire on its {' and '.join(parts)} samples"
        raise InputError.of("E005", data.where, message, "check --semantics, --dt and the coding of the data")
    collapse = refuse_collapse(work, fidelity)
    if baseline.chip_val.mean_synops == 0:
        message = "no spike of the network in the chip's integers meets a synapse: nothing is left to prune"
        raise UnsupportedError.of("E066", "network", message, "retrain with a limit on the largest weights")
    goal = Goal(set_budgets(work.options.budgets, baseline, work.chip), baseline, work.options.confidence)
    notes = (*work.notes, *collapse, *known_samples(baseline), *shares_taken(work, baseline))
    return replace(work, baseline=baseline, goal=goal, fidelity=fidelity, notes=notes)


def _search(work: Work, progress: Progress) -> Work:
    """Search unless the unpruned network is within the budgets already."""
    baseline, goal, compiler, options = work.baseline, work.goal, work.compiler, work.options
    assert baseline is not None
    assert goal is not None
    assert compiler is not None
    clear_leftovers(options.output)
    path = options.output / JOURNAL
    if not goal.needs_search(baseline.measured):
        with writing(path):
            path.unlink(missing_ok=True)
        return _unpruned(work, baseline)
    journal = Journal(path, _identity(work), resume=options.resume)
    checkpoints = Checkpoints(journal, options.output / WEIGHTS)
    evaluator = Evaluator(baseline, work.data, compiler, options.search, options.execution, checkpoints, options.place)
    try:
        found = search(evaluator, goal, progress)
    except BudgetNotMetError as error:
        with writing(path):
            path.unlink(missing_ok=True)
        return replace(_unpruned(work, baseline), unreachable=error)
    cut_short = options.execution.deadline.passed
    chosen = found.candidate
    with progress.step("test") as tick:
        on_test = baseline.on_test(chosen.measured.lowered, evaluator.measure_on_test(chosen.measured.lowered, tick))
    reference = fine_tuned_reference(chosen, on_test.activity, evaluator, progress)
    work = replace(work, search=found, reference=reference, measured=chosen.measured, on_test=on_test)
    work = with_own_rule(replace(work, kept=chosen.option.kept))
    ended = ended_by_time(work) if cut_short else still_rising(found.rising)
    trained = (*run_aways(evaluator.ran_away), *from_scratch(found, options.search.method))
    return replace(work, notes=(*work.notes, *trained, *noticed_on_test(work), *ended))


def _unpruned(work: Work, baseline: Baseline) -> Work:
    """Deliver the network as it came in."""
    on_test = baseline.on_test(baseline.lowered, baseline.chip_test)
    work = with_own_rule(replace(work, measured=baseline.measured, on_test=on_test))
    return replace(work, notes=(*work.notes, *noticed_on_test(work)))


def _identity(work: Work) -> dict[str, Any]:
    """Return what the journal's verdicts depend on."""
    baseline, goal, compiler, options = work.baseline, work.goal, work.compiler, work.options
    assert baseline is not None
    assert goal is not None
    assert compiler is not None
    return {
        "network": baseline.network.content_hash,
        "semantics": work.imported.semantics.to_json(),
        **compiler.identity,
        "data": [work.data.name, work.data.fingerprint],
        "limits": {budget.resource.name: budget.limit for budget in goal.budgets},
        "confidence": goal.confidence,
        "place": options.place,
        **options.execution.identity,
        "search": as_json(asdict(options.search)),
        "versions": versions(),
    }


def _bundle(work: Work, progress: Progress) -> Work:
    """Write the bundle, and measure how faithful the deployed network is."""
    measured, on_test, goal, data, options = work.measured, work.on_test, work.goal, work.data, work.options
    assert measured is not None
    assert on_test is not None
    assert goal is not None
    assert work.rule is not None
    program = measured.lowered.program
    with progress.step("bundle"):
        chosen = data.test.take(spread_over_activity(on_test.activity.total, options.validate_samples))
        (port,) = program.inputs
        samples = (payloads(port, chosen), chosen.labels[chosen.indices])
        facts = {
            "data": data.name,
            "data_fingerprint": data.fingerprint,
            "decide": work.rule.name,
            "seed": options.execution.seed,
            "threads": options.execution.threads,
            "limits": {budget.resource.name: budget.limit for budget in goal.budgets},
        }
        origin = Origin(measured.network, work.imported.semantics, work.kept, facts)
        bundle = write_bundle(options.output, program, samples, origin)
        clear_weights(options.output)
    return measure_deployed(replace(work, bundle=bundle), progress)


def _validate(work: Work, progress: Progress) -> Work:
    """Prove the program on a backend; one that fails is kept: the search is worth a report all the same."""
    bundle, options = work.bundle, work.options
    assert bundle is not None
    if options.backend is None or work.unreachable is not None:
        return work
    try:
        with progress.step("validate") as tick:
            decide, jobs = options.search.decide, options.execution.jobs
            how: dict[str, Any] = {"timeout": options.backend_timeout, "tick": tick, "decide": decide, "jobs": jobs}
            proof = validate_on(options.backend, bundle.program, bundle.x, bundle.y, **how)
        return replace(work, proof=proof)
    except (BackendError, UnsupportedError) as error:
        return replace(work, failure=error)


STEPS = (
    Step(
        "check",
        "fit the data and the network to each other, lower the network, find all that does not fit",
        (),
        ("imported", "data", "compiler", "lowered", "rule", "memory"),
        _check,
    ),
    Step(
        "adapt",
        "give the network the chip's own neuron, with --adapt",
        ("compiler", "lowered"),
        ("imported", "adaptation", "lowered"),
        _adapt,
        ("adapt",),
    ),
    Step(
        "baseline",
        "measure the unpruned network, in float and on the chip; a collapse ends the run",
        ("lowered", "compiler"),
        ("baseline", "fidelity", "goal"),
        _measure_baseline,
        ("baseline",),
    ),
    Step(
        "search",
        "prune until the measured budgets are met",
        ("baseline", "goal", "compiler"),
        ("search", "reference", "measured", "on_test", "kept"),
        _search,
        ("importance", "rate", "gradual", "search", "compare", "close", "test", "reference"),
    ),
    Step(
        "bundle",
        "write program, model and samples; measure float beside chip",
        ("measured", "on_test", "goal"),
        ("bundle", "deployed", "distributions"),
        _bundle,
        ("bundle", "fidelity"),
    ),
    Step(
        "validate",
        "compare a backend with the emulator, spike by spike",
        ("bundle",),
        ("proof", "failure"),
        _validate,
        ("validate",),
    ),
)
"""The steps in order."""
