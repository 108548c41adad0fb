"""Products of bytes equal sums in int64, and are not used where they would not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses
from spear_deploy.targets.loihi.emulator.byte_product import ByteProduct, as_bytes, bytes_are_exact
from spear_deploy.targets.loihi.emulator.cells import Cells, Layout
from spear_deploy.targets.loihi.emulator.event_table import event_table
from spear_deploy.targets.loihi.emulator.products import Product
from spear_deploy.targets.loihi.emulator.sums import MEASURED, Incoming, choose_sums
from tests.strategies import generators

needs_bytes = pytest.mark.skipif(not bytes_are_exact(), reason="this processor does not multiply bytes exactly")
RANGES = {"both signs": (-128, 128, 1), "one sign": (0, 256, 1), "negative": (-255, 1, 1), "coarse": (-256, 255, 2)}


@pytest.mark.parametrize(("low", "high", "step"), RANGES.values(), ids=RANGES)
def test_integers_in_the_range_of_a_byte_are_bytes(low, high, step):
    weight = np.arange(low, high, step, dtype=np.int16)
    found = as_bytes(weight)
    assert found is not None
    values, offset, shift = found
    np.testing.assert_array_equal((values.astype(np.int64) + offset) << shift, weight)


@pytest.mark.parametrize("weight", [[-129, 1], [-1, 255], [0, 257], [-256, 1], [1, 1 << 14]])
def test_others_are_not(weight):
    assert as_bytes(np.array(weight, np.int16)) is None


@st.composite
def projections(draw) -> tuple[Synapses, Layout, Layout]:
    """A matrix or a convolution of any geometry, from planes or pixels, of weights of any range above."""
    rng = draw(generators())
    weights = np.arange(*RANGES[draw(st.sampled_from(sorted(RANGES)))])
    if draw(st.booleans()):
        inputs, outputs = draw(st.integers(2, 70)), draw(st.integers(1, 20))
        matrix = rng.choice(weights, (outputs, inputs)).astype(np.int16)
        return DenseSynapses("w", "in", "p", matrix), Layout((inputs,), False), Layout((outputs,), False)

    def pair(low: int, high: int) -> tuple[int, int]:
        return draw(st.integers(low, high)), draw(st.integers(low, high))

    kernel, stride, padding, dilation = pair(1, 3), pair(1, 3), pair(0, 4), pair(1, 2)
    least = [dilation[i] * (kernel[i] - 1) + 1 for i in (0, 1)]
    channels, extents = draw(st.integers(2, 5)), tuple(draw(st.integers(least[i], least[i] + 6)) for i in (0, 1))
    weight = rng.choice(weights, (draw(st.integers(1, 6)), channels, *kernel)).astype(np.int16)
    rows, columns = ((extents[i] + 2 * padding[i] - least[i]) // stride[i] + 1 for i in (0, 1))
    target = Layout((len(weight), rows, columns), channels_last=True)
    synapses = ConvSynapses("w", "in", "p", weight, stride, padding, dilation)
    return synapses, Layout((channels, *extents), draw(st.booleans())), target


def sums_in_int64(synapses: Synapses, source: Layout, target: Layout, spikes: np.ndarray) -> np.ndarray:
    """Sums (S, b, targets) in the order of their layout."""
    maps = torch.from_numpy(np.ascontiguousarray(source.view(spikes))).double()
    weight = torch.from_numpy(synapses.weight.astype(np.float64))
    if isinstance(synapses, DenseSynapses):
        y = maps @ weight.T
    else:
        geometry = (synapses.stride, synapses.padding, synapses.dilation)
        y = functional.conv2d(maps.flatten(0, 1), weight, None, *geometry).unflatten(0, maps.shape[:2])
    return y.flatten(2).numpy().astype(np.int64)[:, :, target.order]


@needs_bytes
@settings(max_examples=150, deadline=None)
@given(projections(), generators(), st.sampled_from([1, 127]), st.integers(0, 3))
def test_products_are_the_sums(projection, rng, payload, shift):
    """Of some steps and samples in the midst of others, set and added."""
    synapses, source, target = projection
    product = ByteProduct.of(synapses, source, target, payload=payload, shift=shift)
    assert product is not None
    spikes = rng.integers(0, payload, (5, 4, np.prod(source.shape)), np.uint8, endpoint=True)
    expected = sums_in_int64(synapses, source, target, spikes)[1:4, 1:3] << shift
    total = np.full(expected.shape, 77, np.int32)
    product.write(spikes, 1, 1, total)
    np.testing.assert_array_equal(total, expected)
    product.add(spikes, 1, 1, total)
    np.testing.assert_array_equal(total, 2 * expected)


@needs_bytes
def test_what_is_no_product_of_bytes():
    """Payloads beyond a byte, weights beyond it, groups, and a single input, which torch multiplies wrongly."""
    one, many = Layout((1,), False), Layout((8,), False)
    weight = np.ones((8, 8), np.int16)
    matrix = DenseSynapses("w", "in", "p", weight)
    assert ByteProduct.of(matrix, many, many, payload=127, shift=0) is not None
    assert ByteProduct.of(matrix, many, many, payload=128, shift=0) is None
    assert ByteProduct.of(replace(matrix, weight=300 * weight - 150), many, many, payload=1, shift=0) is not None
    wide = np.array([[-200, 201] * 4] * 8, np.int16)
    assert ByteProduct.of(replace(matrix, weight=wide), many, many, payload=1, shift=0) is None
    assert ByteProduct.of(replace(matrix, weight=weight[:, :1]), one, many, payload=1, shift=0) is None
    pixels = Layout((8, 1, 1), True)
    grouped = ConvSynapses("w", "in", "p", np.ones((8, 1, 1, 1), np.int16), groups=8)
    assert ByteProduct.of(grouped, pixels, pixels, payload=1, shift=0) is None


@pytest.fixture
def untried():
    """Let the processor be tried anew, before and after."""
    bytes_are_exact.cache_clear()
    yield
    bytes_are_exact.cache_clear()


@pytest.mark.usefixtures("untried")
def test_a_library_that_saturates_is_found_out(monkeypatch):
    """Sums of two products that stop at 16 bits, as those of processors without VNNI do, are not products."""

    def saturating(a, b, *, out):
        shifted = a.to(torch.int64) + 128  # unsigned, as these processors want it
        wide = torch.zeros(len(a), b.shape[1], dtype=torch.int64)
        for k in range(0, a.shape[1], 2):
            wide += (shifted[:, k : k + 2] @ b[k : k + 2].to(torch.int64)).clamp(-(1 << 15), (1 << 15) - 1)
        return out.copy_(wide - 128 * b.to(torch.int64).sum(0))

    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: True)
    monkeypatch.setattr(torch, "_int_mm", saturating)
    assert not bytes_are_exact()


@pytest.mark.usefixtures("untried")
def test_nothing_is_multiplied_without_the_instructions(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
    monkeypatch.setattr(torch, "_int_mm", lambda *_, **__: pytest.fail("multiplied"))
    assert not bytes_are_exact()


def incoming_of(synapses: DenseSynapses, source: Layout, cells: Cells) -> Incoming:
    product = Product(synapses, source, cells, reach=1, exponent=0, shift=0, bound=1 << 23)
    table = event_table(synapses, source, cells, 0, np.dtype(np.int16))
    in_bytes = ByteProduct.of(synapses, source, cells.layout, payload=1, shift=0)
    return Incoming("in", 0, table, product, synapses.weight.size, in_bytes)


@needs_bytes
def test_activity_decides():
    """Few spikes are summed by events, many as a product, and no table is made of what is not used."""
    layout = Layout((512,), False)
    synapses = DenseSynapses("w", "in", "p", np.ones((512, 512), np.int16))
    incoming = incoming_of(synapses, layout, Cells(layout))
    chosen = {
        active: choose_sums([incoming], Cells(layout), np.dtype(np.int16), [active], MEASURED)
        for active in (0.001, 0.5)
    }
    assert [part.write is None for part in (chosen[0.001].parts[0], chosen[0.5].parts[0])] == [True, False]
    assert "weight" not in vars(incoming.by_events)
    assert "weight" not in vars(incoming.product)
