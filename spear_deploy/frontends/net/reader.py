"""Reading a lava-dl ``.net`` file as a :class:`~spear_deploy.network.Network`.

lava-dl trains on multiples of 1/64 and stores 64 times that; netx runs these integers.  In the network they are
multiples of 1/64 again, so that a chip's scale of 64 restores each integer of the file::

    weight, threshold, bias     n / 64                 the bias acts on the membrane, whatever the current's decay
    alpha, beta                 1 - iDecay / unit, 1 - vDecay / unit       unit: 12 bits
    delay matrix                a projection for each delay

An input layer with neurons, which netx drives through their bias, is an input and a population.  All findings of a
file are reported at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from spear_deploy.errors import Finding
from spear_deploy.frontends.imported import Imported
from spear_deploy.frontends.net import file as net_file
from spear_deploy.frontends.net.file import NetLayer
from spear_deploy.frontends.net.layers import (
    UNIT,
    ConvolutionLayer,
    DenseLayer,
    FlattenLayer,
    InputLayer,
    Layer,
    delays_of,
    parse,
    refusals,
)
from spear_deploy.frontends.net.parsing import error_of, parse_layers
from spear_deploy.frontends.net.sigma_delta import is_sigma_delta, refusal
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.network import Flatten, Input, Linear, Network, Neuron, Population, Projection, Scale, ShapeError

NET_SEMANTICS = Semantics(dt=1.0, current_gain="unit", gain="unit", if_gain="unit", reset="zero")
"""The semantics of netx; the unit of time is a step."""
_MAX_THRESHOLD = (1 << 17) - 1
"""The register's limit; lava-dl gives at least this threshold to an output that is not to fire."""


def read_net(path: Path | str) -> Imported:
    """Read a ``.net`` file with the semantics of netx.

    Raises:
        InputError: E001, E013 (unreadable, damaged, or with values that netx would change on loading).
        UnsupportedError: E021 and E026 with every layer concerned, or an E021 for sigma-delta neurons, which
            :mod:`~spear_deploy.frontends.net.sigma_delta` reads.
    """
    stored = net_file.read(Path(path))
    if is_sigma_delta(stored):
        raise refusal(Path(path))
    layers, findings = parse_layers(stored, lambda index, layer: refusals(layer), _parse)
    if not findings:
        chain = _Chain(layers)
        if not chain.findings:
            return Imported(chain.network(), NET_SEMANTICS, tuple(chain.notes))
        findings = chain.findings
    raise error_of(findings)


def _parse(index: int, where: str, layer: NetLayer) -> Layer:
    return parse(where, f"{layer.type.removesuffix('_rec')}{index}", layer)


class _Chain:
    """Joins the layers, each fed by the one before."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.findings: list[Finding] = []
        self.notes: list[Finding] = []
        self._populations: list[Input | Population] = []
        self._projections: list[Projection] = []
        self._flattened = False
        for layer in layers:
            self._add(layer, is_last=layer is layers[-1])
        if not self.findings and all(isinstance(population, Input) for population in self._populations):
            self._raise_damage("file", "it has no layer of neurons")

    def network(self) -> Network:
        """Return the network; its output is the last layer."""
        return Network(tuple(self._populations), tuple(self._projections), (self._populations[-1].name,))

    @property
    def _source(self) -> Input | Population | None:
        return self._populations[-1] if self._populations else None

    def _add(self, layer: Layer, *, is_last: bool) -> None:
        match layer:
            case FlattenLayer():
                self._flattened = True
            case InputLayer():
                self._add_input(layer)
            case ConvolutionLayer():
                self._add_convolution(layer, is_last=is_last)
            case DenseLayer():
                self._add_dense(layer, is_last=is_last)

    def _add_input(self, layer: InputLayer) -> None:
        if self._populations:
            self._raise_damage(layer.where, "only the first layer may be an input")
            return
        self._populations.append(Input("input", layer.shape))
        if layer.neuron is not None:
            ops = (Scale(np.full(layer.shape, layer.weight, np.float32)),)
            self._populations.append(Population("encoder", layer.shape, layer.neuron))
            self._projections.append(Projection("encoder.weight", "input", "encoder", ops))

    def _add_convolution(self, layer: ConvolutionLayer, *, is_last: bool) -> None:
        source = self._source
        if source is None:
            self._raise_damage(layer.where, "netx cannot know the shape of its input", "put an input layer before it")
        elif self._flattened:
            self._raise_damage(layer.where, "a flatten layer stands before it")
        else:
            try:
                reached = layer.op.output_shape(source.shape)
            except ShapeError as error:
                self._raise_damage(layer.where, str(error))
            else:
                if reached != layer.shape:
                    self._raise_damage(layer.where, f"it is declared to give {layer.shape}, but gives {reached}")
                self._projections.append(Projection(f"{layer.name}.weight", source.name, layer.name, (layer.op,)))
        neuron = self._with_readout(layer.where, layer.neuron, is_last=is_last)
        self._populations.append(Population(layer.name, layer.shape, neuron))

    def _add_dense(self, layer: DenseLayer, *, is_last: bool) -> None:
        size, columns = layer.weight.shape
        is_row = isinstance(self._source, Input) and max(self._source.shape) == self._source.size == columns
        if self._source is None or is_row:
            self._populations[:] = [Input("input", (columns,))]  # a row of inputs has no spatial axes
        source = self._populations[-1]
        is_map = len(source.shape) == 3
        if columns != source.size:
            self._raise_damage(layer.where, f"it reads {columns} values, {source.name!r} has {source.size}")
        if isinstance(source, Population) and self._flattened != is_map:
            problem = "reads a map that no flatten layer made a vector" if is_map else "follows a flattened vector"
            self._raise_damage(layer.where, f"it {problem}; netx cannot connect it")
        self._flattened = False
        delays = delays_of(layer.weight, layer.delay)
        for delay in delays:
            op = Linear(np.where(layer.delay == delay, layer.weight, np.float32(0)))
            name = f"{layer.name}.delay{delay}" if len(delays) > 1 else f"{layer.name}.weight"
            ops = (Flatten(), op) if is_map else (op,)
            self._projections.append(Projection(name, source.name, layer.name, ops, delay))
        if layer.recurrent is not None:
            op = Linear(layer.recurrent)
            self._projections.append(Projection(f"{layer.name}.weight_rec", layer.name, layer.name, (op,), 1))
        if not layer.has_neurons and (layer.recurrent is not None or not is_last):
            message = "it has no neurons; only the last layer may be read without"
            self.findings.append(Finding("E021", layer.where, message, "train with CUBA neurons"))
        neuron = self._with_readout(layer.where, layer.neuron, is_last=is_last and layer.recurrent is None)
        self._populations.append(Population(layer.name, (size,), neuron))

    def _with_readout(self, where: str, neuron: Neuron, *, is_last: bool) -> Neuron:
        """Return the neuron; the threshold that keeps a last layer from firing makes it a readout."""
        largest = 0.0 if neuron.threshold is None else neuron.threshold.max() * UNIT
        if is_last and neuron.threshold is not None and neuron.threshold.min() * UNIT >= _MAX_THRESHOLD:
            message = f"its threshold of {largest:.0f} keeps it from firing; it is read as a readout, by its membrane"
            self.notes.append(Finding("N006", where, message, severity="note"))
            return replace(neuron, threshold=None)
        if largest > _MAX_THRESHOLD:
            self._raise_damage(where, f"vThMant {largest:.0f} exceeds {_MAX_THRESHOLD}")
        return neuron

    def _raise_damage(self, where: str, message: str, fix: str = "export it again with lava-dl") -> None:
        self.findings.append(Finding("E013", where, message, fix))
