"""Weights that are not numbers are told before anything is computed, all at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import spear_deploy
from spear_deploy.errors import InputError
from spear_deploy.frontends import Imported
from spear_deploy.frontends.semantics import preset
from spear_deploy.network import Conv2d, Flatten, Linear, Network, Projection, Scale
from tests.strategies import Builder


def network() -> Network:
    build = Builder(np.random.default_rng(0), (2, 4, 4))
    build.add((Conv2d(np.ones((3, 2, 3, 3), np.float32), np.zeros(3, np.float32)),))
    build.add((Flatten(), Scale(np.ones(12, np.float32)), Linear(np.ones((4, 12), np.float32))))
    return build.network()


def broken() -> Network:
    """A NaN in a kernel and in its bias, and infinity in the second projection's factor; its matrix is sound."""
    whole = network()
    first, second = whole.projections
    conv, (flatten, _, linear) = first.ops[0], second.ops
    assert isinstance(conv, Conv2d)
    kernel, factor = conv.weight.copy(), np.ones(12, np.float32)
    kernel[1, 0, 2, 2] = kernel[2, 1, 0, 0] = np.nan
    factor[5] = np.inf
    parts: tuple[Projection, ...] = (
        replace(first, ops=(replace(conv, weight=kernel, bias=np.array([0, np.nan, 0], np.float32)),)),
        replace(second, ops=(flatten, Scale(factor), linear)),
    )
    return replace(whole, projections=parts)


def test_every_projection_is_told():
    """With the parameter, how many values are not numbers, and where the first one is."""
    assert Imported(network(), preset("nir")).network.neurons
    with pytest.raises(InputError) as caught:
        Imported(broken(), preset("nir"))
    first, second = caught.value.findings
    assert (first.code, second.code) == ("E028", "E028")
    assert first.where == f"projection {broken().projections[0].name!r}"
    assert "Conv2d weight holds 2 values of 54 that are not finite, the first, nan, at (1, 0, 2, 2)" in first.message
    assert "Conv2d bias holds 1 values of 3" in first.message
    assert "Scale factor holds 1 values of 12 that are not finite, the first, inf, at (5,)" in second.message


def test_floor_of_neurons():
    """The only parameter of a neuron that is not an array."""
    whole = network()
    population = whole.populations[-1]
    neuron = replace(population.neuron, floor=float("nan"))
    strange = replace(whole, populations=(*whole.populations[:-1], replace(population, neuron=neuron)))
    with pytest.raises(InputError, match=f"E028 population '{population.name}': floor holds 1 values of 1"):
        Imported(strange, preset("nir"))


def test_live_module():
    """All layers of a module, before it is exported; an infinite threshold switches a neuron off and is let through."""
    snntorch = pytest.importorskip("snntorch")
    import torch
    from torch import nn

    leaky = snntorch.Leaky(beta=torch.full((3,), 0.9), threshold=torch.ones(3), learn_threshold=True, init_hidden=True)
    module = nn.Sequential(nn.Linear(4, 3), leaky, nn.Linear(3, 2))
    with torch.no_grad():
        module[0].weight[1, 2] = float("nan")
        module[2].bias[0] = float("inf")
        leaky.threshold[0] = float("inf")
    with pytest.raises(InputError) as caught:
        spear_deploy.from_snntorch(module, torch.zeros(1, 4))
    assert [finding.where for finding in caught.value.findings] == ["layer '0'", "layer '2'"]
    assert {finding.code for finding in caught.value.findings} == {"E028"}
