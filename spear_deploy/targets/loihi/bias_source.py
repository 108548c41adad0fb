"""A bias in front of a synaptic current, fed by neurons that fire in every step: exact where a membrane's bias is not.

The chip's bias acts on the membrane, so that a bias of the current starts at its steady state there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network import Conv2d, Linear, Network, Neuron, Population, Projection
from spear_deploy.network.ops import LinearOp, Shape
from spear_deploy.targets.loihi.layer import Layer


def can_be_fed(layer: Layer) -> bool:
    """Whether biases feed a synaptic current that outlasts its step, alike in all of a channel.

    Those of a population that was trained on integers stay on the membrane, as they were in training.
    """
    if layer.population.resolution is not None:
        return False
    is_alike = len(layer.population.shape) == 1 or not np.ptp(layer.constant, axis=(1, 2)).any()
    return layer.neuron.has_current and bool(layer.constant.any()) and is_alike


def with_bias_sources(network: Network, names: Collection[str]) -> Network:
    """Return the network with the biases of the projections into these populations fed by a source of their own.

    It is one neuron, or a map of them in front of a convolution's map, whose bias alone takes it beyond its threshold.
    """
    populations, projections = list(network.populations), []
    for projection in network.projections:
        ops = tuple(map(_without_bias, projection.ops)) if projection.target in names else projection.ops
        projections.append(replace(projection, ops=ops))
    for name in sorted(names):
        source, shape = _free_name(network, name), network[name].shape
        constant = network.constant_input(name).astype(np.float32)
        neurons: Shape = (1,) if len(shape) == 1 else (1, *shape[1:])
        populations.append(Population(source, neurons, _always_firing(neurons)))
        projections.append(Projection(f"{source}.weights", source, name, (_weights(constant),)))
    return Network(tuple(populations), tuple(projections), network.outputs)


def _weights(constant: NDArray[np.float32]) -> LinearOp:
    """Return weights from a source that fires in every step: a bias is the same all over a channel."""
    if constant.ndim == 1:
        return Linear(constant[:, None])
    return Conv2d(constant[:, :1, :1, None])


def _without_bias(op: LinearOp) -> LinearOp:
    return replace(op, bias=None) if isinstance(op, Conv2d | Linear) else op


def _always_firing(shape: Shape) -> Neuron:
    zero, one = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    return Neuron(alpha=zero, beta=one, gain=one, bias=2 * one, reset_value=zero, threshold=one)


def _free_name(network: Network, population: str) -> str:
    taken = {*network.shapes, *(projection.name for projection in network.projections)}
    name = f"{population}.bias"
    while name in taken or f"{name}.weights" in taken:
        name += "_"
    return name
