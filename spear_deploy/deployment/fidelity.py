"""Fidelity in a deployment: a collapse ends it, unless it is allowed; then it becomes a note."""

from __future__ import annotations

from dataclasses import replace
from math import hypot

from spear_deploy.data import Split
from spear_deploy.deployment.work import Work
from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.execution import Execution
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.collapse import AGREEMENT, collapse_findings
from spear_deploy.measure.course import measure_course
from spear_deploy.measure.distributions import measure_distributions
from spear_deploy.measure.fidelity import Fidelity, measure_fidelity
from spear_deploy.measure.measured import Baseline
from spear_deploy.measure.runs import measure_reference
from spear_deploy.progress import Progress
from spear_deploy.targets import Compiler, InputRange, Lowered, LoweringOptions, compiler_for


def collapse_of(fidelity: Fidelity, lowered: Lowered, compiler: Compiler) -> tuple[Finding, ...]:
    """Return what the unpruned network lost on its way to the chip's integers (E066)."""
    order = [population.name for population in lowered.program.populations]
    ranges = {port.name: InputRange() for port in lowered.program.inputs}
    most = compiler_for(compiler.chip, ranges, LoweringOptions()).weight_bits
    return collapse_findings(fidelity, order, lowered.notes, most if most > compiler.weight_bits else None)


def refuse_collapse(work: Work, fidelity: Fidelity) -> tuple[Finding, ...]:
    """Raise :class:`UnsupportedError` (E066) for a network that collapses; return the findings if that is allowed.

    One that was adapted was trained as the chip computes: that it does otherwise in float says nothing against it, as
    long as the chip keeps nine tenths of the accuracy of the network as it came in.
    """
    assert work.lowered is not None
    assert work.compiler is not None
    findings = collapse_of(fidelity, work.lowered, work.compiler)
    given = work.given
    kept = given is not None and fidelity.on_chip.accuracy >= AGREEMENT * given.accuracy
    if findings and given is not None and not kept:
        findings = (_lost_by_adapting(given, fidelity), *(replace(each, fix="") for each in findings))
    if findings and not (work.options.allow_loss or kept):
        raise UnsupportedError(findings)
    return tuple(replace(finding, severity="note") for finding in findings)


def _lost_by_adapting(given: Activity, fidelity: Fidelity) -> Finding:
    """Return what an adapted network lost of the one that came in, and what helps: it has been retrained already."""
    message = (
        f"with the chip's own neurons, and fine-tuned, it decides {fidelity.on_chip.accuracy:.2%} of "
        f"{fidelity.samples} samples rightly on the chip, {given.accuracy:.2%} as it came in; "
        f"{AGREEMENT:.0%} of that at least is asked for"
    )
    fix = (
        "give a larger --epochs (epochs=), or a chip that has its neurons (inspect --chip all); "
        "deploy --allow-loss (allow_loss=True) goes on all the same"
    )
    least = AGREEMENT * given.accuracy
    return Finding("E066", "network", message, fix, value=fidelity.on_chip.accuracy, limit=least, at_least=True)


def with_rounding_apart(baseline: Baseline, split: Split, execution: Execution) -> Baseline:
    """Return a baseline that tells what its integers do as the family's simulator computes, where that may matter.

    It does where the chip does not do the float network's work.
    """
    if baseline.works_alike:
        return baseline
    rounded = measure_reference(baseline.lowered.program, split, execution)
    return replace(baseline, rounded_val=rounded.mean_synops)


_KNOWN = 3.0
"""Standard errors by which validation samples are answered better than test samples that the network seems to know."""


def known_samples(baseline: Baseline) -> tuple[Finding, ...]:
    """Note that the network seems to have been trained on the validation samples (N043), which it decides better.

    What a smaller network loses there first is what was memorised, which no new sample needs.
    """
    val, test = baseline.float_val, baseline.float_test
    error = hypot(val.accuracy_error, test.accuracy_error) or 1 / len(test.labels)
    ahead = val.accuracy - test.accuracy
    if ahead <= _KNOWN * error:
        return ()
    message = (
        f"the network as it came in answers {val.accuracy:.2%} of the validation samples rightly and "
        f"{test.accuracy:.2%} of the test samples, {ahead / error:.1f} standard errors apart: it was probably trained "
        "on them, for they are drawn from the training samples; what pruning loses there is partly what was memorised"
    )
    fix = "give training samples that it has not seen, or allow a larger --max-drop: test tells what new samples lose"
    return (Finding("N043", "validation samples", message, fix, "note"),)


def shares_taken(work: Work, baseline: Baseline) -> tuple[Finding, ...]:
    """Note which network a budget in per cent refers to, if it makes a difference (N010)."""
    relative = [asked for asked in work.options.budgets if asked.relative and asked.resource.percentage_of is not None]
    if baseline.works_alike or not relative:
        return ()
    options = ", ".join(asked.resource.option for asked in relative)
    message = (
        f"the unpruned network does {baseline.float_val.mean_synops:,.0f} SynOps a sample in float and "
        f"{baseline.chip_val.mean_synops:,.0f} on the chip; the percentage is a share of the former"
    )
    return (Finding("N010", options, message, "give the budget as a number to be independent of both", "note"),)


def measure_deployed(work: Work, progress: Progress) -> Work:
    """Measure how faithful the deployed network is, and the distributions of its weights and membranes."""
    measured, test, execution = work.measured, work.data.test, work.options.execution
    assert measured is not None
    with progress.step("fidelity") as tick:
        deployed = work.fidelity
        if work.search is not None or deployed is None:
            network, lowered, decide = measured.network, measured.lowered, work.options.search.decide
            deployed = measure_fidelity(network, lowered, test, execution, tick=tick, decide=decide)
        distributions = measure_distributions(measured.network, measured.lowered, test, execution)
        assert work.rule is not None
        course = measure_course(measured.network, measured.lowered, test, work.rule, execution)
    return replace(work, deployed=deployed, distributions=distributions, course=course)
