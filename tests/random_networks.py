"""Random networks of every kind that a Loihi takes, none tuned by hand: heavy tails, inhibition, slow filters."""

from __future__ import annotations

import numpy as np

from spear_deploy.network import AvgPool2d, Conv2d, Flatten, Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.network.ops import LinearOp, Shape

Generator = np.random.Generator
STEPS = (20, 50, 100, 200, 500)


def random_neuron(rng: Generator, shape: Shape, *, readout: bool = False) -> Neuron:
    """Time constants of 1 to 300 steps, or none; thresholds in common or one for each neuron; all resets."""

    def uniform(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, shape).astype(np.float32)

    def common(value: float) -> np.ndarray:
        return np.full(shape, value, np.float32)

    slow = 10 ** rng.uniform(0, 2.5)
    kept = [common(1.0), common(np.exp(-1 / slow)), np.exp(-1 / (slow * uniform(0.5, 2))).astype(np.float32)]
    beta = kept[rng.choice(3, p=(0.25, 0.5, 0.25))]
    alpha = common(0 if rng.random() < 0.5 else np.exp(-1 / 10 ** rng.uniform(0, 1.7)))
    subtracts = not readout and rng.random() < 0.5
    reset_value = common(-0.1 if readout else 0) if subtracts or readout or rng.random() < 0.7 else uniform(-0.3, 0.1)
    threshold = reset_value + (common(rng.uniform(0.3, 2)) if rng.random() < 0.5 else uniform(0.3, 3))
    return Neuron(
        alpha,
        beta,
        common(rng.choice([1.0, rng.uniform(0.3, 2)])),
        common(0) if rng.random() < 0.5 else uniform(-0.015, 0.03),
        reset_value,
        None if readout else threshold,
        reset="subtract" if subtracts else "value",
        reset_delay=not readout and rng.random() < 0.2,
        compare="ge" if rng.random() < 0.5 else "gt",
    )


def heavy_weights(rng: Generator, *shape: int, drive: float = 1.0) -> np.ndarray:
    """Normal, Student's t or log-normal weights; now and then one is a thousand times the others."""
    draws = (
        rng.normal(0, 1, shape),
        rng.standard_t(2, shape),
        rng.normal(0, 1, shape) * np.exp(rng.normal(0, 1, shape)),
    )
    fan_in = np.prod(shape[1:])
    weight = (draws[rng.integers(3)] + rng.uniform(-0.15, 0.5) * drive) / np.sqrt(fan_in)
    if rng.random() < 0.15:
        weight.flat[rng.integers(weight.size)] *= 1000
    return weight.astype(np.float32)


def _bias(rng: Generator, size: int) -> np.ndarray | None:
    return rng.normal(0, 0.05, size).astype(np.float32) if rng.random() < 0.4 else None


def random_network(seed: int, samples: int = 32) -> tuple[Network, np.ndarray]:
    """Return a network of two or three layers, dense, recurrent or convolutional, and spikes (T, samples, *shape)."""
    rng = np.random.default_rng(seed)
    steps, rate = int(rng.choice(STEPS)), rng.uniform(0.02, 0.3)
    populations: list[Input | Population]
    projections: list[Projection] = []

    def add(name: str, shape: Shape, source: str, *ops: LinearOp, readout: bool = False) -> None:
        populations.append(Population(name, shape, random_neuron(rng, shape, readout=readout)))
        projections.append(Projection(f"to_{name}", source, name, ops))

    last: tuple[LinearOp, ...] = ()
    if rng.random() < 0.3:
        populations = [Input("in", (2, 8, 8))]
        add("map", (4, 8, 8), "in", Conv2d(heavy_weights(rng, 4, 2, 3, 3), _bias(rng, 4), padding=(1, 1)))
        pooled = Conv2d(heavy_weights(rng, 6, 4, 3, 3), None, padding=(1, 1))
        add("pooled", (6, 4, 4), "map", AvgPool2d((2, 2), (2, 2)), pooled)
        source, size, last = "pooled", 96, (Flatten(),)
    else:
        size = int(rng.integers(8, 64))
        populations, source = [Input("in", (size,))], "in"
        for index in range(int(rng.integers(1, 3))):
            name, width = f"hidden{index}", int(rng.integers(8, 64))
            add(name, (width,), source, Linear(heavy_weights(rng, width, size), _bias(rng, width)))
            if rng.random() < 0.3:
                op = Linear(0.5 * heavy_weights(rng, width, width, drive=0), None)
                projections.append(Projection(f"{name}_again", name, name, (op,), delay=1))
            source, size = name, width
    outputs = int(rng.integers(2, 11))
    add("out", (outputs,), source, *last, Linear(heavy_weights(rng, outputs, size)), readout=rng.random() < 0.4)
    network = Network(tuple(populations), tuple(projections), ("out",))
    shape = populations[0].shape
    rates = np.minimum(rate * rng.uniform(0.2, 1.8, shape), 1)
    return network, (rng.random((steps, samples, *shape)) < rates).astype(np.uint8)
