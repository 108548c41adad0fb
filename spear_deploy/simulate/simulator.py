"""Trainable simulation of a network in torch, with surrogate gradients: in float, or with a target's arithmetic.

It runs layer by layer over the whole time axis: synapses see time folded into the batch, neurons scan over time.
Populations in a loop are run together, step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor, nn

from spear_deploy.network import (
    AvgPool2d,
    Conv2d,
    Flatten,
    Linear,
    LinearOp,
    Network,
    Projection,
    Scale,
    SumPool2d,
)
from spear_deploy.network.fan_out import FanOut, fan_outs
from spear_deploy.simulate.cell import Cell
from spear_deploy.simulate.convolutions import Pair, conv2d
from spear_deploy.simulate.convolved_scan import suits_convolution
from spear_deploy.simulate.products import linear
from spear_deploy.simulate.scan_kernel import DAMPENING


class NetworkSimulator(nn.Module):
    """Runs a network on spikes or values; its weights and biases are trainable parameters.

    ``forward`` takes the input populations' values, each (T, B, *shape), and returns for every population
    with neurons its output (T, B, *shape): spikes, or the membrane for a readout.

    ``chains`` are the modules of the projections, ``cells`` those of the populations, by name; simulators differ only
    in these.  A chain maps (T, B, *source) to (T, B, *target), and has ``to_ops()``; if its operations are a single
    Linear, ``matrix()``; if it ``ends_in_convolution``, the parts of a :class:`Chain`.  A cell has the methods of
    :class:`~spear_deploy.simulate.cell.Cell`.  ``counted`` names the inputs whose payloads are numbers of spikes.
    """

    counted: frozenset[str] = frozenset()

    def __init__(self, network: Network, chains: Mapping[str, nn.Module], cells: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.structure = network
        self._chains: dict[str, Any] = dict(chains)
        self._cells: dict[str, Any] = dict(cells)
        # Modules are registered by number: names of populations may contain dots, which torch does not allow.
        self.synapses = nn.ModuleDict({str(index): chain for index, chain in enumerate(self._chains.values())})
        self.cells = nn.ModuleDict({str(index): cell for index, cell in enumerate(self._cells.values())})

    def forward(self, inputs: Mapping[str, Tensor], membranes: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Simulate; see the class.

        ``membranes``, if given, receives every population's membrane at the end of each step, (T, B, *shape).
        """
        return self.run(self.payloads(inputs), membranes)

    def payloads(self, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return the payloads that the inputs send for these values, (T, B, *shape)."""
        return inputs

    def run(self, payloads: Mapping[str, Tensor], membranes: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Return what ``forward`` does for values that become these payloads, (T, B, *shape)."""
        known: dict[str, Tensor] = dict(payloads)
        for component in self.structure.components:
            name = component[0]
            if component in self.structure.loops:
                known |= self._run_loop(component, known, membranes)
            elif name not in payloads and membranes is None:
                known[name] = self.outputs(name, known)
            elif name not in payloads and membranes is not None:
                known[name], membranes[name] = self._cells[name].scan(self.arriving(name, known))
        return {name: value for name, value in known.items() if name not in payloads}

    def fan_outs(self) -> tuple[FanOut, ...]:
        """Return the fan-out of each projection: synaptic operations per spike of each neuron."""
        return self._fan_outs

    @cached_property
    def _fan_outs(self) -> tuple[FanOut, ...]:
        return fan_outs(self.structure.synapses, self.structure.shapes)

    def arriving(self, target: str, known: Mapping[str, Tensor]) -> Tensor:
        """Return the summed input of a target from the ``known`` outputs, biases included: (T, B, *shape)."""
        first = next(iter(known.values()))
        total: Tensor | None = None
        for projection in self.structure.into(target):
            if projection.source in known:
                sent = self._chains[projection.name](delayed(known[projection.source], projection.delay))
                total = sent if total is None else total + sent
        shape = (*first.shape[:2], *self.structure[target].shape)
        return torch.zeros(shape, device=first.device) if total is None else total

    def outputs(self, name: str, known: Mapping[str, Tensor]) -> Tensor:
        """Return the output of a population outside loops, given ``known`` outputs: (T, B, *shape).

        A convolution and its neurons run in one pass where that is faster.
        """
        projections = self.structure.into(name)
        if len(projections) != 1 or not self._chains[projections[0].name].ends_in_convolution:
            return self.sent(name, self.arriving(name, known))
        (projection,), chain, cell = projections, self._chains[projections[0].name], self._cells[name]
        x = chain.front(delayed(known[projection.source], projection.delay))
        weight, bias, geometry = chain.convolution()
        if cell.can_be_fused(x) and suits_convolution(x, weight):
            spikes: Tensor = cell.convolved(x, weight, bias, geometry)
            return spikes
        return self.sent(name, chain.end(x))

    def sent(self, name: str, arriving: Tensor) -> Tensor:
        """Return the output of a population outside loops for its summed input: (T, B, *shape) both."""
        sent: Tensor = self._cells[name](arriving)
        return sent

    def _run_loop(
        self, members: tuple[str, ...], known: Mapping[str, Tensor], membranes: dict[str, Tensor] | None
    ) -> dict[str, Tensor]:
        """Run populations that feed each other, and return their outputs."""
        outside = {name: self.arriving(name, known) for name in members}
        inner = {name: [p for p in self.structure.into(name) if p.source in members] for name in members}
        neuron: Any = self.structure[members[0]]
        # With several spikes per step, a matrix product rounds otherwise than the step-by-step sum: in training only.
        rounds_alike = neuron.neuron.spikes == "binary" or torch.is_grad_enabled()
        is_fused = membranes is None and _is_fused_loop(members, inner) and rounds_alike
        if is_fused and self._cells[members[0]].can_be_fused(outside[members[0]]):
            return {members[0]: self._run_fused_loop(outside[members[0]], inner[members[0]][0])}
        states = {name: self._cells[name].start(outside[name][0]) for name in members}
        silence = {name: torch.zeros_like(outside[name][0]) for name in members}
        sent: dict[str, list[Tensor]] = {name: [] for name in members}
        kept: dict[str, list[Tensor]] = {name: [] for name in members}
        for step in range(len(outside[members[0]])):
            for name in members:
                total = outside[name][step]
                for projection in inner[name]:
                    source, when = projection.source, step - projection.delay
                    arriving = _dampen(sent[source][when]) if when >= 0 else silence[source]
                    total = total + self._chains[projection.name](arriving[None])[0]
                states[name], out = self._cells[name].step(states[name], total)
                sent[name].append(out)
                kept[name].append(self._cells[name].membrane(states[name]))
        if membranes is not None:
            membranes |= {name: torch.stack(values) for name, values in kept.items()}
        return {name: torch.stack(outputs) for name, outputs in sent.items()}

    def _run_fused_loop(self, arriving: Tensor, projection: Projection) -> Tensor:
        weight, bias = self._chains[projection.name].matrix()
        spikes: Tensor = self._cells[projection.source].feed_back(arriving, weight, bias)
        return spikes

    def parameter_arrays(self) -> dict[str, NDArray[np.float32]]:
        """Return the present weights and biases by torch's names for them."""
        return {name: _numpy(parameter) for name, parameter in self.named_parameters()}

    def take_parameters(self, arrays: Mapping[str, NDArray[np.float32]]) -> None:
        """Take weights and biases as :meth:`parameter_arrays` gives them; raise :class:`ValueError` for others."""
        own = dict(self.named_parameters())
        if {name: parameter.shape for name, parameter in own.items()} != {n: a.shape for n, a in arrays.items()}:
            raise ValueError("the parameters are those of another network")
        with torch.no_grad():
            for name, parameter in own.items():
                parameter.copy_(torch.from_numpy(arrays[name]))

    def to_network(self) -> Network:
        """Return the network with the current weights and biases."""
        projections = tuple(
            replace(projection, ops=self._chains[projection.name].to_ops()) for projection in self.structure.projections
        )
        return replace(self.structure, projections=projections)


class FloatSimulator(NetworkSimulator):
    """Runs a network in float, like the frameworks."""

    def __init__(self, network: Network) -> None:
        chains = {projection.name: Chain(projection.ops) for projection in network.projections}
        cells = {population.name: Cell(population.neuron) for population in network.neurons}
        super().__init__(network, chains, cells)


class Chain(nn.Module):
    """The linear operations of one projection, in float."""

    def __init__(self, ops: tuple[LinearOp, ...]) -> None:
        super().__init__()
        self.ops = ops
        self.weights = nn.ParameterDict()
        for index, op in enumerate(ops):
            if isinstance(op, Conv2d | Linear):
                self.weights[f"weight{index}"] = nn.Parameter(torch.tensor(op.weight))
                self.register_buffer(f"exists{index}", existing_weights(op))
                if op.bias is not None:
                    self.weights[f"bias{index}"] = nn.Parameter(torch.tensor(op.bias))
            elif isinstance(op, Scale):
                self.register_buffer(f"factor{index}", torch.tensor(op.factor))

    def forward(self, x: Tensor) -> Tensor:
        """Map the output of a source, (T, B, *source), to the input of the target, (T, B, *target)."""
        return self.end(self.front(x))

    def front(self, x: Tensor) -> Tensor:
        """Apply all operations but the last to (T, B, *source)."""
        return over_time(partial(self._operate_some, range(len(self.ops) - 1)), x)

    def end(self, x: Tensor) -> Tensor:
        """Apply the last operation to the result of those before it."""
        return over_time(partial(self._operate_some, range(len(self.ops))[-1:]), x)

    def _operate_some(self, indices: range, x: Tensor) -> Tensor:
        for index in indices:
            x = self._operate(index, self.ops[index], x)
        return x

    def _operate(self, index: int, op: LinearOp, x: Tensor) -> Tensor:
        match op:
            case Conv2d():
                weight, bias = self._weight(index), self._bias(index)
                return conv2d(x, weight, bias, op.stride, op.padding, op.dilation, op.groups)
            case Linear():
                return linear(x, self._weight(index), self._bias(index))
            case AvgPool2d():
                return functional.avg_pool2d(x, op.kernel, op.stride, op.padding)
            case SumPool2d():
                return functional.avg_pool2d(x, op.kernel, op.stride, op.padding, divisor_override=1)
            case Flatten():
                is_multiplied = index + 1 < len(self.ops) and isinstance(self.ops[index + 1], Linear)
                return x if is_multiplied else x.flatten(1)
            case Scale():
                factor: Tensor = getattr(self, f"factor{index}")
                return x * factor

    def _weight(self, index: int) -> Tensor:
        exists: Tensor | None = getattr(self, f"exists{index}")
        weight: Tensor = self.weights[f"weight{index}"]
        return weight if exists is None else weight * exists

    def _bias(self, index: int) -> Tensor | None:
        key = f"bias{index}"
        bias: Tensor | None = self.weights.get(key, None)
        return bias

    @property
    def ends_in_convolution(self) -> bool:
        """Whether the last operation is a convolution without groups and dilation."""
        op = self.ops[-1] if self.ops else None
        return isinstance(op, Conv2d) and op.groups == 1 and op.dilation == (1, 1)

    def convolution(self) -> tuple[Tensor, Tensor | None, tuple[Pair, Pair]]:
        """Return weight, bias, and (stride, padding) of the convolution at the end of the chain."""
        op, index = self.ops[-1], len(self.ops) - 1
        assert isinstance(op, Conv2d)
        return self._weight(index), self._bias(index), (op.stride, op.padding)

    def matrix(self) -> tuple[Tensor, Tensor]:
        """Return weight and bias of a chain of one Linear."""
        weight, bias = self._weight(0), self._bias(0)
        return weight, torch.zeros(len(weight)) if bias is None else bias

    def to_ops(self) -> tuple[LinearOp, ...]:
        """Return the operations with the current weights."""
        return tuple(self._to_op(index, op) for index, op in enumerate(self.ops))

    def _to_op(self, index: int, op: LinearOp) -> LinearOp:
        if not isinstance(op, Conv2d | Linear):
            return op
        bias = self._bias(index)
        return replace(op, weight=_numpy(self.weights[f"weight{index}"]), bias=None if bias is None else _numpy(bias))


def over_time(operate: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Apply a map from (N, *source) to (N, *target) to each step of (T, B, *source).

    A constant input, expanded over time, is computed once.
    """
    steps, batch = x.shape[:2]
    if x.stride(0) == 0:
        y = operate(x[0])
        return y.expand(steps, *y.shape)
    folded: Tensor = operate(x.flatten(0, 1)).unflatten(0, (steps, batch))
    return folded


def existing_weights(op: Conv2d | Linear) -> Tensor | None:
    """Return a mask of the weights that are synapses, 1.0 or 0.0 in the weight's shape; None if all are, or none is.

    A weight of exactly 0 is not a synapse, and training adds none: weights are multiplied by the mask, so that zeros
    get no gradient.  If all weights are zero there is no structure to keep.
    """
    exists = op.weight != 0
    return None if exists.all() or not exists.any() else torch.tensor(exists, dtype=torch.float32)


def _is_fused_loop(members: tuple[str, ...], inner: Mapping[str, list[Projection]]) -> bool:
    """Whether a loop is one population that feeds back to itself through a matrix, one step later."""
    projections = inner[members[0]]
    if len(members) > 1 or len(projections) != 1 or projections[0].delay != 1:
        return False
    return len(projections[0].ops) == 1 and isinstance(projections[0].ops[0], Linear)


def _dampen(spikes: Tensor) -> Tensor:
    """Return the spikes, with the gradient through them scaled down (by ``DAMPENING``)."""
    return spikes.detach() + DAMPENING * (spikes - spikes.detach()) if spikes.requires_grad else spikes


def delayed(x: Tensor, steps: int) -> Tensor:
    """Return (T, B, *shape) shifted along time, zeros first."""
    if steps == 0:
        return x
    steps = min(steps, len(x))
    return torch.cat([torch.zeros_like(x[:steps]), x[: len(x) - steps]])


def _numpy(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().cpu().numpy().copy()
    return array
