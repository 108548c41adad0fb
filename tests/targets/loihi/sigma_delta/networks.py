"""Random sigma-delta networks, and an interpreter that is as simple as their equations."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network import Conv2d, Input
from spear_deploy.network.ops import Shape
from spear_deploy.network.sigma_delta import SigmaDeltaNetwork, SigmaDeltaPopulation
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses

Generator = np.random.Generator
Array = NDArray[np.int64]


def random_network(
    rng: Generator, *, encoder: bool | None = None, exponents: tuple[int, int] | None = None, plain: bool = False
) -> SigmaDeltaNetwork:
    """A convolution of any geometry, or none, then matrices; an encoder in front and a decoder behind, or not.

    ``plain``: neurons as netx makes them, of relu, without a cumulative error.
    """
    exponents = exponents or (int(rng.integers(0, 7)), int(rng.integers(0, 7)))
    shape: Shape = (2, int(rng.integers(5, 8)), int(rng.integers(5, 8))) if rng.random() < 0.6 else (7,)
    given, populations, synapses = Input("input", shape), [], []
    if encoder if encoder is not None else rng.random() < 0.7:
        populations.append(_population(rng, "encoder", shape, "delta", exponents))
    source = populations[-1].name if populations else "input"
    if len(shape) == 3:
        groups = int(rng.integers(1, 3))
        weight = _weights(rng, 4, 2 // groups, *rng.integers(1, 4, 2))
        stride, padding, dilation = (tuple(map(int, rng.integers(low, 3, 2))) for low in (1, 0, 1))
        op = Conv2d(weight.astype(np.float32), None, stride, padding, (1, dilation[1]), groups)
        synapses.append(ConvSynapses("conv.weight", source, "conv", weight, stride, padding, (1, dilation[1]), groups))
        shape, source = op.output_shape(shape), "conv"
        populations.append(_population(rng, "conv", shape, "sigma_delta", exponents))
    sizes = [int(size) for size in rng.integers(1, 9, rng.integers(1, 4))]
    for index, size in enumerate(sizes):
        name = f"dense{index}"
        matrix = _weights(rng, size, prod(shape))
        synapses.append(DenseSynapses(f"{name}.weight", source, name, matrix))
        is_decoder = index == len(sizes) - 1 and rng.random() < 0.6
        populations.append(_population(rng, name, (size,), "sigma" if is_decoder else "sigma_delta", exponents))
        shape, source = (size,), name
    if plain:
        populations = [replace(each, activation="relu", cumulative_error=False) for each in populations]
    return SigmaDeltaNetwork(given, tuple(populations), tuple(synapses))


def _population(rng: Generator, name: str, shape: Shape, kind: str, exponents: tuple[int, int]) -> SigmaDeltaPopulation:
    nothing, (spike_exp, state_exp) = np.zeros((), np.int64), exponents
    if kind == "sigma":
        return SigmaDeltaPopulation(name, shape, "sigma", 0, nothing, "relu", False, spike_exp, state_exp)
    bias = rng.integers(-20, 30, shape) if kind == "sigma_delta" else nothing
    activation, cumulative = ("relu", "relu", "unit")[rng.integers(3)], bool(rng.random() < 0.3)
    own = (activation, cumulative, spike_exp, state_exp)
    return SigmaDeltaPopulation(name, shape, kind, int(rng.integers(0, 12)), np.asarray(bias), *own)


def _weights(rng: Generator, *shape: int) -> NDArray[np.int16]:
    weights = (rng.integers(-20, 21, shape) * (rng.random(shape) < 0.8)).astype(np.int16)
    weights.flat[0] = 7  # netx cannot load zeros alone
    return weights


def fed(rng: Generator, network: SigmaDeltaNetwork, steps: int, samples: int) -> NDArray[np.int32]:
    """Integers for the input that change in some steps, or messages that are rare: (steps, samples, *shape)."""
    values = rng.integers(-60, 61, (steps, samples, *network.input.shape))
    changes = rng.random(values.shape) < 0.4
    if network.encoder is None:
        return (values * changes * 8).astype(np.int32)
    held = np.zeros_like(values)
    for step in range(steps):
        held[step] = np.where(changes[step], values[step], held[step - 1] if step else 0)
    return held.astype(np.int32)


def matrix_of(synapses: Synapses, source: Shape, target: Shape) -> Array:
    """The weights of a projection one by one: (target neurons, source neurons)."""
    if isinstance(synapses, DenseSynapses):
        return synapses.weight.astype(np.int64)
    matrix = np.zeros((*target, *source), np.int64)
    outputs, per_group, height, width = synapses.weight.shape
    of_group = outputs // synapses.groups
    for out, y, x in product(*map(range, target)):
        for part, i, j in product(range(per_group), range(height), range(width)):
            row = y * synapses.stride[0] - synapses.padding[0] + i * synapses.dilation[0]
            column = x * synapses.stride[1] - synapses.padding[1] + j * synapses.dilation[1]
            if 0 <= row < source[1] and 0 <= column < source[2]:
                channel = out // of_group * per_group + part
                matrix[out, y, x, channel, row, column] += int(synapses.weight[out, part, i, j])
    return matrix.reshape(prod(target), prod(source))


def interpret(network: SigmaDeltaNetwork, x: Array) -> dict[str, Array]:
    """What every population sends, (steps, *shape), of one sample ``x`` (steps, *shape), step by step."""
    states = {p.name: np.zeros((4, p.size), np.int64) for p in network.populations}  # sigma, act, residue, error
    shapes = network.shapes
    incoming = {s.target: (s.source, matrix_of(s, shapes[s.source], shapes[s.target])) for s in network.synapses}
    before = {name: np.zeros(prod(shape), np.int64) for name, shape in shapes.items()}
    sent: dict[str, list[Array]] = {p.name: [] for p in network.populations}
    for values in x:
        now = {network.input.name: values.reshape(-1).astype(np.int64)}
        for population in network.populations:
            sigma, act, residue, error = states[population.name]
            if population.kind == "delta":
                new = now[network.input.name] << population.shift
            else:
                source, matrix = incoming[population.name]
                sigma += matrix @ before[source]
                new = sigma + (np.broadcast_to(population.bias, population.shape).reshape(-1) << population.shift)
            if population.kind == "sigma":
                now[population.name] = sigma.copy()
            else:
                if population.kind == "sigma_delta" and population.activation == "relu":
                    new = np.maximum(new, 0)
                now[population.name] = _changes(population, new, act, residue, error)
            sent[population.name].append(now[population.name].reshape(population.shape))
        before = now
    return {name: np.stack(steps) for name, steps in sent.items()}


def _changes(population: SigmaDeltaPopulation, new: Array, act: Array, residue: Array, error: Array) -> Array:
    """Return messages, and update the states in place."""
    threshold = population.threshold << population.shift
    delta = new - act + residue
    error += delta
    out = np.where(np.abs(error if population.cumulative_error else delta) >= threshold, delta, 0)
    error[out != 0] = 0
    residue[:], act[:] = delta - out, new
    return out // (1 << population.state_exp)
