"""Random networks and chip programs for property tests.

Hypothesis draws the structure; values come from one seeded generator, which is fast and shrinks well.
Weights are multiples of 1/64: sums of them are exact in float32, so that spikes can be compared for equality.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement
from math import prod

import numpy as np
from hypothesis import strategies as st

from spear_deploy.data import SpikeSamples, Split
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
    Scale,
    SumPool2d,
)
from spear_deploy.network.neuron import ResetKind
from spear_deploy.network.ops import Shape, chain_shapes, window_count
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses
from spear_deploy.targets import load_chip
from spear_deploy.targets.loihi.program import InputPort, LoihiPopulation, LoihiProgram, LoihiProjection
from spear_deploy.targets.loihi.registers import Registers

Generator = np.random.Generator

REGISTERS = Registers.of(load_chip("loihi2"))
"""The ranges that networks are quantised to unless a test is about others."""


def generators() -> st.SearchStrategy[Generator]:
    """Seeded generators."""
    return st.integers(0, 2**32 - 1).map(np.random.default_rng)


def weights(rng: Generator, *shape: int) -> np.ndarray:
    """Weights that let neurons fire, on a grid of 1/64; about a tenth of them are zero."""
    values = rng.normal(0.1, 1.5 / np.sqrt(prod(shape[1:])), shape) * (rng.random(shape) > 0.1)
    return (np.rint(values * 64) / 64).astype(np.float32)


def biases(rng: Generator, size: int) -> np.ndarray | None:
    """A bias on the grid, or none."""
    return (rng.integers(-8, 16, size) / 64).astype(np.float32) if rng.random() < 0.5 else None


def spikes(rng: Generator, *shape: int, rate: float = 0.4) -> np.ndarray:
    """Binary spikes, float32."""
    return (rng.random(shape) < rate).astype(np.float32)


def split_of(x: np.ndarray, labels: np.ndarray | None = None) -> Split:
    """All samples (N, T, *shape), with labels of 0 unless given."""
    return Split(SpikeSamples(x), np.zeros(len(x), np.int64) if labels is None else labels, np.arange(len(x)))


def neuron(rng: Generator, shape: Shape, *, current: bool = False, readout: bool = False) -> Neuron:
    """Neurons with a chip's reset, each with parameters of its own; a readout's gain and reset are common to all."""

    def uniform(low: float, high: float) -> np.ndarray:
        return rng.uniform(low, high, shape).astype(np.float32)

    def common(low: float, high: float) -> np.ndarray:
        return np.full(shape, rng.uniform(low, high), np.float32)

    reset_value = (common if readout else uniform)(-0.3, 0.2)
    return Neuron(
        alpha=uniform(0.2, 0.8) if current else np.zeros(shape, np.float32),
        beta=uniform(0.5, 1.0),
        gain=(common if readout else uniform)(0.5, 1.5),
        bias=uniform(-0.05, 0.1),
        reset_value=reset_value,
        threshold=None if readout else reset_value + uniform(0.4, 1.2),
    )


@st.composite
def convolutions(draw: st.DrawFn, shape: Shape, rng: Generator) -> Conv2d:
    """Convolutions of any geometry that fits a map of ``shape``."""
    groups = draw(st.sampled_from([g for g in (1, 1, 2, 3) if shape[0] % g == 0]))
    out_channels = groups * draw(st.integers(1, 3))
    kernel, padding, dilation = [], [], []
    for size in shape[1:]:
        padding.append(draw(st.integers(0, 2)))
        kernel.append(draw(st.integers(1, min(3, size + 2 * padding[-1]))))
        most = (size + 2 * padding[-1] - 1) // (kernel[-1] - 1) if kernel[-1] > 1 else 2
        dilation.append(draw(st.integers(1, min(2, most))))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    weight = weights(rng, out_channels, shape[0] // groups, *kernel)
    return Conv2d(weight, biases(rng, out_channels), stride, tuple(padding), tuple(dilation), groups)


@st.composite
def pools(draw: st.DrawFn, shape: Shape) -> SumPool2d | AvgPool2d:
    """Poolings that PyTorch accepts for a map of ``shape``."""
    kind = draw(st.sampled_from([SumPool2d, AvgPool2d]))
    kernel = tuple(draw(st.integers(1, min(3, size))) for size in shape[1:])
    padding = tuple(draw(st.integers(0, extent // 2)) for extent in kernel)
    return kind(kernel, draw(st.tuples(st.integers(1, 3), st.integers(1, 3))), padding)


@st.composite
def scales(draw: st.DrawFn, shape: Shape, rng: Generator) -> Scale:
    """Factors of each channel, or of each neuron."""
    varied = shape if draw(st.booleans()) else (shape[0], *(1 for _ in shape[1:]))
    factor = np.broadcast_to(rng.integers(1, 9, varied) / 4, shape)
    return Scale(np.ascontiguousarray(factor, np.float32))


def linear(rng: Generator, outputs: int, inputs: int) -> Linear:
    """A linear layer."""
    return Linear(weights(rng, outputs, inputs), biases(rng, outputs))


@st.composite
def chains(draw: st.DrawFn, rng: Generator, *, flatten: bool = True) -> tuple[Shape, tuple[LinearOp, ...]]:
    """A map's shape and a chain of operations on it: geometry of any kind, then possibly a vector part."""
    shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 8), st.integers(1, 8)))
    ops: list[LinearOp] = []
    current = shape
    for kind in draw(st.lists(st.sampled_from(["conv", "pool", "scale"]), min_size=1, max_size=3)):
        strategy = {"conv": convolutions(current, rng), "pool": pools(current), "scale": scales(current, rng)}[kind]
        ops.append(draw(strategy))
        current = ops[-1].output_shape(current)
    if flatten and draw(st.booleans()):
        ops += [Flatten(), linear(rng, draw(st.integers(1, 5)), prod(current))]
    return shape, tuple(ops)


class Builder:
    """Grows a network population by population."""

    def __init__(self, rng: Generator, shape: Shape) -> None:
        self.rng = rng
        self.populations = [Input("in", shape)]
        self.projections: list[Projection] = []

    @property
    def last(self) -> Population:
        """The population added last."""
        return self.populations[-1]

    def add(
        self,
        *incoming: tuple[LinearOp, ...],
        sources: tuple[str, ...] = (),
        readout: bool = False,
        delay: int = 0,
        **kind: object,
    ) -> None:
        """Add a population with a projection for each chain, from ``sources`` or all from the last one.

        The last projection is delayed; ``kind`` overrides fields of the neuron.
        """
        name = f"p{len(self.populations)}"
        sources = sources or (self.last.name,) * len(incoming)
        shapes = {population.name: population.shape for population in self.populations}
        shape = chain_shapes(incoming[0], shapes[sources[0]])[-1]
        for index, (source, ops) in enumerate(zip(sources, incoming, strict=True)):
            self.projections.append(Projection(f"{source}>{name}.{index}", source, name, ops))
        self.projections[-1] = replace(self.projections[-1], delay=delay)
        current = bool(self.rng.random() < 0.3)
        cell = replace(neuron(self.rng, shape, current=current, readout=readout), **kind)
        self.populations.append(Population(name, shape, cell))

    def feed_back(self, ops: tuple[LinearOp, ...], delay: int, target: Population | None = None) -> None:
        """Add a delayed projection from the last population to ``target``, or to itself."""
        name, target = self.last.name, target or self.last
        self.projections.append(Projection(f"{name}>{target.name}.back", name, target.name, ops, delay))

    def same(self, out_channels: int, kernel: int = 3) -> Conv2d:
        """A convolution of the last population that keeps its map's size."""
        weight = weights(self.rng, out_channels, self.last.shape[0], kernel, kernel)
        return Conv2d(weight, biases(self.rng, out_channels), padding=(kernel // 2,) * 2)

    def depthwise(self) -> Conv2d:
        """A depthwise convolution of the last population that keeps its map's size."""
        channels = self.last.shape[0]
        return Conv2d(weights(self.rng, channels, 1, 3, 3), biases(self.rng, channels), padding=(1, 1), groups=channels)

    def network(self) -> Network:
        """The network, read at the last population."""
        return Network(tuple(self.populations), tuple(self.projections), (self.last.name,))


STAGES = ("conv", "strided", "pooled", "scaled", "depthwise", "separable", "residual", "two", "pool", "grouped")


TIMED = ("recurrent", "ring", "delayed", "subtracting", "late", "late subtracting")


@st.composite
def networks(draw: st.DrawFn, *, readout: bool | None = None, timed: bool = False) -> Network:
    """Networks of map stages (residual, depthwise, pooled, ...) and vector stages behind a flattening.

    With ``timed`` there are loops, delays and all kinds of reset among them.
    """
    rng = draw(generators())
    build = Builder(rng, draw(st.tuples(st.integers(2, 3), st.integers(4, 6), st.integers(4, 6))))
    build.add((build.same(draw(st.integers(2, 4))),))
    stages = (*STAGES, *TIMED, *TIMED) if timed else STAGES
    for stage in draw(st.lists(st.sampled_from(stages), max_size=3)):
        _add_stage(draw, build, stage)
    flat = prod(build.last.shape)
    build.add((Flatten(), linear(rng, draw(st.integers(2, 6)), flat)))
    if draw(st.booleans()):  # a skip between vectors
        build.add((linear(rng, build.last.size, build.last.size),), ())
    if timed and draw(st.booleans()):
        build.feed_back((linear(rng, build.last.size, build.last.size),), draw(st.integers(1, 3)))
    build.add((linear(rng, 3, build.last.size),), readout=draw(st.booleans()) if readout is None else readout)
    return build.network()


def _add_stage(draw: st.DrawFn, build: Builder, stage: str) -> None:
    last, out_channels = build.last, draw(st.integers(2, 4))
    match stage:
        case "conv":
            build.add((build.same(out_channels),))
        case "strided":
            weight = weights(build.rng, out_channels, last.shape[0], 2, 2)
            build.add((Conv2d(weight, None, (2, 2), (1, 1)),))
        case "pooled":
            build.add((AvgPool2d((2, 2), (1, 1)), build.same(out_channels, 1)))
        case "scaled":
            build.add((draw(scales(last.shape, build.rng)), build.same(out_channels)))
        case "depthwise":
            build.add((build.depthwise(),))
        case "separable":
            build.add((build.depthwise(), build.same(out_channels, 1)))
        case "residual":
            build.add((build.same(last.shape[0]),))
            build.add((build.same(last.shape[0]),), (), sources=(build.last.name, last.name))
        case "two":
            build.add((build.same(out_channels),), (build.same(out_channels, 1),))
        case "pool":
            build.add((SumPool2d((2, 2), (1, 1)),))
        case timed if timed in TIMED:
            _add_timed_stage(draw, build, timed, out_channels)
        case "grouped" if last.shape[0] % 2 == 0:
            weight = weights(build.rng, 4, last.shape[0] // 2, 3, 3)
            build.add((Conv2d(weight, None, padding=(1, 1), groups=2),))


def _add_timed_stage(draw: st.DrawFn, build: Builder, stage: str, out_channels: int) -> None:
    last = build.last
    match stage:
        case "recurrent":
            build.add((build.same(out_channels),))
            build.feed_back((build.same(out_channels),), draw(st.integers(1, 3)))
        case "ring":
            build.add((build.same(out_channels),))
            first = build.last
            build.add((build.same(out_channels),))
            build.feed_back((build.same(out_channels),), draw(st.integers(2, 4)), first)
        case "delayed":
            build.add((build.same(last.shape[0]),), (), delay=draw(st.integers(1, 4)))
        case "subtracting":
            build.add((build.same(out_channels),), reset="subtract", **_at_zero(last.shape, out_channels))
        case "late":
            build.add((build.same(out_channels),), reset_delay=True)
        case "late subtracting":
            build.add(
                (build.same(out_channels),), reset="subtract", reset_delay=True, **_at_zero(last.shape, out_channels)
            )


def _at_zero(shape: Shape, channels: int) -> dict[str, np.ndarray]:
    """A membrane that starts at 0, and a threshold above."""
    full = (channels, *shape[1:])
    return {"reset_value": np.zeros(full, np.float32), "threshold": np.full(full, 0.75, np.float32)}


@st.composite
def chip_programs(draw: st.DrawFn) -> LoihiProgram:
    """Programs with registers anywhere in their ranges, and currents that wrap and membranes that clip.

    Depths may be lower than a path is long, spikes may be delayed beyond the run, and populations may feed back to
    themselves and to earlier ones.  The sum of a step stays below 2^22: seven steps of current fit 32 bits.
    """
    rng = draw(generators())
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5)))
    port = InputPort("in", shape, draw(st.sampled_from([1, 1, 3, 255])), draw(st.sampled_from([1.0, 2.5])))
    shapes, depths = {port.name: shape}, {port.name: 0}
    populations: list[LoihiPopulation] = []
    projections: list[LoihiProjection] = []
    for index in range(1, 1 + draw(st.integers(1, 3))):
        name, before = f"p{index}", next(reversed(shapes))
        depths[name] = depths[before] + 1 if draw(st.booleans()) else draw(st.integers(1, depths[before] + 1))
        largest = port.max_value if before == port.name else 1
        synapses = _chip_synapses(draw, rng, f"{before}>{name}", before, shapes[before], name, largest)
        projections.append(_bounded(draw, synapses, largest, depths))
        shapes[name] = _target_shape(synapses, shapes[before])
        if draw(st.booleans()):  # a second projection, which may skip depths
            source = draw(st.sampled_from(list(shapes)[:-1]))
            largest = port.max_value if source == port.name else 1
            mantissas = _mantissas(draw, rng, (prod(shapes[name]), prod(shapes[source])), largest)
            skip = DenseSynapses(f"{source}>{name}.skip", source, name, mantissas)
            projections.append(_bounded(draw, skip, largest, depths))
        readout = draw(st.booleans())
        populations.append(_chip_population(draw, rng, name, shapes[name], depths[name], readout=readout))
        if readout:
            break
    projections += _feedback(draw, rng, [p for p in populations if p.kind == "lif"], depths)
    return LoihiProgram("loihi2", (port,), tuple(populations), tuple(projections), (populations[-1].name,))


def _feedback(
    draw: st.DrawFn, rng: Generator, firing: list[LoihiPopulation], depths: dict[str, int]
) -> list[LoihiProjection]:
    """Projections from populations to themselves or to earlier ones, each at least a step later."""
    found = []
    for first, last in combinations_with_replacement(firing, 2):
        if not draw(st.sampled_from([False, False, True])):
            continue
        ends = (f"{last.name}>{first.name}.back", last.name, first.name)
        if first is last and len(first.shape) == 3 and draw(st.booleans()):
            mantissas = _mantissas(draw, rng, (first.shape[0], first.shape[0], 3, 3), 1)
            synapses: Synapses = ConvSynapses(*ends, mantissas, padding=(1, 1))
        else:
            synapses = DenseSynapses(*ends, _mantissas(draw, rng, (first.size, last.size), 1))
        found.append(_bounded(draw, synapses, 1, depths, least_lag=1))
    return found


def _target_shape(synapses: Synapses, source: Shape) -> Shape:
    if isinstance(synapses, DenseSynapses):
        return (len(synapses.weight),)
    sizes = zip(
        source[1:], synapses.weight.shape[2:], synapses.stride, synapses.padding, synapses.dilation, strict=True
    )
    return (len(synapses.weight), *(window_count(*size) for size in sizes))


def _chip_synapses(
    draw: st.DrawFn, rng: Generator, name: str, source: str, shape: Shape, target: str, largest: int
) -> Synapses:
    if len(shape) == 1 or draw(st.booleans()):
        mantissas = _mantissas(draw, rng, (draw(st.integers(1, 6)), prod(shape)), largest)
        return DenseSynapses(name, source, target, mantissas)
    conv = draw(convolutions(shape, rng))
    mantissas = _mantissas(draw, rng, conv.weight.shape, largest)
    return ConvSynapses(name, source, target, mantissas, conv.stride, conv.padding, conv.dilation, conv.groups)


def _bounded(
    draw: st.DrawFn, synapses: Synapses, largest: int, depths: dict[str, int], least_lag: int = 0
) -> LoihiProjection:
    """Choose exponents, one or one a row, that keep sums below 2^19, four times what wraps the current, and a delay."""
    reach = int(np.abs(synapses.weight.reshape(len(synapses.weight), -1).astype(np.int64)).sum(axis=1).max()) * largest
    most = max(0, min(7, 19 - reach.bit_length()))
    soonest = max(0, depths[synapses.target] - depths[synapses.source] - 1 + least_lag)
    delay = soonest + draw(st.sampled_from([0, 0, 0, 1, 2, 5, 9, 40]))
    exponent = draw(st.integers(0, most))
    if draw(st.booleans()):
        return LoihiProjection(synapses, exponent, delay)
    raised = (
        np.random.default_rng(draw(st.integers(0, 99)))
        .integers(0, most - exponent + 1, len(synapses.weight))
        .astype(np.int8)
    )
    raised[0] = 0
    return LoihiProjection(synapses, exponent, delay, raised)


def _mantissas(draw: st.DrawFn, rng: Generator, shape: tuple[int, ...], largest: int) -> np.ndarray:
    """Draw weights of 8 bits: a sign costs one of them.  No sum of them reaches 2^20 for payloads up to ``largest``."""
    low, high = draw(st.sampled_from([(-127, 127), (-127, 127), (0, 127), (-127, 0), (0, 255), (-255, 0), (0, 0)]))
    bound = (1 << 20) // (prod(shape[1:]) * largest)
    return rng.integers(max(low, -bound), min(high, bound) + 1, shape).astype(np.int16)


def _chip_population(
    draw: st.DrawFn, rng: Generator, name: str, shape: Shape, depth: int, *, readout: bool
) -> LoihiPopulation:
    def register(*ranges: tuple[int, int]) -> np.ndarray:
        low, high = draw(st.sampled_from(ranges))
        size = shape if draw(st.booleans()) else ()
        return np.asarray(rng.integers(low, high + 1, size), np.int32)

    resets: list[tuple[ResetKind, bool]] = [("value", False), ("subtract", True), ("value", True), ("subtract", False)]
    reset, reset_delay = resets[0 if readout else rng.integers(len(resets))]
    return LoihiPopulation(
        name,
        shape,
        "readout" if readout else "lif",
        depth,
        np.asarray(rng.uniform(0.1, 100)),
        du=register((4095, 4095), (0, 4095), (0, 3)),
        dv=register((0, 0), (0, 4095), (4095, 4095)),
        vth=register((1, 2000), (0, 131_071), (131_071, 131_071)),
        bias_mant=register((0, 0), (-200, 200), (-4095, 4095)),
        bias_exp=register((0, 0), (0, 7)),
        reset=reset,
        reset_delay=reset_delay,
        compare="ge" if (reset, reset_delay) != ("value", False) and rng.random() < 0.5 else "gt",
    )
