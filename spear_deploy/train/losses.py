"""Decision rules in training: the evidence for each class, whose softmax enters the loss.

One function for each rule of :data:`spear_deploy.decision.RULES`.  Sums, largest and last values are differentiable
themselves.  The time of the first spike is expressed by the spikes (several in a step count as one)::

    silent[t] = product over k <= t of (1 - s[k])        1 until the first spike, 0 from then on
    time      = sum over t of silent[t]                  the step of the first spike; T without one

Its gradient at a step is by how much a spike there would advance the first one, or its removal delay it; the surrogate
gradient of the spike carries it to the membrane.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

_LARGEST_LOGIT = 16.0
"""The largest logit of evidence summed over steps: with hundreds, the softmax would have no gradient."""


@dataclass(frozen=True)
class Evidence:
    """Differentiable counterpart of a rule.

    ``of`` maps the output, (T, B, *shape), to evidence (B, n); ``grows``: its size grows with the number of steps.
    """

    of: Callable[[Tensor], Tensor]
    grows: bool


def _total(sent: Tensor) -> Tensor:
    return sent.sum(dim=0).flatten(1)


def _earliness(sent: Tensor) -> Tensor:
    return -(1.0 - sent.clamp(max=1.0)).cumprod(dim=0).sum(dim=0).flatten(1)


def _last(sent: Tensor) -> Tensor:
    return sent[-1].flatten(1)


def _largest(sent: Tensor) -> Tensor:
    return sent.max(dim=0).values.flatten(1)


EVIDENCE: Mapping[str, Evidence] = {
    "count": Evidence(_total, grows=True),
    "first": Evidence(_earliness, grows=True),
    "last": Evidence(_last, grows=False),
    "max": Evidence(_largest, grows=False),
    "sum": Evidence(_total, grows=True),
}
"""The counterpart of every rule."""


def logits(rule: str, sent: Tensor) -> Tensor:
    """Return the logits (B, n) of the output, (T, B, *shape), under the named decision rule."""
    evidence = EVIDENCE[rule]
    scores = evidence.of(sent)
    return scores * min(1.0, _LARGEST_LOGIT / len(sent)) if evidence.grows else scores
