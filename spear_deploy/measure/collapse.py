"""Collapse: the chip's integers no longer do what the float network does.  The findings end a run before the search.

Fine-tuning repairs the effects of pruning, not of quantisation, and a percentage of the SynOps of a silent network
means nothing.  So each finding names the population that causes the collapse, with amounts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from spear_deploy.errors import Finding
from spear_deploy.measure.activity import NOTABLE_ERRORS
from spear_deploy.measure.fidelity import Fidelity, PopulationFidelity

SILENCED = 0.1
"""A population that keeps less than this share of its spikes is silenced."""
AGREEMENT = 0.9
"""Smallest share of samples that float network and chip decide equally."""
DEPARTS = 0.1
"""A population with this deviation departs from float: later ones are then not causes themselves."""
_FEWEST_SPIKES = 20
"""Spikes, over all samples, above which their absence is significant."""
_FEWEST_DIFFERING = 3
"""Decisions above which their difference is significant: of nine samples a single one is 11 %."""
_NOTABLE_WEIGHTS = 0.05
_NOTABLE_CLIPS = 0.001
"""Shares of weights, and of bins, above which they are named as a cause."""
_CAUSES = ("N002", "N003", "N004")
"""Codes of notes on what a population's integers change."""


def collapse_findings(
    fidelity: Fidelity, order: Sequence[str], notes: Sequence[Finding] = (), more_bits: int | None = None
) -> tuple[Finding, ...]:
    """Return findings on what quantisation lost of a network (E066); none if it was kept.

    Args:
        fidelity: of the unpruned network.
        order: names of the populations in order of execution; the loss of one affects later ones.
        notes: what lowering noted.
        more_bits: bits that a weight could have, if it has fewer.
    """
    rows = {row.name: row for row in fidelity.populations}
    order = [name for name in order if name in rows]  # sources of biases are the chip's own
    in_order = [rows[name] for name in order]
    cause = _cause(in_order)
    where = "network" if cause is None else f"population {cause.name!r}"
    origin = _spread(in_order) if cause is None else f"{_spoken(cause)}{_causes(cause, notes)}"
    fix = _fix(cause, more_bits)
    found = []
    for name, text in _silenced(fidelity.samples, rows, order):
        why = _causes(rows[name], notes) + ("" if cause is None or name == cause.name else f"; {origin}")
        found.append(Finding("E066", f"population {name!r}", f"{text}{why}", fix))
    if fidelity.agreement < AGREEMENT and fidelity.differing >= _FEWEST_DIFFERING:
        alike = f"{fidelity.agreement:.1%} of {fidelity.samples} samples are decided as in float"
        message = f"{alike}, {AGREEMENT:.0%} at least is asked for; {origin}"
        numbers = {"value": fidelity.agreement, "limit": AGREEMENT, "at_least": True}
        found.append(Finding("E066", where, message, fix, **numbers))  # type: ignore[arg-type]
    loss, allowed = fidelity.loss, _allowed_loss(fidelity)
    if loss.points > allowed:
        message = (
            f"{loss.points:.2f} points of accuracy are lost on the chip ({fidelity.in_float.accuracy:.2%} to "
            f"{fidelity.on_chip.accuracy:.2%}), {allowed:.2f} are within two standard errors; {origin}"
        )
        found.append(Finding("E066", where, message, fix, value=loss.points, limit=allowed))
    return tuple(found)


def _allowed_loss(fidelity: Fidelity) -> float:
    """Return the points explained by chance: two standard errors of the accuracy, and of the paired differences.

    The paired ones matter if few samples are all classified correctly, those of the accuracy if a few of many samples
    change, all in one direction.
    """
    return NOTABLE_ERRORS * max(fidelity.loss.error, 100 * fidelity.on_chip.accuracy_error)


def _silenced(samples: int, rows: Mapping[str, PopulationFidelity], order: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in order:
        wanted, found = rows[name].float_spikes, rows[name].chip_spikes
        if wanted is None or found is None or wanted * samples < _FEWEST_SPIKES:
            continue
        if found < SILENCED * wanted:
            silenced = "falls silent" if not found else "nearly falls silent"
            yield name, f"{silenced}: {found:,.4g} spikes a sample of {wanted:,.4g} in float"


def _cause(in_order: Sequence[PopulationFidelity]) -> PopulationFidelity | None:
    """Return the first population that departs from its float neurons, or None."""
    return next((row for row in in_order if row.departure >= DEPARTS), None)


def _spread(in_order: Sequence[PopulationFidelity]) -> str:
    """Return the finding that no single population is the cause, with the largest deviation."""
    worst = max(in_order, key=lambda row: row.departure)
    return (
        f"the cause is spread over the network: no population is off by {DEPARTS:.0%}, "
        f"{worst.name!r} by most, {worst.departure:.1%}"
    )


def _own_losses(row: PopulationFidelity) -> Iterator[str]:
    """Yield what quantisation changed in this population itself, not in its input."""
    if row.weights.zeroed >= _NOTABLE_WEIGHTS:
        yield f"{row.weights.zeroed:.1%} of its {row.weights.nonzero:,} weights round to zero"
    if row.weights.clipped is not None and row.weights.clipped >= _NOTABLE_WEIGHTS:
        yield f"{row.weights.clipped:.1%} of its weights are clipped"
    if row.clips is not None and row.clips.membranes >= _NOTABLE_CLIPS * row.clips.bins:
        yield f"its membrane is clipped in {row.clips.membranes / row.clips.bins:.1%} of the bins"
    if row.clips is not None and row.clips.currents:
        yield f"its current wraps in {row.clips.currents / row.clips.bins:.2%} of the bins"


def _causes(row: PopulationFidelity, notes: Sequence[Finding]) -> str:
    named = [f"{n.code} {n.message}" for n in notes if n.code in _CAUSES and repr(row.name) in n.where]
    losses = [*_own_losses(row), *named]
    return f" ({'; '.join(losses)})" if losses else ""


def _spoken(row: PopulationFidelity) -> str:
    if row.float_spikes is None or row.chip_spikes is None:
        error = "" if row.readout_error is None else f": its membranes are off by {row.readout_error:.1%}"
        return f"the cause is readout {row.name!r}{error}"
    moved = f"; neuron by neuron {row.moved:.1%} are too many or too few" if row.departure > row.deviation else ""
    spikes = f"{row.chip_spikes:,.4g} spikes a sample, {row.float_spikes:,.4g} in float"
    return f"the cause is {row.name!r}: {spikes}{moved}"


def _fix(row: PopulationFidelity | None, more_bits: int | None) -> str:
    if more_bits is not None:
        remedy = f"give --weight-bits {more_bits} (weight_bits={more_bits})"
    elif row is None:
        remedy = "retrain with the chip's integers in view"
    elif row.weights.zeroed >= _NOTABLE_WEIGHTS:
        remedy = "retrain with a limit on the largest weights, which leave the others few levels"
    elif row.clips is not None and (row.clips.membranes or row.clips.currents):
        smaller = "shorter time constants, smaller weights" if row.float_spikes is None else "less inhibition"
        remedy = f"retrain with membranes that stay smaller: {smaller}"
    else:
        remedy = "retrain with the chip's integers in view"
    return f"{remedy}; deploy --allow-loss (allow_loss=True) continues anyway"
