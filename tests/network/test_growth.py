"""What composing, counting and placing cost grows with the network no faster than its synapses: no clock is read."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from spear_deploy.network import (
    AvgPool2d,
    Conv2d,
    Flatten,
    Input,
    Linear,
    LinearOp,
    Network,
    Population,
    Projection,
    Scale,
    convolutions,
    synapses,
)
from spear_deploy.network.fan_out import fan_outs
from spear_deploy.network.ops import Shape, chain_shapes
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip
from tests.network.test_synapses import RNG, kernel
from tests.strategies import neuron


def chain(shape: Shape, *ops: LinearOp) -> Network:
    """An input and one population behind a chain."""
    target = chain_shapes(ops, shape)[-1]
    populations = (Input("in", shape), Population("out", target, neuron(RNG, target)))
    return Network(populations, (Projection("w", "in", "out", ops),), ("out",))


def dense(width: int) -> Network:
    return chain((width,), Linear(RNG.normal(0.0, 0.1, (width, width)).astype(np.float32)))


def peak(run: Callable[[], object]) -> int:
    """Bytes that a call held at most beyond those before it."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


LONE = {
    "matrix": (dense(64), 0),
    "flattened matrix": (chain((2, 8, 8), Flatten(), Linear(RNG.normal(size=(5, 128)).astype(np.float32))), 1),
    "convolution": (chain((2, 8, 8), Conv2d(kernel(4, 2))), 0),
}


@pytest.mark.parametrize(("network", "position"), LONE.values(), ids=LONE)
def test_what_needs_no_arithmetic_is_not_copied(network, position):
    (composed,) = network.synapses
    assert np.shares_memory(composed.weight, network.projections[0].ops[position].weight)


POOLED = (AvgPool2d((2, 2), (2, 2)), Conv2d(kernel(16, 16)))
OUTLINED = {
    "matrix": dense(512),
    "pooled convolution": chain((16, 32, 32), *POOLED),
    "pooled matrix": chain(
        (16, 32, 32), AvgPool2d((2, 2), (2, 2)), Flatten(), Linear(np.ones((64, 16 * 256), np.float32))
    ),
}


@pytest.mark.parametrize("network", OUTLINED.values(), ids=OUTLINED)
def test_outlines_have_the_shapes_of_what_is_composed_and_no_values(network):
    held = peak(lambda: network.outlines)
    (outline,), (composed,) = network.outlines, network.synapses
    assert type(outline) is type(composed)
    assert outline.weight.shape == composed.weight.shape
    assert outline.weight.strides == (0,) * composed.weight.ndim
    assert held < 50_000 < composed.weight.nbytes


def test_placing_composes_nothing(monkeypatch):
    """Shapes are enough: a network is placed although nothing of it can be composed."""
    monkeypatch.setattr(synapses, "as_one_conv", lambda *_: pytest.fail("composed"))
    monkeypatch.setattr(synapses, "_matrix", lambda *_: pytest.fail("composed"))
    compiler = compiler_for(load_chip("loihi2"), {"in": InputRange()}, LoweringOptions())
    for network in OUTLINED.values():
        assert compiler.place(network).cores


def test_lowering_composes_each_projection_once(monkeypatch):
    composed = []

    def count(ops, shape):
        composed.append(ops)
        return convolutions.as_one_conv(ops, shape)

    monkeypatch.setattr(synapses, "as_one_conv", count)
    network = chain((2, 8, 8), AvgPool2d((2, 2), (2, 2)), Conv2d(kernel(4, 2)))
    compiler_for(load_chip("loihi2"), {"in": InputRange()}, LoweringOptions()).lower(network)
    assert composed == [network.projections[0].ops]


def test_pooled_matrix_takes_work_as_its_synapses_do(monkeypatch):
    """Numbers that go back through the pooling, per synapse, are the same for four times the synapses."""
    worked = []

    def count(y, op, shape):
        worked[-1] += y.size * op.weight[0].size
        return convolutions.correlate_back(y, op, shape)

    monkeypatch.setattr(synapses, "correlate_back", count)
    for outputs, extent in ((32, 8), (64, 8), (32, 16)):
        worked.append(0)
        matrix = Linear(np.ones((outputs, 4 * (extent // 2) ** 2), np.float32))
        (composed,) = chain((4, extent, extent), AvgPool2d((2, 2), (2, 2)), Flatten(), matrix).synapses
        worked[-1] /= composed.weight.size
    assert worked == [1.0, 1.0, 1.0]


GROWING: dict[str, Callable[[int], Network]] = {
    "matrix": dense,
    "scaled matrix": lambda n: chain(
        (n,), Scale(RNG.random(n).astype(np.float32)), Linear(RNG.normal(size=(n, n)).astype(np.float32))
    ),
}


@pytest.mark.parametrize("build", GROWING.values(), ids=GROWING)
def test_lowering_holds_a_bounded_number_of_bytes_a_synapse(build):
    """From 256 to 1,024 wide, 16 times the synapses: no more of them each."""
    compiler = compiler_for(load_chip("loihi2"), {"in": InputRange()}, LoweringOptions())
    compiler.lower(build(64))  # imports and compiles
    small, large = (peak(lambda n=n: compiler.lower(build(n))) / n**2 for n in (256, 1024))
    assert large <= 1.1 * small
    assert large <= 40


def test_counting_synapses_of_a_convolution_holds_no_copy_of_it():
    network = chain((64, 8, 8), Conv2d(kernel(64, 64)))
    weight = network.synapses[0].weight
    assert peak(lambda: fan_outs(network.synapses, network.shapes)) < weight.nbytes
