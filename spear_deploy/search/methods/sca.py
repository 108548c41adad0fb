"""SCA: prune and regrow units while training, by spiking activity (Li et al., ICML 2024, arXiv:2406.01072).

Units are rated by the mean |V| of their membranes, removed units by the gradient of their scale, as in RigL.  The
paper's exact score and schedule are not public; these are ours.  In round r of R, at the share 0.6 r / R of the
training::

    aim_r  = target ^ (r / R)                          the share of SynOps, by the cost model
    grow_r = 0.3 (1 + cos(pi r / R)) / 2               none in the last round
    keep the units of the largest mean |V| / (threshold - reset) within (1 - grow_r) aim_r, of those that are there
    then the units of the largest mean |dL/dscale| within aim_r, of all others

A removed unit has a scale of 0 on its outgoing spikes: it is still run, so that its gradient is known, but not trained.
If it is regrown, it has the weights with which it was removed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, pi
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.network import Population
from spear_deploy.network.units import UnitGroups, Units, unit_groups
from spear_deploy.search.protocol import Proposal, Task
from spear_deploy.search.space import counts_of
from spear_deploy.search.toolkit.factors import FactorSimulator, pruned_and_folded
from spear_deploy.search.toolkit.selection import best_units, fill_up, select_units
from spear_deploy.search.toolkit.single_proposal import SingleProposal
from spear_deploy.search.toolkit.training import GradientAccumulator, batches

ROUNDS = 8
LAST = 0.6
"""Share of the training after which the units no longer change (as the gates' aim)."""
GROWN = 0.3
"""Initial share of a round's SynOps that is regrown (RigL: 0.3)."""

Array = NDArray[np.float64]


class SCA(SingleProposal):
    """Prunes and regrows units in rounds while it trains."""

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self._rounds: list[dict[str, Any]] = []

    def propose(self) -> Proposal:
        """Train and prune, and return the network."""
        task, groups = self.task, unit_groups(self.task.network)
        simulator = FactorSimulator(task.network, groups).to(task.execution.device)
        optimiser = torch.optim.Adam(simulator.parameters())
        there = _There({group.name: group.units for group in groups.groups}, task.execution.device)
        done, activity = 0, {name: np.ones(units) for name, units in task.space.units.items()}
        descent = GradientAccumulator(task, simulator)
        for batch in batches(task):
            while done < ROUNDS and batch.done >= LAST * (done + 1) / ROUNDS:
                done += 1
                simulator.factors.update(there.scales)
                activity = {name: np.zeros(units) for name, units in task.space.units.items()}
                for part in descent.passes(batch):
                    in_part = membrane_activity(simulator, groups, part.inputs)
                    activity = {name: total + part.share * in_part[name] for name, total in activity.items()}
                self._round(done, there, activity)
            simulator.factors.update(there.scales)
            optimiser.param_groups[0]["lr"] = batch.rate
            optimiser.zero_grad(set_to_none=True)
            descent.add_gradients(batch)
            optimiser.step()
            there.collect()
        # A training of very few steps may end before its last round: the rest is removed here.
        kept = select_units(task, there.only(activity))
        return Proposal(counts_of(kept), pruned_and_folded(simulator.to_network(), kept), kept)

    def figures(self) -> Mapping[str, Any]:
        """Return, by round, the aim, the share of SynOps kept, and the numbers of units removed and regrown."""
        return {"rounds": self._rounds}

    def _round(self, number: int, there: _There, activity: Mapping[str, Array]) -> None:
        task, part = self.task, number / ROUNDS
        aim, grown = task.target**part, GROWN * (1 + cos(pi * part)) / 2
        rated = there.only(activity)
        before = there.units
        kept = fill_up(task.cost, best_units(rated, task.space.smallest), rated, (1 - grown) * aim)
        after = fill_up(task.cost, kept, there.gradients, aim) if grown > 0 else kept
        there.become(after)
        self._rounds.append(
            {
                "aim": aim,
                "share": task.cost.share_of(after),
                "removed": sum(len(np.setdiff1d(before[name], after[name])) for name in before),
                "regrown": sum(len(np.setdiff1d(after[name], before[name])) for name in before),
            }
        )


@dataclass(init=False, eq=False)
class _There:
    """The units present, as scales of 1 and 0, and the summed magnitude of their gradients since the last round."""

    units: dict[str, Units]
    scales: dict[str, Tensor]
    gradients: dict[str, Array]

    def __init__(self, units: Mapping[str, int], device: str) -> None:
        self._counts, self._device = dict(units), device
        self.become({name: np.arange(count) for name, count in units.items()})

    def become(self, units: dict[str, Units]) -> None:
        """Keep these units, and reset the gradients."""
        self.units = units
        self.scales = {name: torch.zeros(count, device=self._device) for name, count in self._counts.items()}
        for name, kept in units.items():
            self.scales[name][kept] = 1.0
            self.scales[name].requires_grad_()
        self.gradients = {name: np.zeros(count) for name, count in self._counts.items()}

    def collect(self) -> None:
        """Add the magnitude of a step's gradients; a sum ranks like a mean."""
        for name, scale in self.scales.items():
            if scale.grad is not None:
                self.gradients[name] += scale.grad.abs().double().cpu().numpy()
                scale.grad = None

    def only(self, rated: Mapping[str, Array]) -> dict[str, Array]:
        """Return the ratings, with -inf for removed units."""
        return {
            name: np.where(np.isin(np.arange(len(values)), self.units[name]), values, -np.inf)
            for name, values in rated.items()
        }


@torch.no_grad()
def membrane_activity(simulator: FactorSimulator, groups: UnitGroups, inputs: Mapping[str, Tensor]) -> dict[str, Array]:
    """Return the mean |V| of each unit of each group, (units,), after its spikes, in units of threshold minus reset."""
    membranes: dict[str, Tensor] = {}
    simulator(inputs, membranes)
    found = {}
    for group in groups.groups:
        total = np.zeros(group.units)
        for name in group.populations:
            population = simulator.structure[name]
            assert isinstance(population, Population)
            neuron = population.neuron
            assert neuron.threshold is not None
            width = np.maximum(np.abs(neuron.threshold - neuron.reset_value), 1e-6)
            sizes = membranes[name].abs().mean(dim=(0, 1)).double().cpu().numpy() / width
            total += sizes.reshape(group.units, -1).mean(axis=1)
        found[group.name] = total / len(group.populations)
    return found
