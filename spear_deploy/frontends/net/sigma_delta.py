"""From a stored ``.net`` file of sigma-delta neurons to a network of the integers that netx runs.

netx makes Lava's Delta of an input layer with neurons, its Sigma of a layer with ``sigma_output`` and its SigmaDelta of
all others, with 6 binary places for messages and 6 more for states.  What the input layer's ``weight`` and ``bias`` say
is left to the user, as in netx.  Source: netx/hdf5.py and netx/blocks/process.py of lava-dl 0.6.0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path

import numpy as np

from spear_deploy.errors import Finding, InputError, UnsupportedError
from spear_deploy.frontends.net import file as net_file
from spear_deploy.frontends.net.fields import LAYER_FIELDS, SIGMA_DELTA_FIELDS, field_problems
from spear_deploy.frontends.net.file import NetLayer
from spear_deploy.frontends.net.limits import bits_problem, loading_problem, range_problem
from spear_deploy.frontends.net.values import (
    BadLayerError,
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
"""Of a threshold or bias: with their 12 binary places Lava keeps them in 32 bits."""


def is_sigma_delta(layers: Sequence[NetLayer]) -> bool:
    """Say whether a file has sigma-delta neurons."""
    return any(_kind(layer) == _KIND for layer in layers)


def _kind(layer: NetLayer) -> str:
    """Return what a layer's neurons are; nothing where it has none that are read."""
    default = "" if layer.type in ("input", "flatten") else "CUBA"
    return str(layer.values.get("neuron/type", default))


class SigmaDeltaFileError(UnsupportedError):
    """A file of sigma-delta neurons was given where a float network of spiking neurons is needed."""


def refusal(path: Path) -> SigmaDeltaFileError:
    """Return what is raised there (E021)."""
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
        UnsupportedError: E021 and E026 with every layer concerned.
    """
    layers, findings = net_file.read(Path(path)), []
    if not is_sigma_delta(layers):
        fix = "spear-deploy compile or deploy it, and run or validate the bundle; spear_deploy.load from Python"
        raise UnsupportedError.of("E021", path, "it has no sigma-delta neurons: its network is to be compiled", fix)
    places = [f"layer {index} ({layer.type})" for index, layer in enumerate(layers)]
    for index, (where, layer) in enumerate(zip(places, layers, strict=True)):
        told = _refusals(layer, is_last=index == len(layers) - 1)
        findings += [Finding(code, where, message, fix) for code, message, fix in told]
    if findings:
        raise UnsupportedError(findings)
    chain = _Chain()
    for index, (where, layer) in enumerate(zip(places, layers, strict=True)):
        try:
            chain.add(f"{layer.type}{index}", layer)
        except (BadLayerError, ShapeError) as error:
            findings.append(Finding("E013", where, str(error), "export it again with lava-dl"))
        except (TypeError, ValueError, OverflowError) as error:
            findings.append(Finding("E013", where, f"its fields do not fit together: {error}"))
        if findings:
            raise InputError(findings)
    notes = [Finding("N006", where, text, severity="note") for where, text in _notes(places, layers)]
    return chain.network(), tuple(notes)


def _refusals(layer: NetLayer, *, is_last: bool) -> Iterator[tuple[str, str, str]]:
    """Yield a code (E021, E026), a message and a fix for everything in a layer that is not supported."""
    values = layer.values
    if layer.type not in _LAYERS:
        known = layer.type in LAYER_FIELDS
        message = "recurrent sigma-delta layers are not supported" if known else "netx does not run such a layer"
        yield "E021", f"{message}; supported are {', '.join(_LAYERS)}", "train without it"
        return
    if (kind := _kind(layer)) not in (_KIND, ""):
        message = f"its neurons are {kind}, beside sigma-delta ones: their spikes are no messages"
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


def _notes(places: Sequence[str], layers: Sequence[NetLayer]) -> Iterator[tuple[str, str]]:
    first = layers[0].values
    if layers[0].type == "input" and any(key in first for key in ("weight", "bias")):
        scale = ", ".join(f"{key} {np.asarray(first[key]).ravel()[0]:g}" for key in ("weight", "bias") if key in first)
        yield places[0], f"as netx, this tool leaves {scale} to its user: feed round(weight * x + bias)"


class _Chain:
    """Joins the layers: each is fed by the one before."""

    def __init__(self) -> None:
        self._input: Input | None = None
        self._populations: list[SigmaDeltaPopulation] = []
        self._synapses: list[Synapses] = []
        self._flattened = False

    def network(self) -> SigmaDeltaNetwork:
        """Return the network.

        Raises :class:`InputError` (E013) for one without synapses.
        """
        if self._input is None or not self._synapses:
            raise InputError.of("E013", "file", "it has no layer of synapses", "export it again with lava-dl")
        return SigmaDeltaNetwork(self._input, tuple(self._populations), tuple(self._synapses))

    def add(self, name: str, layer: NetLayer) -> None:
        """Add a layer; raises :class:`BadLayerError`, or :class:`ShapeError` where a kernel does not fit."""
        match layer.type:
            case "input":
                self._add_input(layer.values)
            case "flatten":
                self._flattened = True
            case "conv":
                self._add_convolution(name, layer.values)
            case _:
                self._add_dense(name, layer.values)

    def _add_input(self, values: Values) -> None:
        if self._input is not None:
            raise BadLayerError("only the first layer may be an input")
        shape = shape_of(values)
        self._input = Input("input", shape)
        if "neuron/type" in values:
            self._populations.append(_population("encoder", shape, values, "delta"))

    def _add_convolution(self, name: str, values: Values) -> None:
        if self._input is None:
            raise BadLayerError("netx cannot know the shape of its input; put an input layer before it")
        source, shape = self._source, shape_of(values)
        weight, geometry = convolution_of(values)
        if self._flattened:
            raise BadLayerError("a flatten layer stands before it")
        reached = Conv2d(weight.astype(np.float32), None, *geometry).output_shape(source.shape)
        if reached != shape:
            raise BadLayerError(f"it is declared to give {shape}, but gives {reached}")
        if problem := range_problem(weight) or bits_problem(weight):
            raise BadLayerError(problem)
        self._synapses.append(ConvSynapses(f"{name}.weight", source.name, name, weight.astype(np.int16), *geometry))
        self._populations.append(_population(name, shape, values, "sigma_delta"))

    def _add_dense(self, name: str, values: Values) -> None:
        size, weight = prod(shape_of(values)), integers_of(values, "weight")
        weight = weight.reshape(size, -1) if weight.ndim == 1 else weight
        if weight.ndim != 2 or len(weight) != size:
            raise BadLayerError(f"weight has shape {weight.shape} for {size} neurons")
        if self._input is None or (not self._populations and self._input.size == weight.shape[1]):
            self._input = Input("input", (weight.shape[1],))  # a row of inputs needs no axes
        source = self._source
        if weight.shape[1] != source.size:
            raise BadLayerError(f"it reads {weight.shape[1]} values, {source.name!r} has {source.size}")
        if self._populations and self._flattened != (len(source.shape) == 3):
            raise BadLayerError("a flatten layer stands before it and not behind a map, or the other way round")
        if problem := range_problem(weight) or bits_problem(weight) or loading_problem(weight):
            raise BadLayerError(problem)
        self._flattened = False
        self._synapses.append(DenseSynapses(f"{name}.weight", source.name, name, weight.astype(np.int16)))
        self._populations.append(_population(name, (size,), values, "sigma" if _is_decoder(values) else "sigma_delta"))

    @property
    def _source(self) -> Input | SigmaDeltaPopulation:
        source = self._populations[-1] if self._populations else self._input
        assert source is not None
        return source


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
    """Say whether netx makes a decoder of a layer: it asks for the field, not for what it holds."""
    return "neuron/sigma_output" in values
