"""Collapse (E066): a network that loses its accuracy on the chip ends the deployment, unless that is allowed."""

from __future__ import annotations

from dataclasses import replace

from spear_deploy.deployment.work import Work
from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.collapse import AGREEMENT, collapse_findings
from spear_deploy.measure.fidelity import Fidelity
from spear_deploy.targets import Compiler, InputRange, Lowered, LoweringOptions, compiler_for


def collapse_of(fidelity: Fidelity, lowered: Lowered, compiler: Compiler) -> tuple[Finding, ...]:
    """Return findings (E066) on what the unpruned network lost in the chip's integers."""
    order = [population.name for population in lowered.program.populations]
    ranges = {port.name: InputRange() for port in lowered.program.inputs}
    most = compiler_for(compiler.chip, ranges, LoweringOptions()).weight_bits
    return collapse_findings(fidelity, order, lowered.notes, most if most > compiler.weight_bits else None)


def refuse_collapse(work: Work, fidelity: Fidelity) -> tuple[Finding, ...]:
    """Raise :class:`UnsupportedError` (E066) for a network that collapses; return the findings if that is allowed.

    An adapted network was trained with the chip's arithmetic, so it may behave differently in float, as long as the
    chip keeps nine tenths of the given network's accuracy.
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
    """Return the finding on an adapted network that is much less accurate than the given one."""
    message = (
        f"with the chip's own neurons, and fine-tuned, it classifies {fidelity.on_chip.accuracy:.2%} of "
        f"{fidelity.samples} samples correctly on the chip, {given.accuracy:.2%} before; "
        f"{AGREEMENT:.0%} of that is required"
    )
    fix = (
        "give a larger --epochs (epochs=), or a chip that has its neurons (inspect --chip all); "
        "deploy --allow-loss (allow_loss=True) continues anyway"
    )
    least = AGREEMENT * given.accuracy
    return Finding("E066", "network", message, fix, value=fidelity.on_chip.accuracy, limit=least, at_least=True)
