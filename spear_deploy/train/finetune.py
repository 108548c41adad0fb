"""Fine-tuning with surrogate gradients, optionally under a SynOps budget by dual ascent.

Loss: cross-entropy of the output scores, plus knowledge distillation from the unpruned network, plus the
augmented Lagrangian of the constraint ``g = SynOps / target - 1 <= 0``::

    loss += lambda * g + rho / 2 * max(0, g)^2          lambda <- max(0, lambda + eta * g) after each batch

so that it presses while the network spends more than the target and lets go when it does not.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from spear_deploy.data.datasets import Split
from spear_deploy.measure.runs import to_tensor
from spear_deploy.measure.synops import fan_outs
from spear_deploy.network import Network
from spear_deploy.network.synapses import compose
from spear_deploy.progress import Tick
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.train.config import Recipe

_LARGEST_COUNT = 16.0
"""Spikes of an output neuron that fires in every step, as a logit."""


def finetune(
    network: Network,
    split: Split,
    recipe: Recipe,
    *,
    seed: int,
    teacher: Network | None = None,
    synops_target: float | None = None,
    tick: Tick | None = None,
) -> Network:
    """Return the network fine-tuned on a split.

    ``synops_target`` is the mean SynOps a sample to press towards, counted on the float network.
    ``epochs`` may be a fraction: that share of the split is seen.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    (port,) = network.inputs
    student = FloatSimulator(network)
    master = FloatSimulator(teacher).requires_grad_(False) if teacher is not None else None
    meter = _SynopsMeter(network) if synops_target is not None else None
    optimiser = torch.optim.Adam(student.parameters(), lr=recipe.learning_rate)
    total = recipe.steps(len(split))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, total)
    multiplier, done = 0.0, 0
    while done < total:
        for x, labels in split.batches(recipe.batch, rng):
            inputs = {port.name: to_tensor(x)}
            out = student(inputs)
            scores = _scores(out[network.outputs[0]])
            loss = functional.cross_entropy(scores, torch.from_numpy(labels))
            if master is not None and recipe.distillation:
                loss = loss + recipe.distillation * _distance(scores, _scores(master(inputs)[network.outputs[0]]))
            if meter is not None and synops_target is not None:
                excess = meter(inputs, out) / synops_target - 1.0
                loss = loss + multiplier * excess + recipe.penalty / 2 * functional.relu(excess) ** 2
                multiplier = max(0.0, multiplier + recipe.dual_step * float(excess.detach()))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            done += 1
            if tick:
                tick(done, total)
            if done == total:
                break
    return student.to_network()


def _scores(out: Tensor) -> Tensor:
    """Sum over time, spike counts or the summed membrane of a readout, as logits.

    Counts of many steps would be logits of hundreds, whose softmax has no gradient left: they are scaled down.
    """
    return out.sum(dim=0).flatten(1) * min(1.0, _LARGEST_COUNT / len(out))


def _distance(scores: Tensor, target: Tensor) -> Tensor:
    log_p, log_q = functional.log_softmax(scores, 1), functional.log_softmax(target, 1)
    return functional.kl_div(log_p, log_q, log_target=True, reduction="batchmean")


class _SynopsMeter:
    """Differentiable mean SynOps a sample: spikes times fan-out."""

    def __init__(self, network: Network) -> None:
        shapes = {p.name: p.shape for p in network.populations}
        self._weights: dict[str, Tensor] = {}
        for fan in fan_outs(compose(network), shapes):
            weight = torch.tensor(fan.nonzero, dtype=torch.float32)
            self._weights[fan.source] = self._weights.get(fan.source, torch.zeros(())) + weight

    def __call__(self, inputs: dict[str, Tensor], out: dict[str, Tensor]) -> Tensor:
        total = torch.zeros(())
        for name, weight in self._weights.items():
            events = out[name] if name in out else (inputs[name] != 0).float()
            total = total + (events.flatten(2).sum(dim=0) @ weight).mean()
        return total
