"""Decision rules: how a class is read from the output population, in one table for everything that judges decisions.

The float network, the emulator, a backend's recording and the scoring of the search all score the output with
:attr:`DecisionRule.score` and take the class of the highest score, the lowest index of equal ones: outputs that fire
first in the same step tie, since a firing neuron does not send its membrane.  Scores of a chip's integers have another
unit than those of the float network; only their order counts.  Fine-tuning uses differentiable counterparts
(:mod:`spear_deploy.train.losses`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import InputError

if TYPE_CHECKING:
    from spear_deploy.network import Network
    from spear_deploy.targets import Program

Scores: TypeAlias = NDArray[np.float64]
Reads: TypeAlias = Literal["spikes", "membrane"]


@dataclass(frozen=True)
class DecisionRule:
    """One way to read a class.

    Attributes:
        name: its name for ``--decide`` and ``decide=``.
        text: a description of the winning output.
        reads: the kind of output it needs: spikes, or the membrane of a readout.
        score: maps the output, (T, B, *shape), to a score of each class, (B, *shape).
    """

    name: str
    text: str
    reads: Reads
    score: Callable[[NDArray[Any]], Scores]


def _total(sent: NDArray[Any]) -> Scores:
    total: Scores = sent.sum(axis=0, dtype=np.float64)
    return total


def _earliness(sent: NDArray[Any]) -> Scores:
    """Score the first spike by its step t: -t, or -T if the output never fires."""
    fired = sent != 0
    scores: Scores = -np.where(fired.any(axis=0), fired.argmax(axis=0), len(sent)).astype(np.float64)
    return scores


def _last(sent: NDArray[Any]) -> Scores:
    last: Scores = sent[-1].astype(np.float64)
    return last


def _largest(sent: NDArray[Any]) -> Scores:
    largest: Scores = sent.max(axis=0).astype(np.float64)
    return largest


RULES: Mapping[str, DecisionRule] = {
    rule.name: rule
    for rule in (
        DecisionRule("count", "the output with the most spikes", "spikes", _total),
        DecisionRule(
            "first",
            "the output that fires first; one that never fires comes last",
            "spikes",
            _earliness,
        ),
        DecisionRule("last", "the readout with the highest membrane in the last step", "membrane", _last),
        DecisionRule("max", "the readout whose membrane rises highest in any step", "membrane", _largest),
        DecisionRule("sum", "the readout with the highest membrane summed over the steps", "membrane", _total),
    )
}
"""All rules by name."""

DEFAULTS: Mapping[Reads, str] = {"spikes": "count", "membrane": "sum"}
"""The default rule by kind of output."""


def network_rule(network: Network, name: str | None = None) -> DecisionRule:
    """Return the rule for a network's (first) output; see :func:`choose_rule`."""
    output = network.outputs[0]
    return choose_rule(name, output, is_readout=any(p.name == output and p.neuron.is_readout for p in network.neurons))


def program_rule(program: Program, name: str | None = None) -> DecisionRule:
    """Return the rule for a program's (first) output; see :func:`choose_rule`."""
    output = program.outputs[0]
    return choose_rule(name, output, is_readout=any(p.name == output and p.is_readout for p in program.populations))


def choose_rule(name: str | None, output: str, *, is_readout: bool) -> DecisionRule:
    """Return the rule of that name; if it is None, the default for this kind of output.

    Raises :class:`InputError`: E008 for an unknown name, E015 for a rule that does not suit the output.
    """
    reads: Reads = "membrane" if is_readout else "spikes"
    if name is None:
        return RULES[DEFAULTS[reads]]
    fitting = ", ".join(rule.name for rule in RULES.values() if rule.reads == reads)
    if name not in RULES:
        raise InputError.of("E008", f"--decide {name}", "there is no such rule", f"for this output: {fitting}")
    rule = RULES[name]
    if rule.reads != reads:
        sends = "is a readout, which never fires" if is_readout else "fires: its membrane is not sent"
        message = f"it reads the {rule.reads} of the output, but {output!r} {sends}"
        raise InputError.of("E015", f"--decide {name}", message, f"one of: {fitting}; or leave it out")
    return rule
