"""The learning rate of fine-tuning: the best of a few short runs.

Rates are halved from the highest down as long as the loss on the validation samples falls.  The learning rate matters
more for a pruned network's accuracy than anything else that was tried, and no value suits all networks
(docs/search.md).  Where the chip's answers differ from the float network's, the runs use the chip's arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from spear_deploy.network import Network
from spear_deploy.progress import Tick
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.loss import calibrated_loss, mean_loss

_LOWEST, _HIGHEST = 6e-4, 1e-2
"""Short runs favour large rates: above the highest, long runs lost 3 to 9 points where short runs had gained."""
_SAMPLES = 512


def find_rate(evaluator: Evaluator, network: Network, tick: Tick) -> float:
    """Return the learning rate at which a short run lowers the loss of a pruned network most."""
    options = evaluator.options
    if options.rate is not None:
        return options.rate
    split = evaluator.data.val.some(_SAMPLES)

    def loss_at(rate: float) -> float:
        tuned = evaluator.tune_roughly(network, replace(options.trial, learning_rate=rate))
        if evaluator.baseline.answers_alike:
            return mean_loss(tuned, split, evaluator.execution, options.decide)
        return calibrated_loss(evaluator.measure(tuned).val)

    return lowest_loss(loss_at, tick)


def lowest_loss(loss_at: Callable[[float], float], tick: Tick) -> float:
    """Return the first rate, from the highest down, whose half gives no lower loss after a short run."""
    best, losses = _HIGHEST, dict[float, float]()

    def loss_of(rate: float) -> float:
        if rate not in losses:
            losses[rate] = loss_at(rate)
            tick(len(losses), max(3, len(losses)))
        return losses[rate]

    while best / 2 >= _LOWEST and loss_of(best / 2) < loss_of(best):
        best /= 2
    return best
