"""Trainable float simulation of a network in torch, with surrogate gradients.

Layer by layer over the whole time axis: synapses see time folded into the batch, neurons scan over time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from numpy.typing import NDArray
from torch import Tensor, nn

from spear_deploy.network import AvgPool2d, Conv2d, Flatten, Linear, LinearOp, Network, Neuron, Scale, SumPool2d
from spear_deploy.simulate.training_kernel import FusedScan

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
        self.synapses = nn.ModuleDict()
        for index, projection in enumerate(network.projections):
            self.synapses[str(index)] = _Chain(projection.ops)
        self.cells = nn.ModuleDict()
        for index, population in enumerate(network.neurons):
            assert population.neuron is not None
            self.cells[str(index)] = _Cell(population.neuron)

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Simulate; see the class."""
        known: dict[str, Tensor] = dict(inputs)
        steps, batch = next(iter(inputs.values())).shape[:2]
        chains = dict(zip(self.structure.projections, self.synapses.values(), strict=True))
        for population, cell in zip(self.structure.neurons, self.cells.values(), strict=True):
            currents = [chains[p](known[p.source]) for p in self.structure.into(population.name)]
            total = sum(currents[1:], currents[0]) if currents else torch.zeros(steps, batch, *population.shape)
            known[population.name] = cell(total)
        return {name: value for name, value in known.items() if name not in inputs}

    def to_network(self) -> Network:
        """Return the network with the present weights and biases."""
        projections = tuple(
            replace(projection, ops=chain.to_ops())  # type: ignore[operator]
            for projection, chain in zip(self.structure.projections, self.synapses.values(), strict=True)
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
            y = self._applied(index, op, y)
        return y.expand(steps, *y.shape) if held else y.unflatten(0, (steps, batch))

    def _applied(self, index: int, op: LinearOp, x: Tensor) -> Tensor:
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

    def to_ops(self) -> tuple[LinearOp, ...]:
        return tuple(self._to_op(index, op) for index, op in enumerate(self.ops))

    def _to_op(self, index: int, op: LinearOp) -> LinearOp:
        if not isinstance(op, Conv2d | Linear):
            return op
        bias = self._bias(index)
        return replace(op, weight=_numpy(self.weights[f"weight{index}"]), bias=None if bias is None else _numpy(bias))


class _Cell(nn.Module):
    """The neurons of one population: scans (T, B, *shape) over time."""

    def __init__(self, neuron: Neuron) -> None:
        super().__init__()
        self.neuron = neuron
        for name, array in neuron.arrays().items():
            self.register_buffer(name, torch.tensor(_collapsed(array)))

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu" and _is_plain(self.neuron):
            return self._fused(x)
        return self.scan(x)

    def _fused(self, x: Tensor) -> Tensor:
        neuron = self.neuron
        assert neuron.threshold is not None
        arrays = (neuron.alpha, neuron.beta, neuron.gain, neuron.bias, neuron.threshold, neuron.reset_value)
        parameters = tuple(np.ascontiguousarray(array.reshape(-1)) for array in arrays)
        inclusive = neuron.comparison == "ge"
        spikes: Tensor = FusedScan.apply(x.flatten(2), parameters, inclusive, SURROGATE_SLOPE)  # type: ignore[no-untyped-call]
        return spikes.view(x.shape)

    def scan(self, x: Tensor) -> Tensor:
        """Scan step by step in torch: every kind of neuron, every device."""
        buffers: Any = self
        alpha, beta, gain, bias = buffers.alpha, buffers.beta, buffers.gain, buffers.bias
        current = torch.zeros_like(x[0])
        v = buffers.reset_value.expand_as(x[0])
        outputs = []
        pending: Tensor | None = None
        for step in range(x.shape[0]):
            current = alpha * current + x[step] if self.neuron.has_current else x[step]
            v = beta * v + gain * current + bias
            if self.neuron.is_readout:
                outputs.append(v)
                continue
            if pending is not None:
                v = self._reset(v, pending)
            spikes = self._fire(v)
            outputs.append(spikes)
            if self.neuron.late:
                pending = spikes
            else:
                v = self._reset(v, spikes)
            if self.neuron.floor is not None:
                v = v.clamp(min=self.neuron.floor)
        return torch.stack(outputs)

    def _fire(self, v: Tensor) -> Tensor:
        buffers: Any = self
        threshold: Tensor = buffers.threshold
        distance = (v - threshold) / (threshold - buffers.reset_value)
        spikes: Tensor = _Spike.apply(distance, self.neuron.comparison == "ge")  # type: ignore[no-untyped-call]
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


def _is_plain(neuron: Neuron) -> bool:
    """Whether the fused scan covers the neuron."""
    return not (
        neuron.is_readout
        or neuron.reset != "value"
        or neuron.late
        or neuron.spikes == "integer"
        or neuron.floor is not None
    )


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


def _collapsed(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return one value where all are equal: broadcasting it is faster than a full array."""
    first = array.reshape(-1)[:1]
    return first if np.all(array == first) else array


def _numpy(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.detach().cpu().numpy().copy()
    return array
