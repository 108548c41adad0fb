"""Fine-tuning with surrogate gradients, optionally under a SynOps budget by dual ascent.

Loss: cross-entropy of the output's logits under the decision rule (:mod:`spear_deploy.train.losses`), plus knowledge
distillation from the unpruned network, plus the augmented Lagrangian of the constraint
``g = SynOps / target - 1 <= 0``::

    loss += lambda * g + rho / 2 * max(0, g)^2          lambda <- max(0, lambda + eta * g) after each batch

so that it presses while the network spends more than the target and lets go when it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor

from spear_deploy.data import Split
from spear_deploy.decision import network_rule
from spear_deploy.execution import Execution
from spear_deploy.network import Network
from spear_deploy.progress import Tick
from spear_deploy.simulate.simulator import FloatSimulator, NetworkSimulator
from spear_deploy.simulate.tensors import to_tensor
from spear_deploy.train.config import Aims, FinetuneConfig
from spear_deploy.train.losses import logits


def finetune(
    network: Network,
    split: Split,
    config: FinetuneConfig,
    *,
    seed: int,
    execution: Execution | None = None,
    aims: Aims | None = None,
    simulator: Callable[[Network], NetworkSimulator] = FloatSimulator,
    tick: Tick | None = None,
) -> Network:
    """Return the network fine-tuned on a split; ``seed`` shuffles it.

    ``simulator`` says what the network is trained as: the forward of a chip's integers, say, so that what is trained is
    what is deployed.  ``epochs`` may be a fraction: that share of the split is seen.
    """
    device = (execution or Execution()).device
    rng = np.random.default_rng(seed)
    (port,) = network.inputs
    student = simulator(network).to(device)
    objective = _Objective(student, config, device, aims or Aims())
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

    def __init__(self, student: NetworkSimulator, config: FinetuneConfig, device: str, aims: Aims) -> None:
        self._output, self._config, self._target = student.structure.outputs[0], config, aims.synops_target
        self._rule = network_rule(student.structure, config.decide).name
        self._teacher: FloatSimulator | None = None
        if aims.teacher is not None and config.distillation:
            self._teacher = FloatSimulator(aims.teacher).requires_grad_(False).to(device)
        self._meter = None if aims.synops_target is None else SynopsMeter(student)
        self._multiplier = 0.0

    def __call__(self, inputs: dict[str, Tensor], out: dict[str, Tensor], labels: Tensor) -> Tensor:
        """Return the loss of what the student did on ``inputs``."""
        scores = logits(self._rule, out[self._output])
        loss = functional.cross_entropy(scores, labels)
        if self._teacher is not None:
            taught = logits(self._rule, self._teacher(inputs)[self._output])
            loss = loss + self._config.distillation * _distance(scores, taught)
        if self._meter is not None and self._target is not None:
            excess = self._meter(inputs, out) / self._target - 1.0
            loss = loss + self._multiplier * excess + self._config.penalty / 2 * functional.relu(excess) ** 2
            self._multiplier = max(0.0, self._multiplier + self._config.dual_step * float(excess.detach()))
        return loss


def _distance(scores: Tensor, target: Tensor) -> Tensor:
    log_p, log_q = functional.log_softmax(scores, 1), functional.log_softmax(target, 1)
    return functional.kl_div(log_p, log_q, log_target=True, reduction="batchmean")


class SynopsMeter:
    """Differentiable mean SynOps a sample of what a network does in training: spikes times present fan-out."""

    def __init__(self, student: NetworkSimulator) -> None:
        self._student = student

    def __call__(self, inputs: Mapping[str, Tensor], out: Mapping[str, Tensor]) -> Tensor:
        """Return the mean over a batch, (), of values ``inputs`` and what all populations sent, (T, B, *shape) each."""
        payloads = self._student.payloads(inputs)
        first = next(iter(inputs.values()))
        spent = torch.zeros(first.shape[1], dtype=torch.float64, device=first.device)
        for fan in self._student.fan_outs():
            events = out[fan.source] if fan.source in out else (payloads[fan.source] != 0).float()
            fan_out = torch.from_numpy(fan.nonzero).to(events.device, torch.float64)
            spent = spent + events.flatten(2).sum(dim=0).double() @ fan_out
        return spent.mean()
