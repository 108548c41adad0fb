"""Neurons that no chip has: a coded finding before anything is run, whoever built the network."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from spear_deploy.errors import InputError, UnsupportedError
from spear_deploy.network import Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.targets import InputRange, Lowered, LoweringOptions, compiler_for, load_chip


def neurons(size: int, **parameters: float | None) -> Neuron:
    """Integrators with a threshold of 1, but for the parameters given; a threshold of None is a readout."""
    values: dict[str, float | None] = {"alpha": 0, "beta": 1, "gain": 1, "bias": 0, "reset_value": 0, "threshold": 1}
    values |= parameters
    return Neuron(**{k: None if v is None else np.full(size, v, np.float32) for k, v in values.items()})  # type: ignore[arg-type]


def lower(neuron: Neuron, weight: np.ndarray) -> Lowered:
    """Lower a layer of such neurons without a warning of numpy's."""
    populations = (Input("in", (weight.shape[1],)), Population("n", (len(weight),), neuron))
    network = Network(populations, (Projection("w", "in", "n", (Linear(weight.astype(np.float32)),)),), ("n",))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return compiler_for(load_chip("loihi2"), {"in": InputRange()}, LoweringOptions()).lower(network)


WEIGHT = np.random.default_rng(0).normal(0.2, 0.4, (4, 9))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"gain": -1.0}, "the gain of its current is -1"),
        ({"gain": 0.0, "bias": 1e20}, "the gain of its current is 0"),
        ({"gain": -0.5, "threshold": None}, "the gain of its current is -0.5"),
        ({"gain": 0.0, "bias": 0.1, "threshold": None}, "the gain of its current is 0"),
        ({"beta": 1.2}, "its membrane keeps 1.2 of itself"),
        ({"beta": -0.3}, "its membrane keeps -0.3 of itself"),
        ({"alpha": 1.5}, "its current keeps 1.5 of itself"),
        ({"alpha": -0.2}, "its current keeps -0.2 of itself"),
        ({"threshold": -1.0}, "4 of its thresholds do not lie above the reset value"),
        ({"threshold": 0.5, "reset_value": 0.5}, "4 of its thresholds do not lie above the reset value"),
    ],
)
def test_a_neuron_that_no_chip_has(parameters: dict[str, float | None], message: str) -> None:
    """Signs, decays and thresholds that registers have no value for are E034, with what was found."""
    with pytest.raises(UnsupportedError) as caught:
        lower(neurons(4, **parameters), WEIGHT)
    assert {(f.code, f.where) for f in caught.value.findings} == {("E034", "population 'n'")}
    assert message in caught.value.findings[0].message


@pytest.mark.parametrize("parameter", ["alpha", "beta", "gain", "bias", "reset_value", "threshold"])
def test_parameters_are_numbers(parameter: str) -> None:
    """E004 for what is not a number, which no simulation could run either."""
    with pytest.raises(InputError, match=f"E004 n: {parameter} is not finite"):
        lower(neurons(4, **{parameter: np.nan}), WEIGHT)


@pytest.mark.parametrize("bias", [1e20, -1e30, 3e38])
def test_a_bias_beyond_all_registers(bias: float) -> None:
    """The scale follows it: neurons that fire in every step, or never, do so on the chip; no cast overflows."""
    x = np.ones((10, 1, 9), np.uint8)
    assert lower(neurons(4, bias=bias), WEIGHT).emulate(x).spikes["n"].sum() == (40 if bias > 0 else 0)


def test_a_readout_of_both_signs() -> None:
    """The sign of a gain goes into the weights where the largest one is positive: the order of membranes is kept."""
    readout = replace(neurons(4, threshold=None), gain=np.array([1, -1, 0, 0.5], np.float32))
    x = (np.random.default_rng(1).random((20, 3, 9)) < 0.4).astype(np.uint8)
    found = lower(readout, WEIGHT).emulate(x).membrane["n"][-1]
    wanted = x.sum(axis=0, dtype=float) @ (readout.gain[:, None] * WEIGHT).T
    np.testing.assert_array_equal(found.argsort(axis=1), wanted.argsort(axis=1))
