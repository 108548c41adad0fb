"""Least-squares compensation: the remaining synapses take over from those that were removed.

For each population, the current of the pruned network should equal that of the unpruned one on the neurons kept.  With
F the (filtered) input of one projection's weights, R the (filtered) current that is missing, and W the remaining
weights, the ridge regression towards W has the solution::

    (F^T F + r I) dW = F^T R            r = RIDGE * mean of the diagonal of F^T F

so that the squared error of the filtered current on the given samples is never larger than before.  Both are filtered
as the target's synapse and membrane filter spikes between two resets, y[t] = alpha y[t-1] + x[t], v[t] = beta v[t-1] +
y[t] (with the population's mean alpha and beta), as OSBC does for spike trains (arXiv:2506.03996; SBC is Frantar and
Alistarh 2022 on whole trains).  Populations are corrected in order, each given the pruned network's spikes so far, so
that errors of earlier ones are compensated too; within a loop the unpruned network's spikes are fed back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.data import Split
from spear_deploy.execution import Execution, split_evenly
from spear_deploy.network import Conv2d, Linear, LinearOp, Network, Population, Projection
from spear_deploy.network.units import Units, kept_by_population
from spear_deploy.simulate.memory import memory_of_running
from spear_deploy.simulate.simulator import Chain, FloatSimulator, delayed
from spear_deploy.simulate.tensors import to_tensor

RIDGE = 1e-3
"""Ridge as a share of the mean diagonal: chosen, and used in all our measured recipes."""
_BATCH = 16
_FEATURE_BYTES = 1 << 28
"""Memory for the inputs of a layer's weights: it sets how many steps are laid out at once."""

Array = NDArray[np.float64]


def compensate(
    network: Network,
    pruned: Network,
    kept: Mapping[str, Units],
    split: Split,
    execution: Execution | None = None,
) -> Network:
    """Return the ``pruned`` network with weights that restore the currents of the unpruned one; labels are not used.

    ``kept`` are the units of each group of ``network`` that are left in ``pruned``; groups not named are complete.
    Fitted are the weights and bias of a Linear or ungrouped Conv2d that is the last operation of a projection; weights
    of 0 stay 0.
    """
    execution = execution or Execution()
    device = execution.device
    rows = {name: torch.as_tensor(units, device=device) for name, units in kept_by_population(network, kept).items()}
    for population in pruned.neurons:
        for projection in pruned.into(population.name):
            if _is_fitted(projection) and not _is_as_before(network, projection, rows.get(population.name)):
                pruned = _fit(_Pair(network, pruned, rows, execution), projection.name, split)
    return pruned


def filtered(x: Tensor, alpha: float, beta: float) -> Tensor:
    """Return (T, ...) filtered by a synapse's and a membrane's decay, as the module says."""
    current, v, out = torch.zeros_like(x[0]), torch.zeros_like(x[0]), []
    for arriving in x:
        current = alpha * current + arriving
        v = beta * v + current
        out.append(v)
    return torch.stack(out)


@dataclass(frozen=True, eq=False)
class _Pair:
    """The unpruned and the pruned network, and which units of each population of the first the second keeps."""

    network: Network
    pruned: Network
    rows: Mapping[str, Tensor]
    execution: Execution

    @property
    def device(self) -> str:
        """Torch's name of what computes."""
        return self.execution.device

    def runs(self, target: str, split: Split) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        """Yield, batch by batch, what the pruned network's populations send, and the current its target lacks."""
        full, student = (FloatSimulator(each).to(self.device) for each in (self.network, self.pruned))
        (port,) = self.network.inputs
        component = next(c for c in self.pruned.components if target in c)
        looped = component if component in self.pruned.loops else ()
        memory = memory_of_running(full, split.samples.steps)
        both = replace(memory, sample=3 * memory.sample)  # two networks, and the filtered currents of one layer
        for x, _ in split.batches(both.together(self.execution, _BATCH)):
            inputs = {port.name: to_tensor(x, self.device)}
            taught, sent = inputs | full(inputs), inputs | student(inputs)
            sent |= {name: self._kept(name, taught[name]) for name in looped}
            yield sent, self._kept(target, full.arriving(target, taught)) - student.arriving(target, sent)

    def _kept(self, name: str, values: Tensor) -> Tensor:
        """Select from (T, B, units, ...)."""
        return values if name not in self.rows else values.index_select(2, self.rows[name])


def _is_fitted(projection: Projection) -> bool:
    """Whether the weights of a projection's last operation can be fitted."""
    last = projection.ops[-1] if projection.ops else None
    is_plain = isinstance(last, Linear) or (isinstance(last, Conv2d) and last.groups == 1)
    return is_plain and bool(np.any(getattr(last, "weight", 0)))


def _is_as_before(network: Network, projection: Projection, rows: Tensor | None) -> bool:
    """Whether nothing changed in front of a target: the same weights on an input."""
    before = next((p for p in network.projections if p.name == projection.name), None)
    if before is None or projection.source not in {port.name for port in network.inputs}:
        return False
    old, new = before.ops[-1], projection.ops[-1]
    assert isinstance(old, Conv2d | Linear)
    assert isinstance(new, Conv2d | Linear)
    return np.array_equal(old.weight if rows is None else old.weight[rows.cpu().numpy()], new.weight)


@torch.no_grad()
def _fit(pair: _Pair, name: str, split: Split) -> Network:
    """Return the pruned network with the fitted last operation of one projection."""
    projection = next(p for p in pair.pruned.projections if p.name == name)
    population, op = pair.pruned[projection.target], projection.ops[-1]
    assert isinstance(population, Population)
    assert isinstance(op, Conv2d | Linear)
    decays = float(population.neuron.alpha.mean()), float(population.neuron.beta.mean())
    before = Chain(projection.ops[:-1]).to(pair.device)
    inputs = op.weight[0].size + (op.bias is not None)
    gram, moments = np.zeros((inputs, inputs)), np.zeros((inputs, len(op.weight)))
    for sent, lacking in pair.runs(projection.target, split):
        arriving = filtered(before(delayed(sent[projection.source], projection.delay)), *decays)
        constant = filtered(torch.ones(len(lacking), 1, device=pair.device), *decays)
        wanted = filtered(lacking, *decays)
        step_bytes = 4 * inputs * wanted[0].numel() // len(op.weight)
        for some in split_evenly(len(wanted), max(1, _FEATURE_BYTES // step_bytes), threads=1):
            steps = slice(some.start, some.stop)
            features = _features(op, arriving[steps])
            if op.bias is not None:
                per_step = len(features) // len(some)
                features = torch.cat([features, constant[steps].repeat_interleave(per_step, dim=0)], dim=1)
            gram += (features.T @ features).cpu().numpy()
            moments += (features.T @ _outputs(wanted[steps])).cpu().numpy()
    fitted = _added(op, _solved(gram, moments, _exists(op)))
    chosen = tuple(replace(p, ops=(*p.ops[:-1], fitted)) if p.name == name else p for p in pair.pruned.projections)
    return replace(pair.pruned, projections=chosen)


def _features(op: Conv2d | Linear, x: Tensor) -> Tensor:
    """Return what the weights of each output see, (T * B * places, weights of an output)."""
    if isinstance(op, Linear):
        return x.flatten(0, 1)
    windows = functional.unfold(x.flatten(0, 1), op.weight.shape[2:], op.dilation, op.padding, op.stride)
    return windows.transpose(1, 2).flatten(0, 1)


def _outputs(current: Tensor) -> Tensor:
    """Return currents (T, B, outputs, ...) as (T * B * places, outputs)."""
    return current.flatten(3).permute(0, 1, 3, 2).flatten(0, 2) if current.ndim > 3 else current.flatten(0, 1)


def _exists(op: Conv2d | Linear) -> NDArray[np.bool_]:
    """Return which weights, and biases, of each output may change: (outputs, weights + bias)."""
    exists = op.weight.reshape(len(op.weight), -1) != 0
    return exists if op.bias is None else np.column_stack([exists, np.ones(len(exists), bool)])


def _solved(gram: Array, moments: Array, exists: NDArray[np.bool_]) -> Array:
    """Return the change of the weights, (outputs, weights); zero where nothing ever arrives, or there is no synapse."""
    ridge = RIDGE * float(np.trace(gram)) / len(gram)
    if ridge == 0:
        return np.zeros_like(moments.T)
    damped = gram + ridge * np.eye(len(gram))
    if exists.all():
        return np.asarray(np.linalg.solve(damped, moments).T, np.float64)
    change = np.zeros_like(moments.T)
    for row, own in enumerate(exists):  # each output has synapses of its own
        change[row, own] = np.linalg.solve(damped[np.ix_(own, own)], moments[own, row])
    return change


def _added(op: Conv2d | Linear, change: Array) -> LinearOp:
    bias = None if op.bias is None else (op.bias + change[:, -1]).astype(np.float32)
    weights = change if op.bias is None else change[:, :-1]
    return replace(op, weight=(op.weight + weights.reshape(op.weight.shape)).astype(np.float32), bias=bias)
