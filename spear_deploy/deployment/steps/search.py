"""The step ``search``: prune until the measured budgets are met, unless the unpruned network is within them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any

from spear_deploy.deployment.folder import JOURNAL, WEIGHTS, clear_leftovers
from spear_deploy.deployment.notes import ended_by_time, from_scratch, noticed_on_test, run_aways, still_rising
from spear_deploy.deployment.placing import with_own_rule
from spear_deploy.deployment.steps.step import Step, accuracy_and_synops
from spear_deploy.deployment.work import Work
from spear_deploy.errors import BudgetNotMetError
from spear_deploy.journal import Journal
from spear_deploy.measure.measured import Baseline
from spear_deploy.progress import Progress
from spear_deploy.search.checkpoints import Checkpoints
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.goal import Goal
from spear_deploy.search.loop import SearchResult, search
from spear_deploy.search.reference import fine_tuned_reference
from spear_deploy.storage import as_json, writing
from spear_deploy.targets import Compiler
from spear_deploy.versions import versions


def _search(work: Work, progress: Progress) -> Work:
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
    journal = Journal(path, _identity(work, baseline, goal, compiler), resume=options.resume)
    checkpoints = Checkpoints(journal, options.output / WEIGHTS)
    evaluator = Evaluator(baseline, work.data, compiler, options.search, options.execution, checkpoints, options.place)
    try:
        found = search(evaluator, goal, progress)
    except BudgetNotMetError as error:
        with writing(path):
            path.unlink(missing_ok=True)
        return replace(_unpruned(work, baseline), unreachable=error)
    return _delivered(work, baseline, found, evaluator, progress)


def _delivered(work: Work, baseline: Baseline, found: SearchResult, evaluator: Evaluator, progress: Progress) -> Work:
    """Measure what the search delivers on the test samples, beside the unpruned network fine-tuned as long."""
    options, chosen = work.options, found.candidate
    cut_short = options.execution.deadline.passed
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


def _identity(work: Work, baseline: Baseline, goal: Goal, compiler: Compiler) -> dict[str, Any]:
    """Return everything that the journal's results depend on: a run that differs in any of it cannot resume."""
    options = work.options
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


def _explain(work: Work) -> Iterator[str]:
    found = work.search
    assert work.on_test is not None
    if found is not None:
        yield f"learning rate: {found.rate:.3g}; networks judged: {found.episodes}"
        for name, reason in found.frozen.items():
            yield f"not pruned: {name}, {reason}"
        for each in found.compared:
            yield f"compared {each.option.of}: {_units(each.option.kept)}; {accuracy_and_synops(each.measured.val)}"
        yield f"delivered, from {found.candidate.option.of}: {_units(found.candidate.option.kept)}"
    yield f"on the test samples: {accuracy_and_synops(work.on_test.activity)}"


def _units(kept: Mapping[str, Iterable[object]]) -> str:
    return "units " + ", ".join(f"{name} {len(list(units))}" for name, units in kept.items())


STEP = Step(
    "search",
    "prune until the measured budgets are met",
    needs=("baseline", "goal", "compiler"),
    yields=("search", "reference", "measured", "on_test", "kept"),
    run=_search,
    explain=_explain,
    parts=("importance", "rate", "gradual", "search", "compare", "close", "test", "reference"),
)
