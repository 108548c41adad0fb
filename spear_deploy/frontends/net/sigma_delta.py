"""Reading a ``.net`` file of sigma-delta neurons as a network of the integers that netx runs.

netx uses Lava's Delta for an input layer with neurons, its Sigma for a layer with ``sigma_output`` and its SigmaDelta
for all others, with 6 fractional bits for messages and 6 more for states.  The input layer's ``weight`` and ``bias``
are left to the user, as in netx.  Source: netx/hdf5.py and netx/blocks/process.py of lava-dl 0.6.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TypeAlias

import numpy as np

from spear_deploy.errors import Finding, UnsupportedError
from spear_deploy.frontends.net import file as net_file
from spear_deploy.frontends.net.fields import LAYER_FIELDS, SIGMA_DELTA_FIELDS, field_problems
from spear_deploy.frontends.net.file import NetLayer
from spear_deploy.frontends.net.layers import FlattenLayer
from spear_deploy.frontends.net.limits import bits_problem, loading_problem, range_problem
from spear_deploy.frontends.net.parsing import AGAIN, error_of, parse_layers
from spear_deploy.frontends.net.values import (
    BadLayerError,
    Geometry,
    Integers,
    Values,
    convolution_of,
    integers_of,
    per_neuron,
    shape_of,
    single,
)
from spear_deploy.network import Conv2d, Input, ShapeError
from spear_deploy.network.ops import Shape
from spear_deploy.network.sigma_delta import Kind, SigmaDeltaNetwork, SigmaDeltaPopulation
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses

_KIND = "SDNN"
_LAYERS = ("input", "conv", "flatten", "dense")
_MAX_VALUE = (1 << 19) - 1
"""Limit of a threshold or bias: Lava keeps them in 32 bits, 12 of them fractional."""


def is_sigma_delta(layers: Sequence[NetLayer]) -> bool:
    """Whether a file has sigma-delta neurons."""
    return any(_kind(layer) == _KIND for layer in layers)


def _kind(layer: NetLayer) -> str:
    """Return the type of a layer's neurons, or "" if it has none that are read."""
    default = "" if layer.type in ("input", "flatten") else "CUBA"
    return str(layer.values.get("neuron/type", default))


class SigmaDeltaFileError(UnsupportedError):
    """A file of sigma-delta neurons was given where a network of spiking neurons is needed."""


def refusal(path: Path) -> SigmaDeltaFileError:
    """Return the error (E021) for a file."""
    message = (
        "its neurons are sigma-delta: their integers are emulated, counted and validated as they stand; nothing "
        "prunes, trains, re-quantises or exports them"
    )
    fix = "spear-deploy inspect, run or validate it, spear_deploy.load_sigma_delta from Python; or train CUBA neurons"
    return SigmaDeltaFileError(Finding("E021", str(path), message, fix))


def read_sigma_delta(path: Path | str) -> tuple[SigmaDeltaNetwork, tuple[Finding, ...]]:
    """Read a ``.net`` file of sigma-delta neurons; return the network and notes.

    Raises:
        InputError: E001, E013 (unreadable, damaged, or with values that netx or the chip would change).
        UnsupportedError: E021 and E026; all with every layer concerned.
    """
    layers = net_file.read(Path(path))
    if not is_sigma_delta(layers):
        fix = "spear-deploy compile or deploy it, and run or validate the bundle; spear_deploy.load from Python"
        raise UnsupportedError.of("E021", path, "it has no sigma-delta neurons: its network is to be compiled", fix)
    read, findings = parse_layers(
        layers,
        lambda index, layer: _refusals(layer, is_last=index == len(layers) - 1),
        lambda index, where, layer: _parse(where, f"{layer.type}{index}", layer),
    )
    if not findings:
        chain = _Chain(read)
        if not chain.findings:
            return chain.network(), tuple(_notes(layers[0]))
        findings = chain.findings
    raise error_of(findings)


def _refusals(layer: NetLayer, *, is_last: bool) -> Iterator[tuple[str, str, str]]:
    """Yield a code (E021, E026), a message and a fix for everything in a layer that is not supported."""
    values = layer.values
    if layer.type not in _LAYERS:
        known = layer.type in LAYER_FIELDS
        message = "recurrent sigma-delta layers are not supported" if known else "netx does not run such a layer"
        yield "E021", f"{message}; supported are {', '.join(_LAYERS)}", "train without it"
        return
    if (kind := _kind(layer)) not in (_KIND, ""):
        message = f"its neurons are {kind}, beside sigma-delta ones: their spikes are not messages"
        yield "E021", message, "train all layers with sigma-delta neurons"
        return
    if values.get("neuron/activation", "relu") != "relu":
        message = f"its activation is {values['neuron/activation']}: netx runs relu, whatever the file says"
        yield "E021", message, "train with relu"
    if np.any(values.get("delay", 0)):
        yield "E021", "delays of sigma-delta layers are not supported", "train without delays"
    if _is_decoder(values) and not (is_last and layer.type == "dense"):
        yield "E021", "a decoder (sigma_output) is supported as the last layer, a dense one", "decode the last layer"
    yield from field_problems(layer.type, values, SIGMA_DELTA_FIELDS)


def _notes(layer: NetLayer) -> Iterator[Finding]:
    """Yield notes on what the first layer leaves to the user."""
    given = [key for key in ("weight", "bias") if key in layer.values] if layer.type == "input" else []
    if given:
        scale = ", ".join(f"{key} {np.asarray(layer.values[key]).ravel()[0]:g}" for key in given)
        message = f"as netx, this tool leaves {scale} to its user: feed round(weight * x + bias)"
        yield Finding("N006", f"layer 0 ({layer.type})", message, severity="note")


@dataclass(frozen=True, eq=False)
class _Given:
    """An input layer; ``encoder`` is None if messages are fed."""

    where: str
    shape: Shape
    encoder: SigmaDeltaPopulation | None


@dataclass(frozen=True, eq=False)
class _Neurons:
    """Neurons of the declared shape, after a matrix, or after kernels with their ``geometry``."""

    where: str
    population: SigmaDeltaPopulation
    weight: Integers
    geometry: Geometry | None = None


_Layer: TypeAlias = FlattenLayer | _Given | _Neurons
"""A layer as read; ``where`` names it in findings."""


def _parse(where: str, name: str, layer: NetLayer) -> _Layer:
    """Return a layer; raise :class:`BadLayerError` for faults that do not depend on other layers."""
    values = layer.values
    if layer.type == "flatten":
        return FlattenLayer(where)
    shape, geometry = shape_of(values), None
    if layer.type == "input":
        encoder = _population("encoder", shape, values, "delta") if "neuron/type" in values else None
        return _Given(where, shape, encoder)
    if layer.type == "conv":
        weight, geometry = convolution_of(values)
        problem = range_problem(weight) or bits_problem(weight)
    else:
        shape, weight = (prod(shape),), integers_of(values, "weight")
        weight = weight.reshape(*shape, -1) if weight.ndim == 1 else weight
        if weight.ndim != 2 or len(weight) != shape[0]:
            raise BadLayerError(f"weight has shape {weight.shape} for {shape[0]} neurons")
        problem = range_problem(weight) or bits_problem(weight) or loading_problem(weight)
    if problem:
        raise BadLayerError(problem)
    population = _population(name, shape, values, "sigma" if _is_decoder(values) else "sigma_delta")
    return _Neurons(where, population, weight.astype(np.int16), geometry)


class _Chain:
    """Joins the layers, each fed by the one before; ``findings`` (E013) say where that is impossible."""

    def __init__(self, layers: Sequence[_Layer]) -> None:
        self.findings: list[Finding] = []
        self._input: Input | None = None
        self._populations: list[SigmaDeltaPopulation] = []
        self._synapses: list[Synapses] = []
        self._flattened = False
        for layer in layers:
            self._add(layer)
        if not self.findings and not self._synapses:
            self._tell("file", "it has no layer of synapses")

    def network(self) -> SigmaDeltaNetwork:
        """Return the network, if there are no findings."""
        assert self._input is not None
        return SigmaDeltaNetwork(self._input, tuple(self._populations), tuple(self._synapses))

    def _add(self, layer: _Layer) -> None:
        match layer:
            case FlattenLayer():
                self._flattened = True
            case _Given() if self._source is not None:
                self._tell(layer.where, "only the first layer may be an input")
            case _Given():
                self._input = Input("input", layer.shape)
                self._populations += [] if layer.encoder is None else [layer.encoder]
            case _Neurons():
                if layer.geometry is None:
                    self._add_dense(layer)
                else:
                    self._add_convolution(layer, layer.geometry)
                self._populations.append(layer.population)

    def _add_convolution(self, layer: _Neurons, geometry: Geometry) -> None:
        source, name, shape = self._source, layer.population.name, layer.population.shape
        if source is None:
            self._tell(layer.where, "netx cannot know the shape of its input; put an input layer before it")
            return
        if self._flattened:
            self._tell(layer.where, "a flatten layer stands before it")
            return
        try:
            reached = Conv2d(layer.weight.astype(np.float32), None, *geometry).output_shape(source.shape)
        except ShapeError as error:
            self._tell(layer.where, str(error))
            return
        if reached != shape:
            self._tell(layer.where, f"it is declared to give {shape}, but gives {reached}")
        self._synapses.append(ConvSynapses(f"{name}.weight", source.name, name, layer.weight, *geometry))

    def _add_dense(self, layer: _Neurons) -> None:
        name, columns, source = layer.population.name, layer.weight.shape[1], self._source
        if source is None or (not self._populations and source.size == columns):
            source = self._input = Input("input", (columns,))  # a row of inputs has no spatial axes
        if columns != source.size:
            self._tell(layer.where, f"it reads {columns} values, {source.name!r} has {source.size}")
        elif self._populations and self._flattened != (len(source.shape) == 3):
            self._tell(layer.where, "a flatten layer stands before it and not behind a map, or the other way round")
        self._flattened = False
        self._synapses.append(DenseSynapses(f"{name}.weight", source.name, name, layer.weight))

    @property
    def _source(self) -> Input | SigmaDeltaPopulation | None:
        return self._populations[-1] if self._populations else self._input

    def _tell(self, where: str, message: str) -> None:
        self.findings.append(Finding("E013", where, message, AGAIN))


def _population(name: str, shape: Shape, values: Values, kind: Kind) -> SigmaDeltaPopulation:
    nothing = np.zeros((), np.int64)
    if kind == "sigma":
        if "bias" in values:
            raise BadLayerError("a decoder has a bias, which netx cannot load")
        return SigmaDeltaPopulation(name, shape, kind, 0, nothing)
    threshold = int(single(values, "neuron/vThMant"))
    bias = per_neuron(values, "bias", shape) if kind == "sigma_delta" and "bias" in values else nothing
    if threshold < 0:
        raise BadLayerError(f"vThMant is {threshold}, below 0")
    largest = max(threshold, int(np.abs(bias).max()))
    if largest > _MAX_VALUE:
        raise BadLayerError(f"its threshold or bias reaches {largest}, beyond {_MAX_VALUE}: Lava's 32 bits would wrap")
    return SigmaDeltaPopulation(name, shape, kind, threshold, bias)


def _is_decoder(values: Values) -> bool:
    """Whether netx reads a layer as a decoder: the presence of the field decides, not its value."""
    return "neuron/sigma_output" in values
