"""A network that collapses on the chip (E066) ends the deployment, unless that is allowed; then it is a note."""

from __future__ import annotations

from dataclasses import replace

from spear_deploy.deployment.work import Work
from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.collapse import AGREEMENT, collapse_findings
from spear_deploy.measure.fidelity import Fidelity
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
