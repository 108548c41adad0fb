"""L0 gates per unit under a SynOps Lagrangian (Louizos, Welling, Kingma 2018, arXiv:1712.01312).

Each unit's spikes are multiplied by a gate z of the hard concrete distribution, drawn anew for each batch from uniform
noise u::

    z = min(1, max(0, sigmoid((log u - log(1 - u) + a) / beta) (zeta - gamma) + gamma))
    P(z > 0) = sigmoid(a - beta log(-gamma / zeta))          beta = 2/3, gamma = -0.1, zeta = 1.1

Expected SynOps follow from the cost model and these probabilities, and are constrained to an aim, a share of the
unpruned network's that falls from 1 to the target (geometrically, over the first 60 % of the steps)::

    g = E[SynOps] / aim - 1,     loss += lambda g + rho / 2 max(0, g)^2,     lambda <- max(0, lambda + eta g)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import torch
import torch.nn.functional as functional
from torch import Tensor

from spear_deploy.network import Network
from spear_deploy.network.units import unit_groups
from spear_deploy.search.cost import SynopsCost
from spear_deploy.search.protocol import Proposal, Task
from spear_deploy.search.space import counts_of
from spear_deploy.search.toolkit.factors import FactorSimulator, pruned_and_folded
from spear_deploy.search.toolkit.selection import select_units
from spear_deploy.search.toolkit.single_proposal import SingleProposal
from spear_deploy.search.toolkit.training import GradientAccumulator, batches, steps_of

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1
FALLING = 0.6
"""Share of the steps over which the aim falls to the target (as in our measured recipes)."""
_FIRST = 2.0
"""Initial a of the gates: open with probability 0.97 (chosen)."""
_WAY = 24.0
"""Sum of the gates' learning rates over the training: open to shut takes 4.4, so a gate has time to reopen."""
_DUAL_STEP = 0.05
"""The multiplier's eta: gates follow slowly, and at fine-tuning's 0.2 they ended at 0.09 instead of 0.15 on digits."""


class Gates(SingleProposal):
    """Trains weights and gates, then keeps the units whose gates are most likely open, as many as the target allows.

    Figures: the number of open gates, and the shares of SynOps of those, in expectation, and of the kept units.
    """

    def propose(self) -> Proposal:
        """Train and prune, and return the network."""
        task = self.task
        trained, gates = self._trained()
        parameters = {name: a.detach().double().cpu().numpy() for name, a in gates.items()}
        kept = select_units(task, parameters)
        open_share = {name: (settled(a) > 0).detach().cpu().numpy().nonzero()[0] for name, a in gates.items()}
        with torch.no_grad():
            expected = expected_share(task.cost, {name: probability(a).cpu() for name, a in gates.items()})
        self._figures = {
            "open": counts_of(open_share),
            "share_open": task.cost.share_of(open_share),
            "share_expected": float(expected),
            "share": task.cost.share_of(kept),
        }
        factors = {name: settled(a).detach().double().cpu().numpy() for name, a in gates.items()}
        return Proposal(counts_of(kept), pruned_and_folded(trained, kept, factors), kept)

    def _trained(self) -> tuple[Network, dict[str, Tensor]]:
        task, groups = self.task, unit_groups(self.task.network)
        device = task.execution.device
        simulator = FactorSimulator(task.network, groups).to(device)
        gates = {g.name: torch.full((g.units,), _FIRST, device=device, requires_grad=True) for g in groups.groups}
        generator = torch.Generator().manual_seed(task.execution.seed)
        optimiser = torch.optim.Adam(simulator.parameters())
        optimiser.add_param_group({"params": [*gates.values()], "lr": min(0.5, _WAY / steps_of(task))})
        press = Press(task)
        descent = GradientAccumulator(task, simulator)
        for batch in batches(task):
            z = {name: drawn(a, generator) for name, a in gates.items()}
            factors = {name: each.detach().requires_grad_() for name, each in z.items()}
            simulator.factors.update(factors)
            optimiser.param_groups[0]["lr"] = batch.rate
            optimiser.zero_grad(set_to_none=True)
            descent.add_gradients(batch)
            pressed = press(expected_share(task.cost, {n: probability(a) for n, a in gates.items()}), batch.done)
            pressed.backward()
            for name, factor in factors.items():  # continue the gradients of the factors to the gates
                z[name].backward(factor.grad)
            optimiser.step()
        return simulator.to_network(), gates


def drawn(a: Tensor, generator: torch.Generator) -> Tensor:
    """Draw gates, (units,)."""
    u = torch.rand(a.shape, generator=generator).clamp(1e-6, 1 - 1e-6).to(a.device)
    return _stretched(torch.sigmoid((u.log() - (-u).log1p() + a) / BETA))


def settled(a: Tensor) -> Tensor:
    """Return the gates without noise, as after training."""
    return _stretched(torch.sigmoid(a))


def probability(a: Tensor) -> Tensor:
    """Return the probability that a gate is not shut."""
    return torch.sigmoid(a - BETA * log(-GAMMA / ZETA))


def _stretched(s: Tensor) -> Tensor:
    return (s * (ZETA - GAMMA) + GAMMA).clamp(0, 1)


def expected_share(cost: SynopsCost, probabilities: Mapping[str, Tensor]) -> Tensor:
    """Return the expected share of SynOps, (), if units are present independently with these probabilities."""
    spent: Tensor = torch.zeros(())
    for term in cost.terms:
        sent, received = torch.as_tensor(term.sent).float(), torch.as_tensor(term.share).float()
        p = torch.ones(len(sent)) if term.source is None else probabilities[term.source]
        q = torch.ones(len(received)) if term.target is None else probabilities[term.target]
        sent, received = sent.to(p.device), received.to(q.device)
        both = (sent * p).sum() * (received * q).sum()
        if term.source is not None and term.source == term.target:
            both = both + (sent * received * p * (1 - p)).sum()  # a unit is present together with itself
        spent = spent.to(both.device) + both
    return spent / max(cost.total, 1e-12)


@dataclass(eq=False)
class Press:
    """The penalty of the constraint on SynOps; its multiplier is updated with each batch."""

    task: Task
    multiplier: float = 0.0

    def __call__(self, expected: Tensor, done: float) -> Tensor:
        """Return the penalty for an expected share of SynOps when the share ``done`` of the training is over."""
        training = self.task.training
        aim: float = max(self.task.target, 1e-6) ** min(1.0, done / FALLING)
        excess = expected / aim - 1
        term = self.multiplier * excess + training.penalty / 2 * functional.relu(excess) ** 2
        self.multiplier = max(0.0, self.multiplier + _DUAL_STEP * float(excess.detach()))
        return term
