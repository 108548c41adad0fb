"""Fine-tuning with surrogate gradients, optionally under a SynOps budget by dual ascent.

Loss: cross-entropy of the output's logits under the decision rule (:mod:`spear_deploy.train.losses`), plus knowledge
distillation from the unpruned network, plus the augmented Lagrangian of the constraint
``g = SynOps / target - 1 <= 0``::

    loss += lambda * g + rho / 2 * max(0, g)^2          lambda <- clip(lambda + eta * g, 0, 20) after each batch

so that the pressure rises while SynOps exceed the target, and falls otherwise.  The upper bound keeps the multiplier
from winding up if a target is out of reach.

A batch that does not fit into memory is split into parts of about equal size, whose gradients are accumulated; ``g`` is
then computed for each part and weighted like its loss.

Training that runs away is stopped and restarted at a quarter of the learning rate: when gradients are no longer finite,
or SynOps exceed four times both the target, if there is one, and those of the first batch.  If it runs away at a
sixteenth of the rate too, the network is left unchanged.  Each restart is reported (:class:`RunAway`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf, isfinite

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.data import Split
from spear_deploy.decision import network_rule
from spear_deploy.execution import Execution
from spear_deploy.network import Network, Population
from spear_deploy.network.fan_out import FanOut
from spear_deploy.progress import Tick
from spear_deploy.simulate.layout import as_row, as_rows
from spear_deploy.simulate.simulator import FloatSimulator, NetworkSimulator
from spear_deploy.train.adam import CosineAdam
from spear_deploy.train.clipping import Clipping
from spear_deploy.train.config import Aims, FinetuneConfig
from spear_deploy.train.losses import logits
from spear_deploy.train.passes import Pass, Passes
from spear_deploy.train.teacher import Teacher

_LARGEST_MULTIPLIER = 20.0
_LOWER = (1.0, 0.25, 0.0625)
"""Factors of the learning rate, tried in turn when training runs away."""
_RUN_AWAY = 4.0
"""Multiple of the allowed SynOps at which a training counts as running away."""
_FAN_OUT_LASTS = 16
"""Batches between counts of the fan-out: the number of weights that round to zero changes slowly."""


@dataclass(frozen=True)
class RunAway:
    """A training that ran away at a learning ``rate``, after this many ``batches``.

    ``spent`` are its SynOps per sample, None if gradients were no longer finite; ``allowed`` is their limit, None if
    there is none.
    """

    rate: float
    batches: int
    spent: float | None
    allowed: float | None

    def __str__(self) -> str:
        found = "gradients are not numbers"
        if self.spent is not None and self.allowed is not None:
            found = f"{self.spent:,.0f} SynOps a sample, where {self.allowed:,.0f} are allowed"
        return f"at a learning rate of {self.rate:.3g}, after {self.batches} batches: {found}"


@dataclass(frozen=True, eq=False)
class Tuned:
    """A fine-tuned network, the multiplier its SynOps constraint ended with, and the simulator's parameters.

    ``cut_at`` is the number of batches after which a deadline ended it; None: it was complete.  ``ran_away`` are the
    attempts that ran away; after three of them the network is unchanged.
    """

    network: Network
    multiplier: float
    parameters: Mapping[str, NDArray[np.float32]]
    cut_at: int | None = None
    ran_away: tuple[RunAway, ...] = ()


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
) -> Tuned:
    """Return the network fine-tuned on a split; ``seed`` shuffles it.

    ``simulator`` computes the forward pass, for example with a chip's integers, so that what is trained is what is
    deployed.  A fraction of ``epochs`` covers that share of the split.  A teacher in ``aims`` must be of the same
    split.  Training ends early at the deadline of ``execution``.

    Raises :class:`InputError` (E019) if memory does not even hold a pass of one sample.
    """
    execution = execution or Execution()

    def training(share: float) -> _Training:
        slower = replace(config, learning_rate=share * config.learning_rate)
        return _Training(simulator(network), split, slower, execution, aims or Aims())

    ran_away: list[RunAway] = []
    for share in _LOWER:
        tried = training(share)
        tried.run(seed, tick)
        if tried.ran_away is None:
            return replace(tried.tuned, ran_away=tuple(ran_away))
        ran_away.append(tried.ran_away)
    return replace(training(0.0).tuned, ran_away=tuple(ran_away))


class _Training:
    """One training at one learning rate."""

    def __init__(
        self, student: NetworkSimulator, split: Split, config: FinetuneConfig, execution: Execution, aims: Aims
    ) -> None:
        self._student, self._split, self._config = student.to(execution.device), split, config
        self._execution = execution
        self._objective = _Objective(self._student, config, aims)
        self._cut_at: int | None = None
        self.ran_away: RunAway | None = None

    def run(self, seed: int, tick: Tick | None) -> None:
        """Train to the end, to the deadline, or until it runs away."""
        split, config, student, objective = self._split, self._config, self._student, self._objective
        passes = Passes(student, split, config, self._execution, seed)
        total = config.steps(len(split))
        optimiser = CosineAdam(student.parameters(), config.learning_rate, total)
        clip = Clipping(student.parameters())
        for done, positions in enumerate(split.drawn(config.batch, np.random.default_rng(seed), total), start=1):
            if self._execution.deadline.passed:
                self._cut_at = done - 1
                break
            optimiser.zero_grad()
            for part in passes.of(positions):
                objective.add_gradients(part)
            if objective.runs_away:
                self.ran_away = RunAway(config.learning_rate, done, *objective.excess)
                break
            objective.end_batch()
            clip()
            optimiser.step()
            if tick:
                tick(done, total)

    @property
    def tuned(self) -> Tuned:
        """The result of the training."""
        student = self._student
        return Tuned(student.to_network(), self._objective.multiplier, student.parameter_arrays(), self._cut_at)


class _Objective:
    """The loss: accumulates gradients over the parts of a batch, and updates the multiplier at its end."""

    def __init__(self, student: NetworkSimulator, config: FinetuneConfig, aims: Aims) -> None:
        self._student, self._output = student, student.structure.outputs[0]
        self._config, self._target = config, aims.synops_target
        self._rule = network_rule(student.structure, config.decide).name
        self._teacher: Teacher | None = aims.teacher if config.distillation else None
        is_watched = aims.synops_target is not None or may_run_away(student.structure)
        self._meter = SynopsMeter(student) if is_watched else None
        self.multiplier, self._excess, self._spent = aims.multiplier, 0.0, 0.0
        self._first: float | None = None

    def add_gradients(self, part: Pass) -> None:
        """Add the gradients of a part of a batch."""
        payloads = self._student.payloads(part.inputs)
        out = self._student.run(payloads)
        loss = self._loss(part, out) + self._pressure(part, payloads, out)
        (part.share * loss).backward()

    def _loss(self, part: Pass, out: Mapping[str, Tensor]) -> Tensor:
        """Return the loss of the student's outputs on some samples."""
        scores = logits(self._rule, out[self._output])
        loss = functional.cross_entropy(scores, part.labels)
        if self._teacher is not None:
            loss = loss + self._config.distillation * _distance(scores, self._taught(self._teacher, part))
        return loss

    def _taught(self, teacher: Teacher, part: Pass) -> Tensor:
        """Return the teacher's logits on the student's input."""
        return teacher.logits_of(part.inputs) if self._config.augment else teacher.logits(part.positions)

    def _pressure(self, part: Pass, payloads: Mapping[str, Tensor], out: Mapping[str, Tensor]) -> Tensor | float:
        """Return the penalty of the SynOps constraint on some samples."""
        if self._meter is None:
            return 0.0
        spent = self._meter(payloads, out)
        self._spent += part.share * float(spent.detach())
        if self._target is None:
            return 0.0
        excess = spent / self._target - 1.0
        terms = self.multiplier * excess + self._config.penalty / 2 * functional.relu(excess) ** 2
        self._excess += part.share * float(excess.detach())
        return terms

    @property
    def runs_away(self) -> bool:
        """Whether training has run away at this batch, by its gradients or its SynOps."""
        if not self._is_finite:
            return True
        self._first = self._spent if self._first is None else self._first
        return self._spent > self._allowed

    @property
    def excess(self) -> tuple[float | None, float | None]:
        """The SynOps of a batch that ran away, and its limit."""
        return (self._spent, self._allowed) if self._is_finite else (None, None)

    @property
    def _allowed(self) -> float:
        return _RUN_AWAY * max(self._target or 0.0, self._first or 0.0)

    @property
    def _is_finite(self) -> bool:
        gradients = [each.grad for each in self._student.parameters() if each.grad is not None]
        return all(isfinite(torch.linalg.vector_norm(gradient, inf)) for gradient in gradients)

    def end_batch(self) -> None:
        """Update the multiplier by the batch's excess over the target."""
        moved = self.multiplier + self._config.dual_step * self._excess
        self.multiplier, self._excess, self._spent = min(_LARGEST_MULTIPLIER, max(0.0, moved)), 0.0, 0.0


def may_run_away(network: Network) -> bool:
    """Whether neurons in loops fire several times per step: their firing can grow without bound."""
    looped = [network[name] for loop in network.loops for name in loop]
    return any(isinstance(each, Population) and each.neuron.spikes == "integer" for each in looped)


def _distance(scores: Tensor, target: Tensor) -> Tensor:
    log_p, log_q = functional.log_softmax(scores, 1), functional.log_softmax(target, 1)
    return functional.kl_div(log_p, log_q, log_target=True, reduction="batchmean")


class SynopsMeter:
    """Differentiable mean SynOps per sample in training: spikes times current fan-out."""

    def __init__(self, student: NetworkSimulator) -> None:
        self._student = student
        self._fans: tuple[FanOut, ...] = ()
        self._batches = 0

    def __call__(self, payloads: Mapping[str, Tensor], out: Mapping[str, Tensor]) -> Tensor:
        """Return the mean SynOps of a batch, (), from the payloads of inputs and of all populations, (T, B, *shape)."""
        if self._batches % _FAN_OUT_LASTS == 0:
            self._fans = self._student.fan_outs()
        self._batches += 1
        first = next(iter(payloads.values()))
        spent = torch.zeros(first.shape[1], dtype=torch.float64, device=first.device)
        for fan in self._fans:
            events = out[fan.source] if fan.source in out else self._arriving(fan.source, payloads[fan.source])
            fan_out = torch.from_numpy(fan.nonzero).to(events.device, torch.float64).view(events.shape[2:])
            # Rows in the order of memory: the gradient is added to that of the synapses in the same layout.
            spent = spent + as_rows(events).sum(dim=0).double() @ as_row(fan_out, events)
        return spent.mean()

    def _arriving(self, source: str, payload: Tensor) -> Tensor:
        return payload.float() if source in self._student.counted else payload.sign().abs()
