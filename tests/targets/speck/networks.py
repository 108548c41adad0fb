"""Networks that a Speck can run: random ones, and sinabs' for DVS-Gesture by its shapes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spear_deploy.network import (
    AvgPool2d,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Network,
    Neuron,
    Population,
    Projection,
    SumPool2d,
)
from spear_deploy.network.ops import LinearOp, Shape, chain_shapes


def integrating(shape: Shape, threshold: float = 1.0, floor: float | None = None, reset: str = "subtract") -> Neuron:
    """Speck's own neuron."""
    zero, one = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    return Neuron(
        alpha=zero,
        beta=one,
        gain=one,
        bias=zero,
        reset_value=zero,
        threshold=np.float32(threshold) * one,
        reset=reset,  # type: ignore[arg-type]
        compare="ge",
        spikes="integer",
        floor=-threshold if floor is None else floor,
    )


def chain(shape: Shape, *layers: tuple[LinearOp, ...], threshold: float = 1.0, floor: float | None = None) -> Network:
    """Return a network of layers in a row."""
    populations: list[Input | Population] = [Input("input", shape)]
    projections = []
    for number, ops in enumerate(layers):
        shape = chain_shapes(ops, shape)[-1]
        projections.append(Projection(f"to{number}", populations[-1].name, f"layer{number}", ops))
        populations.append(Population(f"layer{number}", shape, integrating(shape, threshold, floor)))
    return Network(tuple(populations), tuple(projections), (populations[-1].name,))


def conv(rng: np.random.Generator, channels: int, features: int, kernel: int, **options: object) -> Conv2d:
    weight = rng.normal(0, 0.5, (features, channels, kernel, kernel)).astype(np.float32)
    bias = rng.normal(0, 0.2, features).astype(np.float32) if options.pop("bias", False) else None
    return Conv2d(weight, bias, **options)  # type: ignore[arg-type]


def random_network(seed: int) -> Network:
    """One to three convolutions with strides, paddings, pools and biases, and up to two matrices behind square maps."""
    rng = np.random.default_rng(seed)
    shape: Shape = (int(rng.integers(1, 4)), side := int(rng.integers(8, 15)), side if rng.random() < 0.6 else side + 2)
    given, layers, pools = shape, [], ()
    for _ in range(rng.integers(1, 4)):
        kernel, stride = int(rng.choice([1, 2, 3, 5])), int(rng.choice([1, 1, 2]))
        padding = int(rng.integers(0, 3)) if kernel > 1 else 0
        ops = (
            *pools,
            conv(
                rng,
                shape[0],
                int(rng.integers(1, 10)),
                kernel,
                stride=(stride,) * 2,
                padding=(padding,) * 2,
                bias=rng.random() < 0.4,
            ),
        )
        if min(chain_shapes(pools, shape)[-1][1:]) + 2 * padding < kernel + 1:
            break
        shape = chain_shapes(ops, shape)[-1]
        layers.append(ops)
        size = int(rng.choice([1, 1, 2, 4]))
        pool = AvgPool2d if rng.random() < 0.5 else SumPool2d
        pools = (pool((size, size), (size, size)),) if 1 < size <= min(shape[1:]) else ()
    shape = chain_shapes(pools, shape)[-1]
    for _ in range(rng.integers(0, 3) if shape[-1] == shape[-2] <= 16 else 0):
        ops = (*pools, Flatten()) if len(shape) == 3 else ()
        weight = rng.normal(0, 0.5, (int(rng.integers(2, 12)), int(np.prod(shape)))).astype(np.float32)
        layers.append((*ops, Linear(weight)))
        shape, pools = weight.shape[:1], ()
    threshold = float(rng.choice([0.3, 1.0, 4.0]))
    return chain(given, *layers, threshold=threshold, floor=-float(rng.choice([0.1, 1.0, 3.0])) * threshold)


def branched(seed: int, *, pool: int = 1) -> Network:
    """A layer with two destinations, which a third layer sums in front of its kernel."""
    rng = np.random.default_rng(seed)
    first, second = conv(rng, 2, 4, 3, padding=(1, 1), bias=True), conv(rng, 4, 4, 3, padding=(1, 1))
    third = conv(rng, 4, 3, 3)
    cells = (4, 8 // pool, 8 // pool)
    pools = (SumPool2d((pool, pool), (pool, pool)),) if pool > 1 else ()
    ends = (3, cells[1] - 2, cells[2] - 2)
    populations = (
        Input("input", (2, 8, 8)),
        *(Population(n, s, integrating(s)) for n, s in (("a", (4, 8, 8)), ("b", cells), ("c", ends))),
    )
    projections = (
        Projection("a", "input", "a", (first,)),
        Projection("ab", "a", "b", (*pools, second)),
        Projection("ac", "a", "c", (*pools, third)),
        Projection("bc", "b", "c", (third,)),
    )
    return Network(populations, projections, ("c",))


def counts(network: Network, seed: int, steps: int = 12, samples: int = 2) -> np.ndarray:
    """Return numbers of events (T, B, *shape), up to three a cell and step."""
    rng = np.random.default_rng(seed)
    shape = (steps, samples, *network.inputs[0].shape)
    return (rng.integers(1, 4, shape) * (rng.random(shape) < 0.15)).astype(np.uint8)


GESTURE: Sequence[tuple[int, int, int, int, int]] = (
    (2, 16, 2, 2, 0),
    (16, 16, 3, 1, 1),
    (16, 32, 3, 1, 1),
    (32, 32, 3, 1, 1),
    (32, 64, 3, 1, 1),
    (64, 64, 3, 1, 1),
    (64, 256, 2, 1, 0),
)
"""Convolutions of sinabs' DVS-Gesture network: channels in and out, kernel, stride, padding; six are pooled by 2.

From examples/visualizer of sinabs 3.1.3 (Apache-2.0); two matrices follow: 256 to 128 to 11.
"""


def gesture(features: Sequence[int] = (16, 16, 32, 32, 64, 64, 256, 128)) -> Network:
    """Return that network with random weights, or with other numbers of channels."""
    rng = np.random.default_rng(0)
    layers: list[tuple[LinearOp, ...]] = []
    channels = 2
    for number, ((_, _, kernel, stride, padding), wide) in enumerate(zip(GESTURE, features, strict=False)):
        pools = (AvgPool2d((2, 2), (2, 2)),) if number >= 2 else ()
        layers.append((*pools, conv(rng, channels, wide, kernel, stride=(stride,) * 2, padding=(padding,) * 2)))
        channels = wide
    for number, (wide, into) in enumerate(((features[7], features[6]), (11, features[7]))):
        weight = rng.normal(0, 0.5, (wide, into)).astype(np.float32)
        layers.append((Flatten(), Linear(weight)) if number == 0 else (Linear(weight),))
    return chain((2, 128, 128), *layers)
