"""Layers of ``.net`` files of sigma-delta neurons."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.frontends.net.file import NetLayer
from spear_deploy.network.sigma_delta import SigmaDeltaNetwork
from spear_deploy.network.synapses import ConvSynapses

_OF_LAYERS = ("bias", "weight", "delay", "stride", "padding")


def neurons(**fields: Any) -> dict[str, Any]:
    """The data sets of sigma-delta neurons."""
    return {f"neuron/{key}": value for key, value in ({"type": "SDNN", "vThMant": 0} | fields).items()}


def map_input(shape: tuple[int, ...], threshold: int = 0, **values: Any) -> NetLayer:
    """An input layer with an encoder."""
    return NetLayer("input", {"shape": list(shape), **values, **neurons(vThMant=threshold)})


def _layer(kind: str, values: dict[str, Any], fields: dict[str, Any]) -> NetLayer:
    own = {key: np.asarray(fields.pop(key)) for key in _OF_LAYERS if key in fields}
    return NetLayer(kind, {**values, **own, **neurons(**fields)})


def conv(shape: tuple[int, ...], weight: NDArray[Any], **fields: Any) -> NetLayer:
    """A convolution."""
    geometry = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1}
    given = {key: fields.pop(key) for key in ("stride", "padding", "dilation", "groups") if key in fields}
    return _layer("conv", {"shape": list(shape), "weight": weight.astype(np.float32), **geometry, **given}, fields)


def dense(weight: NDArray[Any], *, kind: str = "dense", **fields: Any) -> NetLayer:
    """A dense layer."""
    return _layer(kind, {"shape": [len(weight)], "weight": weight.astype(np.float32)}, fields)


def decoder(weight: NDArray[Any], **fields: Any) -> NetLayer:
    """A dense layer whose sums are the output."""
    return dense(weight, sigma_output=True, **fields)


def layers_of(network: SigmaDeltaNetwork) -> list[NetLayer]:
    """Return a network as layers, for exponents of 6 and the neurons that netx has."""
    encoder = network.encoder
    given = NetLayer("input", {"shape": list(network.input.shape)})
    layers = [given if encoder is None else NetLayer("input", {**given.values, **neurons(vThMant=encoder.threshold)})]
    synapses = {each.target: each for each in network.synapses}
    for population in network.populations[encoder is not None :]:
        each = synapses[population.name]
        fields = {"vThMant": population.threshold}
        if population.kind == "sigma":
            fields = {"sigma_output": np.True_}
        elif np.any(population.bias):
            fields["bias"] = (
                population.bias.T if population.bias.ndim else np.full(population.shape[0], population.bias)
            )
        if isinstance(each, ConvSynapses):
            geometry = {key: getattr(each, key) for key in ("stride", "padding", "dilation", "groups")}
            layers.append(conv(population.shape, each.weight, **geometry, **fields))
            continue
        if len(network.shapes[each.source]) == 3:
            layers.append(NetLayer("flatten", {}))
        layers.append(dense(each.weight, **fields))
    return layers
