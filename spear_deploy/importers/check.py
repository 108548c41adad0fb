"""Checking that an imported network does what the live module does, population by population.

Every population is given the outputs of the module's own layers, and its reset follows the module's spikes: so rounding
does not matter (a single flipped spike would make two free runs diverge for good), and the first difference names the
faulty population.  By induction over populations and steps, a network that
passes also gives the module's spikes when it runs alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spear_deploy.errors import MismatchError
from spear_deploy.frontends.imported import Imported
from spear_deploy.importers.live import OUTPUT, Live
from spear_deploy.importers.loops import Loop
from spear_deploy.network import Input, Network, Neuron, Population, identity_readout
from spear_deploy.network.ops import Shape
from spear_deploy.simulate.simulator import FloatSimulator

Float64: TypeAlias = NDArray[np.float64]

BATCH = 2
ROUNDING = 1e-5
"""Distance to the threshold, relative to the membranes' range, within which rounding may decide a spike."""
_ACTIVE, _DOUBLINGS = 0.02, 32
_MAP_OF_ONE_DIMENSION = 4
"""Axes of what a layer of such maps emits: (T, B, C, L)."""
_STRONG = 16.0  # membranes then go far beyond thresholds and clips


def checked(imported: Imported, live: Live, loop: Loop | None, seed: int, where: str) -> Imported:
    """Return what was imported, with what is to be told of a ``loop``; raise :class:`MismatchError` as :func:`check`.

    ``live`` runs a module that is given a step a call; of one that loops that is said by the loop.
    """
    check(imported.network, live if loop is None else loop.running(live), seed, where)
    return imported if loop is None else replace(imported, notes=(*imported.notes, *loop.notes(imported.name)))


def check(network: Network, live: Live, seed: int, where: str) -> None:
    """Run module and network on the same random input, weak and strong.

    Raises :class:`MismatchError` (E052) for layers that the network lacks, for a layer that nothing makes fire
    (the check would show nothing), and for the first spike that differs: by step, then in the order of execution.
    """
    names = {_key(name): name for name in live.layers}
    lost = [name for key, name in names.items() if key not in {_key(p.name) for p in network.neurons}]
    if lost:
        message = f"nothing leads to layer {', '.join(repr(name) for name in lost)}"
        raise MismatchError.of("E052", where, message, "call every neuron layer in forward, or leave it out")
    layers = {p.name: names.get(_key(p.name), OUTPUT) for p in network.neurons}
    rng = np.random.default_rng(seed)
    x, drive = _excite(live, network, layers, rng, where)
    driven = [p for p in network.neurons if layers[p.name] != OUTPUT]
    strong = {p.name: _STRONG * drive.get(p.name, _noise(rng, live.steps, p.shape)) for p in driven}
    for trial in ((x, drive), (_STRONG * x, strong)):
        _compare(live, network, layers, *trial, where)


def _key(name: str) -> str:
    """Return a name without characters that population names cannot have."""
    return re.sub(r"\W", "_", name).strip("_")


def _compare(
    live: Live, network: Network, layers: Mapping[str, str], x: Tensor, drive: Mapping[str, Tensor], where: str
) -> None:
    emitted = _run(live, layers, x, drive)
    (source,) = network.inputs
    arriving = _summed_inputs(network, {source.name: x} | {p.name: emitted[layers[p.name]] for p in network.neurons})
    differences = []
    for population in network.neurons:
        total = arriving[population.name] + drive.get(population.name, torch.zeros(())).double().numpy()
        found = _first_difference(population, total, emitted[layers[population.name]].double().numpy())
        differences += [] if found is None else [found]
    if differences:
        _, message = min(differences, key=lambda item: item[0])  # of equal steps the first in execution order
        fix = "forward does what was not followed, or the neuron has no equal here; spikes before this one agree"
        raise MismatchError.of("E052", where, message, fix)


def _run(live: Live, layers: Mapping[str, str], x: Tensor, drive: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what the module's layers emit, with a network's axes: one-dimensional maps have a height of 1."""
    emitted = live.run(x, {layers[name]: value for name, value in drive.items()})
    return {
        name: value.unsqueeze(3) if value.ndim == _MAP_OF_ONE_DIMENSION else value for name, value in emitted.items()
    }


def _excite(
    live: Live, network: Network, layers: Mapping[str, str], rng: np.random.Generator, where: str
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return input, and what is added to the populations' input, on which every layer fires.

    Layers that noise at the module's input does not reach, as in untrained networks, are driven by noise of their
    own, doubled until they fire in a fiftieth of their bins.
    """
    (source,) = network.inputs
    x, drive = live.held(_noise(rng, live.steps, source.shape)), dict[str, Tensor]()
    silent: list[Population] = []
    for doubling in range(_DOUBLINGS):
        emitted = _run(live, layers, x, drive)
        firing = [p for p in network.neurons if not p.neuron.is_readout]
        silent = [p for p in firing if (emitted[layers[p.name]] != 0).double().mean() < _ACTIVE]
        if not silent:
            return x, drive
        drive |= {p.name: _noise(rng, live.steps, p.shape) * 2.0 ** (doubling - 4) for p in silent}
    names = ", ".join(repr(layers[p.name]) for p in silent)
    message = f"layer {names} does not fire, however strong its input: the check would show nothing"
    raise MismatchError.of("E052", where, message, "check the thresholds")


def _noise(rng: np.random.Generator, steps: int, shape: Shape) -> Tensor:
    return torch.from_numpy(rng.uniform(-0.5, 1.0, (steps, BATCH, *shape)).astype(np.float32))


def _summed_inputs(network: Network, emitted: Mapping[str, Tensor]) -> dict[str, Float64]:
    """Summed input of every population, where each source sends what the module's layer sent."""
    sources = tuple(Input(p.name, p.shape) for p in network.populations)
    sums = tuple(Population(f"{p.name}'", p.shape, identity_readout(p.shape)) for p in network.neurons)
    projections = tuple(replace(p, target=f"{p.target}'") for p in network.projections)
    opened = Network(sources + sums, projections, tuple(p.name for p in sums))
    with torch.no_grad():
        totals = FloatSimulator(opened)(emitted)
    return {p.name: totals[f"{p.name}'"].double().numpy() for p in network.neurons}


def _first_difference(population: Population, x: Float64, live: Float64) -> tuple[int, str] | None:
    """Return the step of the first difference and what to say about it."""
    neuron = population.neuron
    if live.shape != x.shape:
        return 0, f"population {population.name!r} has shape {x.shape[2:]}, the module's layer {live.shape[2:]}"
    v = _membranes(neuron, x, live)
    theta = 0.0 if neuron.threshold is None else neuron.threshold.astype(np.float64)
    slack = ROUNDING * (np.abs(v).max() + np.abs(theta))
    low, high = _emission(neuron, v - slack), _emission(neuron, v + slack)
    wrong = (live < low) | (live > high)
    if not wrong.any():
        return None
    step, sample, *index = np.argwhere(wrong)[0]
    at = (step, sample, *index)
    place = f"step {step}, population {population.name!r}, neuron {tuple(map(int, index))}"
    ours, theirs = _emission(neuron, v)[at], live[at]
    return int(step), f"{place}: the module gives {theirs:g}, the imported network {ours:g} (membrane {v[at]:.6g})"


def _membranes(neuron: Neuron, x: Float64, spikes: Float64) -> Float64:
    """Membranes just before the comparison on summed input ``x``, given what fired; all (T, B, *shape)."""
    p = {name: array.astype(np.float64) for name, array in neuron.arrays().items()}
    current, v = np.zeros_like(x[0]), np.broadcast_to(neuron.start.astype(np.float64), x[0].shape)
    membranes = np.empty_like(x)
    for step in range(len(x)):
        current = p["alpha"] * current + x[step]
        v = p["beta"] * v + p["gain"] * current + p["bias"]
        if neuron.reset_delay and step:
            v = _reset(neuron, p, v, spikes[step - 1])
        membranes[step] = v
        if not neuron.reset_delay:
            v = _reset(neuron, p, v, spikes[step])
        if neuron.floor is not None:
            v = np.maximum(v, neuron.floor)
    return membranes


def _reset(neuron: Neuron, p: Mapping[str, Float64], v: Float64, fired: Float64) -> Float64:
    if neuron.is_readout:
        return v
    return v - fired * p["threshold"] if neuron.reset == "subtract" else np.where(fired != 0, p["reset_value"], v)


def _emission(neuron: Neuron, v: Float64) -> Float64:
    """Return the spikes of neurons for a membrane; they grow with it."""
    if neuron.threshold is None:
        return v
    theta = neuron.threshold.astype(np.float64)
    above = v >= theta if neuron.compare == "ge" else v > theta
    count = np.floor(v / theta) if neuron.spikes == "integer" else np.ones_like(v)
    return np.where(above, np.maximum(count, 1.0), 0.0)
