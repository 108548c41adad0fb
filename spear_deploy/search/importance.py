"""Importance of units: the first-order Taylor expansion of the loss in their spikes.

If a unit fell silent, the loss would change, to first order, by |sum over time and space of s * dL/ds| (Molchanov et
al. 2017, applied to spikes); averaged over samples and summed over the populations of a group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.data import Split
from spear_deploy.decision import network_rule
from spear_deploy.execution import Execution
from spear_deploy.network import Network
from spear_deploy.network.units import UnitGroups
from spear_deploy.search.synapses import Place, Weights, parameter_names
from spear_deploy.simulate.memory import memory_of_training
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.simulate.tensors import to_tensor
from spear_deploy.train.losses import EVIDENCE


def unit_importance(
    network: Network,
    groups: UnitGroups,
    split: Split,
    execution: Execution | None = None,
    batch: int = 64,
    decide: str | None = None,
) -> Mapping[str, NDArray[np.float64]]:
    """Return the importance of every unit of each group, (units,); ``decide`` names the decision rule of the loss."""
    execution = execution or Execution()
    simulator = FloatSimulator(network).to(execution.device)
    memory = memory_of_training(simulator, split.samples.steps)
    together = replace(memory, sample=2 * memory.sample).together(execution, batch)  # the gradients of all spikes too
    members = {name: group.name for group in groups.groups for name in group.populations}
    total = {group.name: np.zeros(group.units) for group in groups.groups}
    for out, loss in _losses(simulator, network, split.batches(together), decide, execution.device):
        for name in members:
            out[name].retain_grad()
        loss.backward()
        for name, group in members.items():
            spikes, gradient = out[name], out[name].grad
            assert gradient is not None
            effect = (
                (spikes * gradient).sum(dim=0).flatten(2)
                if spikes.ndim > 3
                else (spikes * gradient).sum(dim=0)[..., None]
            )
            total[group] += effect.sum(dim=2).abs().sum(dim=0).detach().double().cpu().numpy()
    return {name: value / max(1, len(split)) for name, value in total.items()}


def weight_importance(
    network: Network, split: Split, execution: Execution, batch: int = 16, decide: str | None = None
) -> dict[Place, Weights]:
    """Return the first-order Taylor importance ``|w dL/dw|`` of every weight, by operation, in the weights' shapes.

    The magnitude is taken per batch and averaged over batches: in a trained network the gradients of all samples
    together cancel.  ``decide`` names the decision rule of the loss.
    """
    simulator = FloatSimulator(network).to(execution.device)
    parameters = {place: simulator.get_parameter(name) for place, name in parameter_names(network).items()}
    total = {place: np.zeros(tuple(parameter.shape), np.float32) for place, parameter in parameters.items()}
    together = memory_of_training(simulator, split.samples.steps).together(execution, batch)
    for start in range(0, len(split), batch):
        simulator.zero_grad(set_to_none=True)
        chosen = split.take(np.arange(start, min(start + batch, len(split))))
        for _, loss in _losses(simulator, network, chosen.batches(together), decide, execution.device):
            loss.backward()
        for place, parameter in parameters.items():
            if parameter.grad is not None:
                total[place] += (parameter * parameter.grad).detach().abs().cpu().numpy()
    return {place: value / np.float32(max(1, len(split))) for place, value in total.items()}


def _losses(
    simulator: FloatSimulator,
    network: Network,
    batches: Iterable[tuple[NDArray[np.generic], NDArray[np.intp]]],
    decide: str | None,
    device: str,
) -> Iterator[tuple[Mapping[str, Tensor], Tensor]]:
    """Yield, for each batch, the output of all populations and the summed cross-entropy of its samples."""
    evidence = EVIDENCE[network_rule(network, decide).name]
    (port,) = network.inputs
    for x, labels in batches:
        out = simulator({port.name: to_tensor(x, device)})
        wanted = torch.from_numpy(labels).to(device)
        yield out, functional.cross_entropy(evidence.of(out[network.outputs[0]]), wanted, reduction="sum")


def most_important(importance: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Return the sorted indices of the ``count`` most important units; ties go to the first."""
    return np.sort(np.argsort(-importance, kind="stable")[:count])
