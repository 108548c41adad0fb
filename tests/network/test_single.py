"""A network built by a script has its arrays in single precision, whatever they were given as."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from spear_deploy.errors import InputError
from spear_deploy.frontends import Imported, Semantics
from spear_deploy.network import Conv2d, Flatten, Input, Linear, Network, Neuron, Population, Projection, Scale
from spear_deploy.network.ops import Shape
from tests import strategies

RNG = np.random.default_rng(0)
KERNEL, FACTOR, MATRIX = RNG.integers(-2, 4, (3, 2, 2, 2)), RNG.integers(1, 3, 27), RNG.integers(-2, 4, (5, 27))


def neuron(shape: Shape) -> Neuron:
    return strategies.neuron(np.random.default_rng(0), shape)


def built(kind: Any) -> Network:
    """Return a network of whole numbers, its arrays given by ``kind``."""
    first = neuron((3, 3, 3))
    first = replace(first, **{name: kind(array) for name, array in first.arrays().items()})
    ops = (Flatten(), Scale(kind(FACTOR)), Linear(kind(MATRIX), kind(np.arange(5))))
    return Network(
        (Input("in", (2, 4, 4)), Population("maps", (3, 3, 3), first), Population("out", (5,), neuron((5,)))),
        (Projection("a", "in", "maps", (Conv2d(kind(KERNEL)),)), Projection("b", "maps", "out", ops)),
        ("out",),
    )


@pytest.mark.parametrize(
    "kind",
    [
        lambda array: array.astype(np.float64),
        lambda array: array.astype(">f4"),
        lambda array: torch.nn.Parameter(torch.tensor(array, dtype=torch.float64)),
        lambda array: array.tolist(),
        lambda array: np.ma.masked_invalid(array.astype(np.float64)),
    ],
    ids=["double", "big-endian", "tensor", "list", "masked"],
)
def test_any_type_is_the_same_network(kind: Any) -> None:
    """It has the content of the one in single precision, and runs as that does."""
    network, single = built(kind), built(lambda array: array.astype(np.float32))
    assert network.content_hash == single.content_hash
    x = RNG.random((6, 2, 2, 4, 4)) < 0.5
    runs = [
        Imported(each, Semantics(dt=1.0)).simulate(x.astype(np.float32)).spikes["out"] for each in (network, single)
    ]
    np.testing.assert_array_equal(*runs)
    assert runs[0].any()


@pytest.mark.parametrize("dtype", [np.float16, np.int8, bool])
def test_narrow_types_keep_their_values(dtype: type) -> None:
    """What single precision holds exactly stays what it is."""
    weight = RNG.integers(0, 2, (5, 4)).astype(dtype)
    network = Network(
        (Input("in", (4,)), Population("out", (5,), neuron((5,)))),
        (Projection("p", "in", "out", (Linear(weight),)),),
        ("out",),
    )
    (op,) = network.projections[0].ops
    assert isinstance(op, Linear)
    assert op.weight.dtype == np.float32
    np.testing.assert_array_equal(op.weight, weight.astype(np.float64))


@pytest.mark.parametrize(
    ("op", "told"),
    [
        (Linear(np.ones((5, 4), complex)), "weight holds complex128, no real numbers"),
        (Linear(np.full((5, 4), "a")), "weight holds str"),
        (Linear([[1.0, 2.0], [3.0]]), "weight is not an array of numbers"),  # type: ignore[arg-type]
        (Linear(np.ma.masked_greater(np.ones((5, 4)), 0)), "weight has masked values"),
        (Linear(np.ones(4)), r"weight has shape \(4,\) instead of 2 axes"),
        (Linear(np.ones((5, 4)), np.ones(4)), r"bias has shape \(4,\), its weight 5 outputs"),
        (Conv2d(np.ones((5, 1, 1, 1)), stride=2), r"pairs \(y, x\), not 2"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_array_of_real_numbers(op: Any, told: str) -> None:
    """It is told by projection and field, before anything runs."""
    source = Input("in", (1, 2, 2) if isinstance(op, Conv2d) else (4,))
    with pytest.raises(InputError, match=f"E004 p: .*{told}"):
        Network((source, Population("out", (5,), neuron((5,)))), (Projection("p", "in", "out", (op,)),), ("out",))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"reset": "zero"}, "reset is 'zero'\n.*give 'value' or 'subtract'"),
        ({"compare": ">="}, "compare is '>='\n.*give 'gt' or 'ge'"),
        ({"spikes": 1}, "spikes is 1\n"),
        ({"alpha": 0.0}, r"alpha has shape \(\), the population \(5,\)\n.*give an array of shape \(5,\)"),
    ],
)
def test_neurons_that_are_none(change: dict[str, Any], told: str) -> None:
    """A word of one's own would be taken for another one; numbers stand for each neuron."""
    with pytest.raises(InputError, match=f"E004 out: {told}"):
        Network((Population("out", (5,), replace(neuron((5,)), **change)),), (), ("out",))
