"""Observing the float network on samples of its input: the ranges that registers have to hold.

Without samples, random spikes or values are used, the same ones each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network import Input, Network, Population
from spear_deploy.recording import as_inputs
from spear_deploy.targets.ports import InputRange

Array = NDArray[Any]

_NEURON_STEPS = 1 << 23
"""Bound on neurons times steps times samples that are run: at most a few seconds of work."""
_MAX_SAMPLES = 64
_RANDOM_NEURON_STEPS = 1 << 18
_RANDOM_STEPS, _RANDOM_SAMPLES, _RANDOM_RATE = 48, 4, 0.1
"""Size of random input: long enough for membranes to settle, and as sparse as event data."""


@dataclass(frozen=True, eq=False)
class Observation:
    """A float network on samples; arrays by name.

    ``inputs`` are the values fed in and ``sent`` the outputs of every population, inputs included: spikes, or a
    readout's membrane, (T, B, *shape).  ``currents`` and ``membranes`` are the largest magnitudes that each neuron's
    synaptic current (without biases) and membrane (from its reset value, before a reset) reached:  (*shape).
    ``given``: the samples are the user's, not random ones.
    """

    inputs: Mapping[str, Array]
    sent: Mapping[str, Array]
    currents: Mapping[str, Array]
    membranes: Mapping[str, Array]
    given: bool

    @property
    def samples(self) -> int:
        """Number of samples."""
        return int(next(iter(self.inputs.values())).shape[1])

    @property
    def source(self) -> str:
        """The source of the samples, in words."""
        several = "s" * (self.samples != 1)
        return f"{self.samples} sample{several}{'' if self.given else ' of random input'}"


def observe(network: Network, ranges: Mapping[str, InputRange]) -> Observation:
    """Run a float network on the samples of its ``ranges``, or on random ones if an input has none.

    Raises :class:`InputError` (E005) for samples that are not finite numbers of the inputs' shapes.
    """
    given = all(port.name in ranges and ranges[port.name].samples is not None for port in network.inputs)
    inputs = _given_inputs(network, ranges) if given else _random_inputs(network, ranges)
    return Observation(inputs, *_run(network, inputs), given)


def clip_inputs(network: Network, seen: Observation, name: str, largest: float) -> Observation:
    """Return the observation with ranges measured under a clipped input; float outputs stay unchanged."""
    clipped = {**seen.inputs, name: np.minimum(seen.inputs[name], largest)}
    _, currents, membranes = _run(network, clipped)
    return replace(seen, currents=currents, membranes=membranes)


def _run(network: Network, inputs: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Return the output of every population, and the extremes of its current and membrane."""
    import torch

    from spear_deploy.simulate.simulator import FloatSimulator
    from spear_deploy.simulate.tensors import to_tensor

    simulator = FloatSimulator(network)
    currents, membranes = {}, {}
    with torch.no_grad():
        known = {name: to_tensor(x) for name, x in inputs.items()}
        known |= simulator(known)
        for population in network.neurons:
            name = population.name
            arriving, sent = simulator.arriving(name, known).numpy(), known[name].numpy()
            constant = network.constant_input(name)
            currents[name], membranes[name] = _extremes(population, arriving, sent, constant)
    return {name: x.numpy() for name, x in known.items()}, currents, membranes


def _extremes(population: Population, arriving: Array, sent: Array, constant: Array) -> tuple[Array, Array]:
    """Return the largest magnitudes of current, less that of biases, and of the membrane of each neuron.

    ``arriving`` and the spikes ``sent`` are (T, B, *shape), ``constant`` is the part of the input due to biases.
    """
    neuron = population.neuron
    current = np.zeros(arriving.shape[1:], np.float32)
    membrane = np.broadcast_to(neuron.start, current.shape)
    of_bias = np.zeros(population.shape)
    most_current, most_membrane = np.zeros_like(current), np.zeros_like(current)
    fired_before = np.zeros(current.shape, bool)
    for step, total in enumerate(arriving):
        current, of_bias = neuron.alpha * current + total, neuron.alpha * of_bias + constant
        membrane = neuron.beta * membrane + neuron.gain * current + neuron.bias
        most_current = np.maximum(most_current, np.abs(current - of_bias))
        most_membrane = np.maximum(most_membrane, np.abs(membrane - neuron.reset_value))
        if neuron.threshold is None:
            continue
        fired = sent[step] != 0
        reset = fired_before if neuron.reset_delay else fired
        after = membrane - neuron.threshold if neuron.reset == "subtract" else neuron.reset_value
        membrane, fired_before = np.where(reset, after, membrane), fired
    return most_current.max(axis=0), most_membrane.max(axis=0)


def _given_inputs(network: Network, ranges: Mapping[str, InputRange]) -> dict[str, Array]:
    """Return as many of the samples as the bound on work allows."""
    shapes = {port.name: port.shape for port in network.inputs}
    inputs = as_inputs(shapes, {name: ranges[name].samples for name in shapes})
    steps, samples = next(iter(inputs.values())).shape[:2]
    kept = max(1, min(samples, _MAX_SAMPLES, _NEURON_STEPS // (steps * _neurons(network))))
    return {name: x[:, :kept] for name, x in inputs.items()}


def _random_inputs(network: Network, ranges: Mapping[str, InputRange]) -> dict[str, Array]:
    rng = np.random.default_rng(0)
    most = max(1, _RANDOM_NEURON_STEPS // _neurons(network))
    steps = min(_RANDOM_STEPS, max(4, most))
    samples = max(1, min(_RANDOM_SAMPLES, most // steps))
    return {port.name: _random_input(rng, port, steps, samples, ranges) for port in network.inputs}


def _random_input(
    rng: np.random.Generator, port: Input, steps: int, samples: int, ranges: Mapping[str, InputRange]
) -> Array:
    values = ranges.get(port.name, InputRange())
    shape = (steps, samples, *port.shape)
    events = rng.random(shape, np.float32) < _RANDOM_RATE
    if values.integral:
        return events * rng.integers(1, max(1, int(values.maximum)), shape, endpoint=True)
    return events * (rng.random(shape, np.float32) * np.float32(values.maximum))


def _neurons(network: Network) -> int:
    return sum(prod(shape) for shape in network.shapes.values())
