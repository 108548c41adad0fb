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

from spear_deploy.data import Split
from spear_deploy.execution import Execution
from spear_deploy.network import Network
from spear_deploy.network.fan_out import fan_outs
from spear_deploy.progress import Tick
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.simulate.tensors import to_tensor
from spear_deploy.train.config import FinetuneConfig

_LARGEST_COUNT = 16.0
"""Spikes of an output neuron that fires in every step, as a logit."""


def finetune(
    network: Network,
    split: Split,
    config: FinetuneConfig,
    *,
    seed: int,
    execution: Execution | None = None,
    teacher: Network | None = None,
    synops_target: float | None = None,
    tick: Tick | None = None,
) -> Network:
    """Return the network fine-tuned on a split; ``seed`` shuffles it.

    ``synops_target`` is the mean SynOps a sample to press towards, counted on the float network.
    ``epochs`` may be a fraction: that share of the split is seen.
    """
    device = (execution or Execution()).device
    rng = np.random.default_rng(seed)
    (port,) = network.inputs
    student = FloatSimulator(network).to(device)
    objective = _Objective(network, config, device, teacher, synops_target)
    optimiser = torch.optim.Adam(student.parameters(), lr=config.learning_rate)
    total = config.steps(len(split))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, total)
    done = 0
    while done < total:
        for x, labels in split.batches(config.batch, rng):
            inputs = {port.name: to_tensor(x, device)}
            loss = objective(inputs, student(inputs), torch.from_numpy(labels).to(device))
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


class _Objective:
    """The loss of a batch; its multiplier of the SynOps term moves with each."""

    def __init__(
        self, network: Network, config: FinetuneConfig, device: str, teacher: Network | None, target: float | None
    ) -> None:
        self._output, self._config, self._target = network.outputs[0], config, target
        self._teacher: FloatSimulator | None = None
        if teacher is not None and config.distillation:
            self._teacher = FloatSimulator(teacher).requires_grad_(False).to(device)
        self._meter = None if target is None else _SynopsMeter(network, device)
        self._multiplier = 0.0

    def __call__(self, inputs: dict[str, Tensor], out: dict[str, Tensor], labels: Tensor) -> Tensor:
        """Return the loss of what the student did on ``inputs``."""
        scores = _scores(out[self._output])
        loss = functional.cross_entropy(scores, labels)
        if self._teacher is not None:
            taught = _scores(self._teacher(inputs)[self._output])
            loss = loss + self._config.distillation * _distance(scores, taught)
        if self._meter is not None and self._target is not None:
            excess = self._meter(inputs, out) / self._target - 1.0
            loss = loss + self._multiplier * excess + self._config.penalty / 2 * functional.relu(excess) ** 2
            self._multiplier = max(0.0, self._multiplier + self._config.dual_step * float(excess.detach()))
        return loss


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

    def __init__(self, network: Network, device: str) -> None:
        self._weights: dict[str, Tensor] = {}
        for fan in fan_outs(network.synapses, network.shapes):
            weight = torch.tensor(fan.nonzero, dtype=torch.float32, device=device)
            self._weights[fan.source] = self._weights.get(fan.source, torch.zeros_like(weight)) + weight

    def __call__(self, inputs: dict[str, Tensor], out: dict[str, Tensor]) -> Tensor:
        total = next(iter(out.values())).new_zeros(())
        for name, weight in self._weights.items():
            events = out[name] if name in out else (inputs[name] != 0).float()
            total = total + (events.flatten(2).sum(dim=0) @ weight).mean()
        return total
