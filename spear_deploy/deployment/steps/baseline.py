"""The step ``baseline``: measure the unpruned network in float and on the chip, and set the budgets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from spear_deploy.budgets import set_budgets
from spear_deploy.data import Split
from spear_deploy.deployment.collapse import refuse_collapse
from spear_deploy.deployment.notes import known_samples, shares_taken
from spear_deploy.deployment.steps.step import Step, accuracy_and_synops
from spear_deploy.deployment.work import Work
from spear_deploy.errors import InputError, UnsupportedError
from spear_deploy.execution import Execution
from spear_deploy.measure.fidelity import measure_fidelity
from spear_deploy.measure.load import measured_load, placed_by
from spear_deploy.measure.measured import Baseline
from spear_deploy.measure.runs import measure_float, measure_program, measure_reference
from spear_deploy.progress import Progress
from spear_deploy.search.goal import Goal


def _measure_baseline(work: Work, progress: Progress) -> Work:
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
    _refuse_silent_in_float(baseline, data.where)
    collapse = refuse_collapse(work, fidelity)
    _refuse_silent_on_chip(baseline)
    goal = Goal(set_budgets(work.options.budgets, baseline, work.chip), baseline, work.options.confidence)
    notes = (*work.notes, *collapse, *known_samples(baseline), *shares_taken(work, baseline))
    return replace(work, baseline=baseline, goal=goal, fidelity=fidelity, notes=notes)


def with_rounding_apart(baseline: Baseline, split: Split, execution: Execution) -> Baseline:
    """Return the baseline with the SynOps of its integers under the float network's dynamics, where these differ.

    They may where the chip's activity differs from the float network's; elsewhere the baseline is returned unchanged.
    """
    if baseline.works_alike:
        return baseline
    rounded = measure_reference(baseline.lowered.program, split, execution)
    return replace(baseline, rounded_val=rounded.mean_synops)


def _refuse_silent_in_float(baseline: Baseline, where: str) -> None:
    """Raise :class:`InputError` (E005) for a network whose spikes cross no synapse in float."""
    of_parts = {"test": baseline.float_test, "validation": baseline.float_val}
    if silent := [part for part, activity in of_parts.items() if activity.mean_synops == 0]:
        message = f"the network does not fire on its {' and '.join(silent)} samples"
        raise InputError.of("E005", where, message, "check --semantics, --dt and the coding of the data")


def _refuse_silent_on_chip(baseline: Baseline) -> None:
    """Raise :class:`UnsupportedError` (E066) for a network whose spikes cross no synapse on the chip."""
    if baseline.chip_val.mean_synops == 0:
        message = "no spike of the network in the chip's integers meets a synapse: nothing is left to prune"
        raise UnsupportedError.of("E066", "network", message, "retrain with a limit on the largest weights")


def _explain(work: Work) -> Iterator[str]:
    baseline, goal = work.baseline, work.goal
    assert baseline is not None
    assert goal is not None
    of_parts = {
        "float, validation": baseline.float_val,
        "chip, validation": baseline.chip_val,
        "float, test": baseline.float_test,
        "chip, test": baseline.chip_test,
    }
    for name, activity in of_parts.items():
        yield f"unpruned in {name}: {accuracy_and_synops(activity)}"
    for budget in goal.budgets:
        share = "" if budget.share is None else f", {budget.share:.4g} of the unpruned network's"
        yield f"budget {budget.resource.name}: {budget.resource.sense} {budget.limit:,.6g}{share}"
    yield f"search: {'is needed' if goal.needs_search(baseline.measured) else 'none, it is within the budgets'}"


STEP = Step(
    "baseline",
    "measure the unpruned network, in float and on the chip; a collapse ends the run",
    needs=("lowered", "compiler"),
    yields=("baseline", "fidelity", "goal"),
    run=_measure_baseline,
    explain=_explain,
    parts=("baseline",),
)
