"""A program as sinabs' network: built of its floats, discretised by sinabs, and held against the program's integers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from spear_deploy_speck import samna_stub
from spear_deploy_speck.errors import BadInputError
from spear_deploy_speck.program import Layer, Program

samna_stub.install()

import sinabs.layers as sl  # noqa: E402
from sinabs.activation import MembraneReset, MembraneSubtract  # noqa: E402
from sinabs.backend.dynapcnn import DynapcnnNetwork, chips  # noqa: E402


class FloatNetwork(nn.Module):
    """The layers as modules; the forward pass is what sinabs traces."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        ((self.input, _),) = program.inputs.items()
        self.layers = program.layers
        vectors = {layer.name for layer in program.layers if len(layer.shape) == 1}  # an input is fed as a map
        for number, layer in enumerate(program.layers):
            setattr(self, f"weight{number}", _weight(layer))
            setattr(self, f"spike{number}", _neurons(layer))
            if len(layer.sources) > 1:
                setattr(self, f"merge{number}", sl.Merge())
            for at, (source, pool) in enumerate(layer.sources):
                if pool > 1:
                    setattr(self, f"pool{number}_{at}", sl.SumPool2d(pool))
                if layer.name in vectors and source not in vectors:
                    setattr(self, f"flat{number}_{at}", nn.Flatten())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the spikes of the last layer: (batch * time, ...)."""
        sent = {self.input: x}
        for number, layer in enumerate(self.layers):
            arriving = [self._fed(sent[source], f"{number}_{at}") for at, (source, _) in enumerate(layer.sources)]
            summed = arriving[0]
            for other in arriving[1:]:
                summed = getattr(self, f"merge{number}")(summed, other)
            sent[layer.name] = getattr(self, f"spike{number}")(getattr(self, f"weight{number}")(summed))
        return sent[self.layers[-1].name]

    def _fed(self, x: torch.Tensor, place: str) -> torch.Tensor:
        for kind in ("pool", "flat"):
            if hasattr(self, f"{kind}{place}"):
                x = getattr(self, f"{kind}{place}")(x)
        return x


def build(program: Program) -> tuple[DynapcnnNetwork, dict[str, Any]]:
    """Return sinabs' discretised network, and its layer for each of the program's, by name.

    Raises :class:`BadInputError` where sinabs makes other integers of the floats, or does not allow a layer on its
    core.
    """
    if len(program.inputs) != 1:
        raise BadInputError(f"sinabs takes one input; the program has {len(program.inputs)}")
    (shape,) = program.inputs.values()
    shape = shape if len(shape) == 3 else (shape[0], 1, 1)
    network = DynapcnnNetwork(FloatNetwork(program), input_shape=shape, discretize=True)
    theirs = dict(network.dynapcnn_layers.items())
    found: dict[str, Any] = {}
    for number, layer in enumerate(program.layers):
        candidates = [number, *(key for key in theirs if key != number)]
        key = next((key for key in candidates if key in theirs and not list(_differs(layer, theirs[key]))), None)
        if key is None:
            unlike = "; ".join(_differs(layer, theirs[number])) if number in theirs else "it has no such layer"
            raise BadInputError(f"layer {layer.name!r}: sinabs discretises it otherwise: {unlike}")
        found[layer.name] = theirs.pop(key)
    _check_cores(program, found)
    return network, found


def _weight(layer: Layer) -> nn.Module:
    floats = layer.floats
    features, channels, kernel, _ = floats.weight.shape
    module: nn.Conv2d | nn.Linear
    if len(layer.shape) == 1:
        module = nn.Linear(channels * kernel * kernel, features, bias=floats.bias is not None)
        weight = floats.weight.reshape(features, -1)
    else:
        geometry = {"stride": layer.stride, "padding": layer.padding}
        module = nn.Conv2d(channels, features, kernel, bias=floats.bias is not None, **geometry)
        weight = floats.weight
    module.weight.data = torch.tensor(weight)
    if floats.bias is not None:
        module.bias.data = torch.tensor(floats.bias)
    return module


def _neurons(layer: Layer) -> nn.Module:
    return sl.IAFSqueeze(
        batch_size=1,
        spike_threshold=torch.tensor(layer.floats.threshold),
        min_v_mem=layer.floats.low,
        reset_fn=MembraneReset() if layer.zeroes else MembraneSubtract(),
    )


def _differs(layer: Layer, theirs: Any) -> Iterator[str]:
    """Yield in what sinabs' layer differs from the program's."""
    weight = theirs.conv.weight.detach().numpy()
    bias = None if theirs.conv.bias is None else theirs.conv.bias.detach().numpy()
    ours = layer.integers
    if weight.shape != ours.weight.shape:
        yield f"weights of shape {weight.shape}, not {ours.weight.shape}"
    elif not np.array_equal(weight, ours.weight):
        yield f"{np.count_nonzero(weight != ours.weight)} of {weight.size} weights"
    if ours.bias is not None and not (bias is not None and np.array_equal(bias, ours.bias)):
        yield "biases"
    if ours.bias is None and bias is not None and np.any(bias):
        yield "biases, of which the program has none"
    for name, value in (("threshold", theirs.spk.spike_threshold), ("low", theirs.spk.min_v_mem)):
        if float(value) != getattr(ours, name):
            yield f"{name} {float(value):g}, not {getattr(ours, name):g}"


def _check_cores(program: Program, found: dict[str, Any]) -> None:
    builder = {"speck2e": chips.Speck2EConfigBuilder, "speck2f": chips.Speck2FConfigBuilder}.get(program.chip)
    if builder is None:
        return  # a chip of the user's own: sinabs has no constraints of it
    constraints = builder.get_constraints()
    for layer in program.layers:
        if not constraints[layer.core].fits(found[layer.name]):
            raise BadInputError(f"layer {layer.name!r}: sinabs does not allow it on core {layer.core}")
