"""Neurons on the cores of chips that are checked, held against PyTorch and against published examples."""

from __future__ import annotations

from itertools import product
from math import ceil, prod
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.network import Conv2d, Network
from spear_deploy.network.ops import LinearOp, chain_shapes
from spear_deploy.targets import load_chip
from spear_deploy.targets.checked.place import Layer, Load, Placed, best_tile, core_of, lay_out, place
from spear_deploy.targets.checked.place import _reached as reached
from spear_deploy.targets.checked.subject import NetworkToCheck
from spear_deploy.targets.checked.target import CHECKED
from tests.network.by_torch import one_by_one

from .networks import chain, kernel, matrix

TRUENORTH, BRAINSCALES = load_chip("truenorth"), load_chip("brainscales2")


def layer_of(network: Network, chip: Any, name: str = "layer0") -> Layer:
    population = network[name]
    return Layer.of(NetworkToCheck(network), population, chip)  # type: ignore[arg-type]


def links(shape: tuple[int, ...], ops: tuple[LinearOp, ...]) -> np.ndarray:
    """Return which source feeds which target, (sources, *target shape), by PyTorch."""
    size = prod(shape)
    columns = one_by_one(ops, torch.eye(size, dtype=torch.float64).reshape(size, *shape))
    return (columns != 0).numpy()


def tiles_of(shape: tuple[int, ...], tile: tuple[int, ...]) -> list[tuple[slice, ...]]:
    starts = [range(0, whole, part) for whole, part in zip(shape, tile, strict=True)]
    return [tuple(slice(at, at + part) for at, part in zip(corner, tile, strict=True)) for corner in product(*starts)]


CASES: list[tuple[tuple[int, ...], tuple[LinearOp, ...]]] = [
    ((2, 7, 6), kernel(4, 2, 3, padding=(1, 1), stride=(2, 1))),
    ((4, 6, 6), kernel(6, 4, 3, groups=2, dilation=(2, 1))),
    ((6, 5, 5), kernel(6, 6, 2, groups=6)),
    ((1, 9, 9), kernel(3, 1, 5, padding=(2, 2))),
]


@pytest.mark.parametrize(("shape", "ops"), CASES)
def test_sources_of_tiles_and_tiles_of_sources(shape: tuple[int, ...], ops: tuple[LinearOp, ...]) -> None:
    """For every tile: no more sources than counted, and no source feeds more tiles; some reach what is counted."""
    network = chain(shape, ops)
    layer, fed = layer_of(network, TRUENORTH), links(shape, ops)
    target, exact = chain_shapes(ops, shape)[-1], 0
    for tile in product(*(range(1, side + 1) for side in target)):
        parts = tiles_of(target, tile)
        sources = [int(fed[(slice(None), *part)].reshape(len(fed), -1).any(axis=1).sum()) for part in parts]
        counted = layer.load(tile).sources  # type: ignore[arg-type]
        assert max(sources) <= counted
        exact += max(sources) == counted
        feeds = np.sum([fed[(slice(None), *part)].reshape(len(fed), -1).any(axis=1) for part in parts], axis=0)
        most = reached(layer.into[0][0], Placed(layer, tile, fits=True))  # type: ignore[arg-type]
        assert int(feeds.max()) <= most
        assert layer.tiles(tile) == len(parts)  # type: ignore[arg-type]
    assert exact > prod(target) // 4


@settings(deadline=None, max_examples=60)
@given(
    shape=st.tuples(st.integers(1, 6), st.integers(3, 12), st.integers(3, 12)),
    features=st.integers(1, 40),
    limits=st.tuples(st.integers(1, 300), st.integers(9, 300), st.integers(60, 3000)),
)
def test_tiles_keep_the_limits_and_hold_everything(
    shape: tuple[int, int, int], features: int, limits: tuple[int, int, int]
) -> None:
    """A tile that fits is within every limit, and all tiles hold all neurons; none fits only if one neuron does not."""
    layer = layer_of(chain(shape, kernel(features, shape[0], 3)), TRUENORTH)
    core = Load(*limits)
    placed = best_tile(layer, core)
    assert placed.fits == layer.load((1, 1, 1)).fits(core)
    if placed.fits:
        assert placed.load.fits(core)
        assert placed.last.fits(core)
        assert placed.tiles * prod(placed.tile) >= prod(layer.shape)
        assert placed.tiles >= ceil(prod(layer.shape) / limits[0])


def test_truenorths_crossbars() -> None:
    """256 neurons and 256 axons: a matrix of 256 inputs takes a core for every 256 neurons, narrow layers share one."""
    network = chain((256,), matrix(600, 256), matrix(10, 600))
    cores = lay_out(NetworkToCheck(network), TRUENORTH)
    assert [(each.tiles, each.fits) for each in cores.placed] == [(3, True), (10, False)]
    narrow = place(NetworkToCheck(chain((40,), matrix(30, 40), matrix(20, 30), matrix(10, 20))), TRUENORTH)
    assert narrow is not None
    assert narrow.cores == 1
    assert [p.first_core for p in narrow.populations] == [0, 0, 0]


def test_splitters_are_asked_for() -> None:
    """A layer on three cores is fed by neurons that each reach one: E092 with the number."""
    (finding,) = CHECKED.check(TRUENORTH, chain((8,), matrix(4, 8), matrix(600, 4))).findings
    assert (finding.code, finding.where, finding.value, finding.limit) == ("E092", "population 'layer0'", 3, 1)


def test_two_targets_on_one_core_are_one_destination() -> None:
    """What shares a core is reached at once: inputs are not neurons, and have as many destinations as they like."""
    checked = CHECKED.check(TRUENORTH, chain((8,), matrix(100, 8), matrix(50, 100), matrix(50, 50)))
    assert checked.findings == ()


def test_brainscales_partition_of_mnist() -> None:
    """The published example, 784-256-10 (ts_13): seven circuits of 128 a hidden neuron and two an output.

    512 circuits hold 73 hidden neurons, so they take four runs; the output's 20 circuits find room in the last of them.
    """
    network = chain((784,), matrix(256, 784), matrix(10, 256), beta=0.9)
    hidden, output = (layer_of(network, BRAINSCALES, name) for name in ("layer0", "layer1"))
    assert (hidden.circuits, output.circuits) == (ceil(784 / 128), ceil(256 / 128)) == (7, 2)
    cores = lay_out(NetworkToCheck(network), BRAINSCALES)
    assert [(each.tile[0], each.tiles) for each in cores.placed] == [(73, 4), (10, 1)]
    assert (cores.first, cores.used) == ((0, 3), 4)
    (finding,) = CHECKED.check(BRAINSCALES, network).findings
    assert (finding.code, finding.value, finding.limit) == ("E035", 4, 1)


def test_a_neuron_that_no_core_holds() -> None:
    """E036 names the worst limit; what the rule of fan-in has told is not told again, and cores are not counted."""
    big = chain((70_000,), matrix(1, 70_000), beta=0.9)
    assert [f.code for f in CHECKED.check(BRAINSCALES, big).findings] == ["E091"]
    weights = np.zeros((1, 300, 1, 1), np.float32)
    weights[0, :200] = 1  # of 300 sources, 200 have a synapse; a core hears them all
    (finding,) = CHECKED.check(TRUENORTH, chain((300, 2, 2), (Conv2d(weights),))).findings
    assert (finding.code, finding.value, finding.limit) == ("E036", 300, 256)


def test_core_limits_are_as_published() -> None:
    """What a core of TrueNorth and BrainScaleS-2 holds."""
    assert tuple(core_of(TRUENORTH)) == (256, 256, 65_536)
    assert tuple(core_of(BRAINSCALES)) == (512, 16_384, 65_536)
