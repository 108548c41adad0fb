"""Folding the input's normalisation into the network: the same spikes from raw values, to rounding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.errors import InputError, UnsupportedError
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
from spear_deploy.network.normalisation import InputTransform, fold_transform
from spear_deploy.network.ops import Shape, chain_shapes
from spear_deploy.simulate.record import simulate

RGB = InputTransform((0.48, 0.45, 0.4), (0.22, 0.25, 0.3), 1 / 255)


def values(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape).astype(np.float32)


def chains(rng: np.random.Generator) -> dict[str, tuple[Shape, tuple[LinearOp, ...]]]:
    """Shape of an input of three channels, and operations behind it."""
    conv = Conv2d(values(rng, 4, 3, 3, 3), values(rng, 4))
    padded = replace(conv, padding=(1, 2), stride=(2, 1))
    pool, mean, flat = SumPool2d((2, 2), (2, 2), (1, 1)), AvgPool2d((2, 2), (2, 2)), Flatten()
    return {
        "linear": ((3,), (Linear(values(rng, 5, 3)),)),
        "linear with a bias": ((3,), (Linear(values(rng, 5, 3), values(rng, 5)),)),
        "nothing": ((3,), ()),
        "scale": ((3, 2, 2), (Scale(values(rng, 3, 2, 2)),)),
        "convolution": ((3, 6, 5), (conv,)),
        "padded convolution": ((3, 6, 5), (padded,)),
        "dilated": ((3, 6, 6), (replace(conv, dilation=(2, 1)),)),
        "groups": ((3, 5, 5), (Conv2d(values(rng, 6, 1, 3, 3), None, padding=(1, 1), groups=3),)),
        "one-dimensional": ((3, 1, 9), (Conv2d(values(rng, 4, 3, 1, 3), values(rng, 4), padding=(0, 1)),)),
        "flattened": ((3, 2, 2), (flat, Linear(values(rng, 5, 12), values(rng, 5)))),
        "pooled first": ((3, 6, 6), (mean, replace(conv, padding=(1, 1)))),
        "pooled at the border": ((3, 5, 5), (pool, flat, Linear(values(rng, 4, 27)))),
        "pool alone": ((3, 5, 5), (pool,)),
        "padded, pooled, dense": ((3, 6, 6), (replace(conv, padding=(1, 1)), mean, flat, Linear(values(rng, 4, 36)))),
        "two convolutions": ((3, 7, 7), (padded, Conv2d(values(rng, 2, 4, 2, 2), None))),
    }


def network(shape: Shape, ops: tuple[LinearOp, ...], *, alpha: float = 0.0, threshold: float | None = None) -> Network:
    """The input, the operations, and neurons with a memory."""
    target = chain_shapes(ops, shape)[-1]

    def full(value: float) -> np.ndarray:
        return np.full(target, value, np.float32)

    fires = None if threshold is None else full(threshold)
    neuron = Neuron(full(alpha), full(0.8), full(0.7), full(0.1), full(0.0), fires)
    return Network(
        (Input("in", shape), Population("out", target, neuron)), (Projection("p", "in", "out", ops),), ("out",)
    )


NAMES = list(chains(np.random.default_rng(0)))


@pytest.mark.parametrize("transform", [RGB, InputTransform((0.3,), (0.2,)), InputTransform(scale=1 / 16)], ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_raw_values_do_what_normalised_ones_did(name: str, transform: InputTransform) -> None:
    """Membranes from raw values are those from normalised ones, at the padded border too."""
    rng = np.random.default_rng(1)
    shape, ops = chains(rng)[name]
    source = network(shape, ops)
    raw = rng.integers(0, 256, (6, 4, *shape)).astype(np.float64)
    by_channel = (len(transform.mean), *[1] * (len(shape) - 1))
    mean, std = (np.reshape(each, by_channel) for each in (transform.mean, transform.std))
    expected = simulate(source, ((raw * transform.scale - mean) / std).astype(np.float32)).membrane["out"]
    found = simulate(fold_transform(source, transform), raw.astype(np.float32)).membrane["out"]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(NAMES), st.integers(0, 2**32 - 1))
def test_spikes_are_the_same(name: str, seed: int) -> None:
    """Hardly a spike differs, where rounding meets a threshold."""
    rng = np.random.default_rng(seed)
    shape, ops = chains(rng)[name]
    source = network(shape, ops, threshold=0.5)
    raw = rng.integers(0, 256, (8, 5, *shape)).astype(np.float64)
    mean, std = (np.reshape(each, (3, *[1] * (len(shape) - 1))) for each in (RGB.mean, RGB.std))
    expected = simulate(source, ((raw * RGB.scale - mean) / std).astype(np.float32)).spikes["out"]
    found = simulate(fold_transform(source, RGB), raw.astype(np.float32)).spikes["out"]
    assert np.mean(found != expected) < 0.01


def test_a_bias_goes_where_a_channel_has_one() -> None:
    """Without padding a channel takes its bias; behind padding, where it differs, each neuron gets one of its own."""
    every = chains(np.random.default_rng(0))
    shape, ops = every["convolution"]
    plain = fold_transform(network(shape, ops), RGB)
    neuron = plain.neurons[0].neuron
    assert np.ptp(neuron.bias) == 0
    padded = fold_transform(network(*every["padded convolution"]), RGB).neurons[0].neuron
    assert np.ptp(padded.bias, axis=(1, 2)).min() > 0


def test_a_scale_needs_no_bias() -> None:
    """Without a mean nothing is added, whatever the padding, the delay and the neuron."""
    shape, ops = chains(np.random.default_rng(0))["padded convolution"]
    source = network(shape, ops, alpha=0.5)
    late = replace(source, projections=(replace(source.projections[0], delay=2),))
    folded = fold_transform(late, InputTransform(scale=0.5))
    assert (folded.neurons[0].neuron.bias == source.neurons[0].neuron.bias).all()
    np.testing.assert_array_equal(folded.projections[0].ops[0].weight, ops[0].weight * 0.5)  # type: ignore[union-attr]
    assert fold_transform(late, InputTransform()) is late


def test_what_cannot_take_a_mean_is_refused() -> None:
    """A border that a synaptic current would need, and a delay before which nothing arrives: E016, all at once."""
    shape, ops = chains(np.random.default_rng(0))["padded convolution"]
    source = network(shape, ops, alpha=0.5)
    late = replace(source.projections[0], name="late", delay=1)
    both = replace(source, projections=(*source.projections, late))
    with pytest.raises(UnsupportedError) as caught:
        fold_transform(both, RGB)
    assert [(f.code, f.where) for f in caught.value.findings] == [
        ("E016", "projection 'p'"),
        ("E016", "projection 'late'"),
    ]
    with pytest.raises(InputError, match=r"E016 .*3 means for the 2 channels of input 'in' \(2,\)"):
        fold_transform(network((2,), ()), RGB)


@pytest.mark.parametrize(
    ("given", "scale", "expected"),
    [
        ("0.5,0.25", None, InputTransform((0.5,), (0.25,))),
        (" -1 , 2e-1 ", None, InputTransform((-1.0,), (0.2,))),
        ("0.1/0.2", None, InputTransform((0.1,), (0.2,))),
        ("0.1,0.2,0.3/1,2,3", "1/255", InputTransform((0.1, 0.2, 0.3), (1.0, 2.0, 3.0), 1 / 255)),
        ((0.5, 0.25), 2, InputTransform((0.5,), (0.25,), 2.0)),
        (([0.1, 0.2], np.array([1, 2])), "0.5", InputTransform((0.1, 0.2), (1.0, 2.0), 0.5)),
        (None, None, InputTransform()),
    ],
)
def test_forms(given: Any, scale: Any, expected: InputTransform) -> None:
    """As options and as keywords; what is told can be given again."""
    assert InputTransform.of(given, scale) == expected
    assert expected.is_identity == (not str(expected))


@pytest.mark.parametrize(
    "given",
    ["", "0.5", "a,b", "0.5,0", "0.5,-1", "1,2,3,4", "1,2/3", "nan,1", "0,inf", "1,,2/1,2,3", (1,), 5, ("a", "b")],
)
def test_what_is_no_normalisation(given: Any) -> None:
    """Anything else is E016, with the form that is meant, beside a scale that cannot be meant either."""
    for scale in ("0", "1/0", "-1", "nan", "x", "1/2/3", ""):
        with pytest.raises(InputError) as caught:
            InputTransform.of(given, scale)
        assert [finding.code for finding in caught.value.findings] == ["E016", "E016"]
        assert "M1,M2,M3/S1,S2,S3" in caught.value.findings[0].fix


def test_raw_values() -> None:
    """Undone, a normalisation gives the raw values; pixels come back whole."""
    pixels = np.random.default_rng(0).integers(0, 256, (9, 3, 4, 4))
    mean, std = (np.reshape(each, (3, 1, 1)) for each in (RGB.mean, RGB.std))
    normalised = ((pixels * RGB.scale - mean) / std).astype(np.float32)
    np.testing.assert_array_equal(RGB.raw(normalised, 1), pixels)
    unscaled = replace(RGB, scale=1.0).raw(normalised, 1)
    np.testing.assert_allclose(unscaled, pixels / 255, atol=1e-6)
