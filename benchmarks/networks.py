"""The networks of the benchmarks: small ones, and those of the literature at their full widths with random weights.

Weights are drawn so that a tenth of the neurons fire in a step, or so; what speed and memory depend on is shapes and
activity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network import (
    AvgPool2d,
    Conv2d,
    Flatten,
    Input,
    Linear,
    LinearOp,
    Network,
    Neuron,
    Population,
    Projection,
)
from spear_deploy.network.ops import Shape, chain_shapes

BETA = 0.9
Drawn = Callable[..., NDArray[np.float32]]


@dataclass(frozen=True)
class Case:
    """A network, ``steps`` and ``samples`` to run it on, and the share of its input that is not zero."""

    name: str
    network: Network
    steps: int
    samples: int
    rate: float = 0.1

    def spikes(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Draw input (T, B, *shape)."""
        shape = (self.steps, self.samples, *self.network.inputs[0].shape)
        return (rng.random(shape, np.float32) < self.rate).astype(np.uint8)


class Builder:
    """Adds populations of LIF neurons one behind the other; ``draw`` gives the weights of a shape."""

    def __init__(self, shape: Shape, draw: Drawn) -> None:
        self.draw, self.populations = draw, [Input("p0", shape)]
        self.projections: list[Projection] = []

    @property
    def last(self) -> Input | Population:
        """The population that was added last."""
        return self.populations[-1]

    def conv(self, channels: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> Conv2d:
        """Return a convolution behind the last population, padded so that a stride of 1 keeps its extents."""
        inputs = self.last.shape[0]
        weight = self.draw(channels, inputs // groups, kernel, kernel)
        return Conv2d(weight, None, (stride,) * 2, (kernel // 2,) * 2, groups=groups)

    def linear(self, outputs: int, inputs: int | None = None) -> Linear:
        """Return a matrix behind the last population."""
        return Linear(self.draw(outputs, inputs or self.last.size))

    def add(self, *ops: LinearOp) -> None:
        """Add a population that the last one feeds through ``ops``."""
        source, name = self.last, f"p{len(self.populations)}"
        shape = chain_shapes(ops, source.shape)[-1]
        self.populations.append(Population(name, shape, lif(shape)))
        self.feed(source.name, *ops)

    def feed(self, source: str, *ops: LinearOp, delay: int = 0) -> None:
        """Let another population feed the last one too."""
        name = f"w{len(self.projections) + 1}"
        self.projections.append(Projection(name, source, self.last.name, ops, delay))

    def dense(self, *widths: int) -> None:
        """Add populations of these widths, each fed by a matrix."""
        for width in widths:
            flatten = (Flatten(),) if len(self.last.shape) == 3 else ()
            self.add(*flatten, self.linear(width))

    def network(self) -> Network:
        """Return the network; its last population is read."""
        return Network(tuple(self.populations), tuple(self.projections), (self.last.name,))


def lif(shape: Shape) -> Neuron:
    """LIF neurons that a spike resets to zero."""
    zero, one = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    return Neuron(alpha=zero, beta=BETA * one, gain=one, bias=zero, reset_value=zero, threshold=one)


def driven(rng: np.random.Generator) -> Drawn:
    """Weights of a positive mean, which drive what follows hard where many inputs fire."""

    def draw(*shape: int) -> NDArray[np.float32]:
        fan_in = int(np.prod(shape[1:]))
        return rng.normal(0.3 / np.sqrt(fan_in), 1.2 / np.sqrt(fan_in), shape).astype(np.float32)

    return draw


def balanced(rng: np.random.Generator, gain: float) -> Drawn:
    """Weights of mean zero: a tenth of the inputs move a membrane by ``gain`` in a step."""

    def draw(*shape: int) -> NDArray[np.float32]:
        weight = rng.standard_normal(shape, np.float32)
        weight *= gain / np.sqrt(0.1 * np.prod(shape[1:]))
        return weight

    return draw


def mlp(*widths: int) -> Callable[[np.random.Generator], Network]:
    """Return what builds dense layers of these widths."""

    def build(rng: np.random.Generator) -> Network:
        builder = Builder((widths[0],), driven(rng))
        builder.dense(*widths[1:])
        return builder.network()

    return build


def recurrent(inputs: int, width: int, outputs: int, gain: float = 0.4) -> Callable[[np.random.Generator], Network]:
    """Return what builds a population that feeds itself, one step later; ``gain`` is that of :func:`balanced`."""

    def build(rng: np.random.Generator) -> Network:
        builder = Builder((inputs,), balanced(rng, gain))
        builder.dense(width)
        builder.feed("p1", builder.linear(width), delay=1)
        builder.dense(outputs)
        return builder.network()

    return build


def events_conv(rng: np.random.Generator) -> Network:
    """2x34x34-16-32-10, convolutions of stride 2, as for N-MNIST."""
    builder = Builder((2, 34, 34), driven(rng))
    builder.add(builder.conv(16, stride=2))
    builder.add(builder.conv(32, stride=2))
    builder.dense(10)
    return builder.network()


def wide_conv(rng: np.random.Generator) -> Network:
    """2x32x32-64-64-128-10."""
    builder = Builder((2, 32, 32), driven(rng))
    for channels, stride in ((64, 1), (64, 2), (128, 2)):
        builder.add(builder.conv(channels, stride=stride))
    builder.dense(10)
    return builder.network()


def vgg16(rng: np.random.Generator, *, pooled: bool) -> Network:
    """VGG16 on 3x32x32 with dense layers of 512: five blocks end in a stride of 2, or in front of average pooling."""
    builder, pool = Builder((3, 32, 32), balanced(rng, 0.8)), False
    for channels, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for index in range(count):
            stride = 2 if index == count - 1 and not pooled else 1
            builder.add(*((AvgPool2d((2, 2), (2, 2)),) if pool else ()), builder.conv(channels, stride=stride))
            pool = False
        pool = pooled
    if pooled:
        builder.add(AvgPool2d((2, 2), (2, 2)), Flatten(), builder.linear(512, 512))
    builder.dense(*((512, 10) if pooled else (512, 512, 10)))
    return builder.network()


def resnet18(rng: np.random.Generator) -> Network:
    """ResNet18 on 3x32x32: identities, or convolutions 1x1 where a block halves the map, feed the second of two."""
    builder = Builder((3, 32, 32), balanced(rng, 0.8))
    builder.add(builder.conv(64))
    for channels in (64, 128, 256, 512):
        for index in range(2):
            source = builder.last
            halves = channels != 64 and index == 0
            skip = (builder.conv(channels, kernel=1, stride=2),) if halves else ()
            builder.add(builder.conv(channels, stride=2 if halves else 1))
            builder.add(builder.conv(channels))
            builder.feed(source.name, *skip)
    builder.add(AvgPool2d((4, 4), (4, 4)), Flatten(), builder.linear(10, 512))
    return builder.network()


def mobilenet(rng: np.random.Generator) -> Network:
    """MobileNetV1 on 3x32x32, of half its depth: depthwise 3x3 and pointwise 1x1 convolutions in turn."""
    builder = Builder((3, 32, 32), balanced(rng, 0.8))
    builder.add(builder.conv(32))
    for channels, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)):
        builder.add(builder.conv(builder.last.shape[0], stride=stride, groups=builder.last.shape[0]))
        builder.add(builder.conv(channels, kernel=1))
    builder.add(AvgPool2d((4, 4), (4, 4)), Flatten(), builder.linear(10, 512))
    return builder.network()


def _pooled(rng: np.random.Generator) -> Network:
    return vgg16(rng, pooled=True)


def _strided(rng: np.random.Generator) -> Network:
    return vgg16(rng, pooled=False)


@dataclass(frozen=True)
class Row:
    """A row of a benchmark: what builds the network, and how it is run."""

    build: Callable[[np.random.Generator], Network]
    steps: int
    samples: int
    rate: float = 0.1


ROWS: Mapping[str, Row] = MappingProxyType(
    {
        "64-256-10, 2 %": Row(mlp(64, 256, 10), 100, 512, 0.02),
        "64-256-10": Row(mlp(64, 256, 10), 100, 512),
        "700-256-256-20, 2 %": Row(mlp(700, 256, 256, 20), 100, 128, 0.02),
        "784-1024-1024-10": Row(mlp(784, 1024, 1024, 10), 32, 128),
        "784-4096-4096-10": Row(mlp(784, 4096, 4096, 10), 16, 64),
        "conv 2x34x34, 2 %": Row(events_conv, 32, 128, 0.02),
        "conv 2x34x34": Row(events_conv, 32, 128),
        "conv 2x32x32-64-64-128": Row(wide_conv, 16, 16),
        "VGG16, strided": Row(_strided, 4, 8),
        "VGG16, pooled": Row(_pooled, 4, 4),
        "ResNet18": Row(resnet18, 4, 4),
        "MobileNet": Row(mobilenet, 4, 16),
        "recurrent 1024": Row(recurrent(128, 1024, 10), 50, 64),
        "recurrent 2048": Row(recurrent(128, 2048, 10), 25, 64),
        "Braille 12-38-7": Row(recurrent(12, 38, 7), 256, 256),
    }
)
"""By name; a tenth of the input fires where the name does not tell."""


def case_of(name: str, seed: int = 0) -> Case:
    """Build a row."""
    row = ROWS[name]
    return Case(name, row.build(np.random.default_rng(seed)), row.steps, row.samples, row.rate)


def feeding_itself(network: Network, name: str, weight: NDArray[np.float32]) -> Network:
    """Return a network with a population that feeds itself, one step later."""
    back = Projection("back", name, name, (Linear(weight),), 1)
    return replace(network, projections=(*network.projections, back))
