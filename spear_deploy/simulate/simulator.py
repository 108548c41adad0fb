"""Trainable float simulation of a network in torch, with surrogate gradients.

Layer by layer over the whole time axis: synapses see time folded into the batch, neurons scan over time.
Populations that feed each other in a loop are run together, step by step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

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
    Neuron,
    Projection,
    Scale,
    SumPool2d,
)
from spear_deploy.simulate.scan_kernel import DAMPENING, FusedLoop, FusedScan, Parameters

SURROGATE_SLOPE = 2.0
"""Slope of the arctan surrogate (Fang et al. 2021), in units of 1/threshold."""


class FloatSimulator(nn.Module):
    """Runs a network on spikes or values; its weights and biases are trainable parameters.

    ``forward`` takes the input populations' values, each (T, B, *shape), and returns for every population
    with neurons its output (T, B, *shape): spikes, or the membrane for a readout.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.structure = network
        self._chains = {projection.name: _Chain(projection.ops) for projection in network.projections}
        self._cells = {population.name: _Cell(population.neuron) for population in network.neurons}
        # Modules are registered by number: names of populations may hold dots, which torch does not take.
        self.synapses = nn.ModuleDict({str(index): chain for index, chain in enumerate(self._chains.values())})
        self.cells = nn.ModuleDict({str(index): cell for index, cell in enumerate(self._cells.values())})

    def forward(self, inputs: Mapping[str, Tensor], membranes: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Simulate; see the class.

        ``membranes``, where given, receives every population's membrane at the end of each step, (T, B, *shape).
        """
        known: dict[str, Tensor] = dict(inputs)
        for component in self.structure.components:
            name = component[0]
            if component in self.structure.loops:
                known |= self._run_loop(component, known, membranes)
            elif name not in inputs and membranes is None:
                known[name] = self._cells[name](self._sum_inputs(name, known))
            elif name not in inputs and membranes is not None:
                known[name], membranes[name] = self._cells[name].scan(self._sum_inputs(name, known))
        return {name: value for name, value in known.items() if name not in inputs}

    def _sum_inputs(self, target: str, known: Mapping[str, Tensor]) -> Tensor:
        """Sum what the ``known`` populations send to a target: (T, B, *shape)."""
        first = next(iter(known.values()))
        total: Tensor | None = None
        for projection in self.structure.into(target):
            if projection.source in known:
                sent = self._chains[projection.name](_delay(known[projection.source], projection.delay))
                total = sent if total is None else total + sent
        shape = (*first.shape[:2], *self.structure[target].shape)
        return torch.zeros(shape, device=first.device) if total is None else total

    def _run_loop(
        self, members: tuple[str, ...], known: Mapping[str, Tensor], membranes: dict[str, Tensor] | None
    ) -> dict[str, Tensor]:
        """Run populations that feed each other, and return their outputs."""
        outside = {name: self._sum_inputs(name, known) for name in members}
        inner = {name: [p for p in self.structure.into(name) if p.source in members] for name in members}
        is_fused = membranes is None and _is_fused_loop(members, inner)
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
                kept[name].append(states[name].v)
        if membranes is not None:
            membranes |= {name: torch.stack(values) for name, values in kept.items()}
        return {name: torch.stack(outputs) for name, outputs in sent.items()}

    def _run_fused_loop(self, arriving: Tensor, projection: Projection) -> Tensor:
        weight, bias = self._chains[projection.name].matrix()
        return self._cells[projection.source].feed_back(arriving, weight, bias)

    def to_network(self) -> Network:
        """Return the network with the present weights and biases."""
        projections = tuple(
            replace(projection, ops=self._chains[projection.name].to_ops()) for projection in self.structure.projections
        )
        return replace(self.structure, projections=projections)


class _Chain(nn.Module):
    """The linear operations of one projection."""

    def __init__(self, ops: tuple[LinearOp, ...]) -> None:
        super().__init__()
        self.ops = ops
        self.weights = nn.ParameterDict()
        for index, op in enumerate(ops):
            if isinstance(op, Conv2d | Linear):
                self.weights[f"weight{index}"] = nn.Parameter(torch.tensor(op.weight))
                if op.bias is not None:
                    self.weights[f"bias{index}"] = nn.Parameter(torch.tensor(op.bias))
            elif isinstance(op, Scale):
                self.register_buffer(f"factor{index}", torch.tensor(op.factor))

    def forward(self, x: Tensor) -> Tensor:
        steps, batch = x.shape[:2]
        held = x.stride(0) == 0  # a constant input, expanded over time: computed once
        y = x[0] if held else x.flatten(0, 1)
        for index, op in enumerate(self.ops):
            y = self._operate(index, op, y)
        return y.expand(steps, *y.shape) if held else y.unflatten(0, (steps, batch))

    def _operate(self, index: int, op: LinearOp, x: Tensor) -> Tensor:
        match op:
            case Conv2d():
                weight, bias = self.weights[f"weight{index}"], self._bias(index)
                return functional.conv2d(x, weight, bias, op.stride, op.padding, op.dilation, op.groups)
            case Linear():
                return functional.linear(x, self.weights[f"weight{index}"], self._bias(index))
            case AvgPool2d():
                return functional.avg_pool2d(x, op.kernel, op.stride, op.padding)
            case SumPool2d():
                return functional.avg_pool2d(x, op.kernel, op.stride, op.padding, divisor_override=1)
            case Flatten():
                return x.flatten(1)
            case Scale():
                factor: Tensor = getattr(self, f"factor{index}")
                return x * factor

    def _bias(self, index: int) -> Tensor | None:
        key = f"bias{index}"
        bias: Tensor | None = self.weights.get(key, None)
        return bias

    def matrix(self) -> tuple[Tensor, Tensor]:
        """Return weight and bias of a chain of one Linear."""
        weight, bias = self.weights["weight0"], self._bias(0)
        return weight, torch.zeros(len(weight)) if bias is None else bias

    def to_ops(self) -> tuple[LinearOp, ...]:
        return tuple(self._to_op(index, op) for index, op in enumerate(self.ops))

    def _to_op(self, index: int, op: LinearOp) -> LinearOp:
        if not isinstance(op, Conv2d | Linear):
            return op
        bias = self._bias(index)
        return replace(op, weight=_numpy(self.weights[f"weight{index}"]), bias=None if bias is None else _numpy(bias))


class _State(NamedTuple):
    """Neurons between two steps: synaptic current, membrane, and what was sent last."""

    current: Tensor
    v: Tensor
    fired: Tensor


class _Cell(nn.Module):
    """The neurons of one population: scans (T, B, *shape) over time."""

    def __init__(self, neuron: Neuron) -> None:
        super().__init__()
        self.neuron = neuron
        for name, array in neuron.arrays().items():
            self.register_buffer(name, torch.tensor(_collapse(array)))

    def forward(self, x: Tensor) -> Tensor:
        if not self.can_be_fused(x):
            return self.scan(x)[0]
        spikes: Tensor = FusedScan.apply(x.flatten(2), self._scan_parameters(), SURROGATE_SLOPE)  # type: ignore[no-untyped-call]
        return spikes.view(x.shape)

    def can_be_fused(self, x: Tensor) -> bool:
        """Say whether the fused scans cover these neurons, where ``x`` is."""
        neuron = self.neuron
        odd = neuron.is_readout or neuron.spikes == "integer" or neuron.floor is not None
        return x.device.type == "cpu" and not odd

    def feed_back(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Scan neurons that feed back to themselves, a step later, through ``weight @ s + bias``."""
        arguments = (x.flatten(2), weight, bias, self._scan_parameters(), SURROGATE_SLOPE)
        spikes: Tensor = FusedLoop.apply(*arguments)  # type: ignore[no-untyped-call]
        return spikes.view(x.shape)

    def _scan_parameters(self) -> Parameters:
        neuron = self.neuron
        assert neuron.threshold is not None
        arrays = (neuron.alpha, neuron.beta, neuron.gain, neuron.bias, neuron.threshold, neuron.reset_value)
        alpha, beta, gain, bias, threshold, reset = (np.ascontiguousarray(array.reshape(-1)) for array in arrays)
        kind = (neuron.compare == "ge", neuron.reset == "subtract", neuron.reset_delay)
        return Parameters(alpha, beta, gain, bias, threshold, reset, *kind)

    def scan(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scan step by step in torch: every kind of neuron, every device.  Returns what is sent, and membranes."""
        state, outputs, membranes = self.start(x[0]), [], []
        for arriving in x:
            state, out = self.step(state, arriving)
            outputs.append(out)
            membranes.append(state.v)
        return torch.stack(outputs), torch.stack(membranes)

    def start(self, like: Tensor) -> _State:
        """Return the state before the first step, for inputs (B, *shape) like this one."""
        buffers: Any = self
        return _State(torch.zeros_like(like), buffers.reset_value.expand_as(like), torch.zeros_like(like))

    def step(self, state: _State, arriving: Tensor) -> tuple[_State, Tensor]:
        """Integrate one step's summed input (B, *shape); return the new state and what is sent."""
        buffers: Any = self
        current = buffers.alpha * state.current + arriving if self.neuron.has_current else arriving
        v = buffers.beta * state.v + buffers.gain * current + buffers.bias
        if self.neuron.is_readout:
            return _State(current, v, state.fired), v
        if self.neuron.reset_delay:
            v = self._reset(v, state.fired)
        spikes = self._fire(v)
        if not self.neuron.reset_delay:
            v = self._reset(v, spikes)
        if self.neuron.floor is not None:
            v = v.clamp(min=self.neuron.floor)
        return _State(current, v, spikes), spikes

    def _fire(self, v: Tensor) -> Tensor:
        buffers: Any = self
        threshold: Tensor = buffers.threshold
        width = (threshold - buffers.reset_value).abs().clamp(min=1e-6)
        distance = (v - threshold) / width
        spikes: Tensor = _Spike.apply(distance, self.neuron.compare == "ge")  # type: ignore[no-untyped-call]
        if self.neuron.spikes == "integer":
            return spikes * torch.clamp(torch.trunc(v.detach() / threshold), min=1.0)
        return spikes

    def _reset(self, v: Tensor, spikes: Tensor) -> Tensor:
        # Gradients do not flow through the reset (Zenke and Vogels 2021: it does not help training).
        fired = spikes.detach()
        buffers: Any = self
        threshold: Tensor = buffers.threshold
        return (
            v - fired * threshold if self.neuron.reset == "subtract" else torch.where(fired > 0, buffers.reset_value, v)
        )


def _is_fused_loop(members: tuple[str, ...], inner: Mapping[str, list[Projection]]) -> bool:
    """Say whether a loop is one population that feeds back to itself through a matrix, a step later."""
    projections = inner[members[0]]
    if len(members) > 1 or len(projections) != 1 or projections[0].delay != 1:
        return False
    return len(projections[0].ops) == 1 and isinstance(projections[0].ops[0], Linear)


def _dampen(spikes: Tensor) -> Tensor:
    """Return the spikes; only a share of the gradient goes back through them."""
    return spikes.detach() + DAMPENING * (spikes - spikes.detach()) if spikes.requires_grad else spikes


def _delay(x: Tensor, steps: int) -> Tensor:
    """Return (T, B, *shape) shifted along time, zeros first."""
    if steps == 0:
        return x
    steps = min(steps, len(x))
    return torch.cat([torch.zeros_like(x[:steps]), x[: len(x) - steps]])


class _Spike(torch.autograd.Function):
    """Heaviside step of the distance to threshold; arctan surrogate gradient."""

    @staticmethod
    def forward(ctx: Any, distance: Tensor, inclusive: bool) -> Tensor:
        ctx.save_for_backward(distance)
        fired: Tensor = distance >= 0 if inclusive else distance > 0
        spikes: Tensor = fired.to(distance.dtype)
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (distance,) = ctx.saved_tensors
        slope = np.pi / 2 * SURROGATE_SLOPE
        return gradients[0] * (SURROGATE_SLOPE / 2) / (1 + (slope * distance) ** 2), None


def _collapse(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return one value where all are equal: broadcasting it is faster than a full array."""
    first = array.reshape(-1)[:1]
    return first if np.all(array == first) else array


def _numpy(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().cpu().numpy().copy()
    return array
