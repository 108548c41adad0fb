"""The float network: populations of neurons joined by projections of synapses.

A :class:`Network` is frozen and identified by a content hash; every change makes a new one.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from graphlib import CycleError
from math import prod
from numbers import Integral
from typing import Any, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding, InputError, UnsupportedError
from spear_deploy.network.names import name_problem
from spear_deploy.network.neuron import Comparison, Neuron, ResetKind, SpikeKind
from spear_deploy.network.ops import LinearOp, Shape, ShapeError, chain_shapes
from spear_deploy.network.order import Link, components, loops
from spear_deploy.network.single import in_single_precision
from spear_deploy.network.synapses import Synapses, compose, constant_output, outlines

Resolution: TypeAlias = NDArray[np.float64]
"""Integer steps per float unit."""


@dataclass(frozen=True, eq=False)
class Input:
    """An input for spikes or values: ``shape`` is (C, H, W) or (N,).

    ``resolution``: the integer steps per unit of value, (), with which the network was trained; None: not on integers.
    """

    name: str
    shape: Shape
    resolution: Resolution | None = None

    @property
    def size(self) -> int:
        """Number of channels."""
        return prod(self.shape)


@dataclass(frozen=True, eq=False)
class Population:
    """Neurons of one kind: ``shape`` is (C, H, W) or (N,), as is that of every parameter of ``neuron``.

    ``resolution``: the integer steps per float unit, () or broadcasting to ``shape``, with which the neurons and the
    synapses into them were trained; None: not trained on integers.
    """

    name: str
    shape: Shape
    neuron: Neuron
    resolution: Resolution | None = None

    @property
    def size(self) -> int:
        """Number of neurons."""
        return prod(self.shape)

    @property
    def units(self) -> int:
        """Number of prunable units: channels of a map, neurons of a vector."""
        return self.shape[0]


@dataclass(frozen=True, eq=False)
class Projection:
    """Synapses from ``source`` to ``target``: a chain of linear operations.

    A spike of step t arrives in step t + ``delay``; biases act from the first step on, independent of the delay.
    """

    name: str
    source: str
    target: str
    ops: tuple[LinearOp, ...]
    delay: int = 0


@dataclass(frozen=True, eq=False)
class Network:
    """A spiking network; it may be recurrent.

    ``populations`` are inputs and neurons, in any order; ``outputs`` names those that are read.  ``metadata`` is that
    of the NIR file; it is not part of the content hash.  Lists, tensors and arrays of other types are converted to
    float32.

    Raises :class:`InputError` (E004) if names of populations or projections clash, are unknown or cannot be stored in
    a file (because of a slash, for example), a projection leads into an input, shapes do not fit, a neuron's
    parameter is not finite (a threshold may be infinite) or a delay is negative, and :class:`UnsupportedError` (E022)
    for a loop without delay.
    """

    populations: tuple[Input | Population, ...]
    projections: tuple[Projection, ...]
    outputs: tuple[str, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        populations, projections, findings = _in_single_precision(self)
        object.__setattr__(self, "populations", populations)
        object.__setattr__(self, "projections", projections)
        findings = findings or list(_check(self))
        if findings:
            raise InputError(findings)
        try:
            self.components  # noqa: B018  (computed here so that a loop without delay is refused at construction)
        except CycleError as error:
            loop = " -> ".join(reversed(error.args[1]))
            fix = "give one of its projections a delay of a step or more"
            raise UnsupportedError.of("E022", loop, "each waits for the other within one time step", fix) from error

    def __getitem__(self, name: str) -> Input | Population:
        """Return the input or population of that name."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, Input | Population]:
        return {population.name: population for population in self.populations}

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shape of every input and population, by name."""
        return {population.name: population.shape for population in self.populations}

    @cached_property
    def synapses(self) -> tuple[Synapses, ...]:
        """Synapses of every projection, in order: its composed operations, computed once per network.

        Raises :class:`UnsupportedError` (E037) as :func:`~spear_deploy.network.synapses.compose` does.
        """
        return compose(((p.name, p.source, p.target, p.ops) for p in self.projections), self.shapes)

    @cached_property
    def outlines(self) -> tuple[Synapses, ...]:
        """The shapes of the :attr:`synapses`, without values; raises as they do."""
        return outlines(((p.name, p.source, p.target, p.ops) for p in self.projections), self.shapes)

    @property
    def links(self) -> tuple[Link, ...]:
        """Projections by their ends and delay."""
        return tuple(Link(p.source, p.target, p.delay) for p in self.projections)

    @cached_property
    def components(self) -> tuple[tuple[str, ...], ...]:
        """Population names in groups, sources before targets; the members of a loop form one group."""
        return components(tuple(self._by_name), self.links)

    @cached_property
    def loops(self) -> frozenset[tuple[str, ...]]:
        """The recurrent ones of the :attr:`components`."""
        return loops(self.components, self.links)

    @cached_property
    def order(self) -> tuple[str, ...]:
        """Population names in the order of execution within a time step."""
        return tuple(name for component in self.components for name in component)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """Inputs, in order of declaration."""
        return tuple(p for p in self.populations if isinstance(p, Input))

    @property
    def ends(self) -> tuple[Shape, int] | None:
        """Shape of the input and number of outputs; None for either if there are several."""
        if len(self.inputs) != 1 or len(self.outputs) != 1:
            return None
        return self.inputs[0].shape, self[self.outputs[0]].size

    @property
    def neurons(self) -> tuple[Population, ...]:
        """Populations of neurons, in execution order."""
        ordered = (self[name] for name in self.order)
        return tuple(population for population in ordered if isinstance(population, Population))

    def constant_input(self, target: str) -> NDArray[np.float64]:
        """Return the sum of the biases of all projections into ``target``, added in every step."""
        total = np.zeros(self[target].shape)
        for projection in self.into(target):
            constant = constant_output(projection.ops, self[projection.source].shape)
            total += 0.0 if constant is None else constant
        return total

    def into(self, target: str) -> tuple[Projection, ...]:
        """Projections that end in ``target``."""
        return tuple(p for p in self.projections if p.target == target)

    def out_of(self, source: str) -> tuple[Projection, ...]:
        """Projections that start in ``source``."""
        return tuple(p for p in self.projections if p.source == source)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over structure and parameters (not metadata): equal networks have equal hashes."""
        digest = hashlib.sha256()
        _feed(digest, (self.populations, self.projections, self.outputs))
        return digest.hexdigest()


def _in_single_precision(
    network: Network,
) -> tuple[tuple[Input | Population, ...], tuple[Projection, ...], list[Finding]]:
    """Return the parts of a network with all arrays as float32, and findings on what cannot be converted."""
    populations, projections, findings = list(network.populations), list(network.projections), list[Finding]()

    def read(where: str, value: Any) -> Any:
        try:
            return in_single_precision(value)
        except ValueError as error:
            findings.append(Finding("E004", where, str(error), "give an array of real numbers, such as numpy.float32"))
            return value

    for index, each in enumerate(populations):
        if isinstance(each, Population) and (neuron := read(each.name, each.neuron)) is not each.neuron:
            populations[index] = replace(each, neuron=neuron)
    for index, path in enumerate(projections):
        ops = tuple(read(path.name, op) for op in path.ops)
        if any(new is not old for new, old in zip(ops, path.ops, strict=True)):
            projections[index] = replace(path, ops=ops)
    return tuple(populations), tuple(projections), findings


def _check(network: Network) -> Iterable[Finding]:
    yield from _check_names(network)
    yield from _check_shapes(network)
    for population in network.populations:
        problem = resolution_problem(population.resolution, population.shape)
        if problem:
            yield Finding("E004", population.name, problem)
        arrays = population.neuron.arrays() if isinstance(population, Population) else {}
        for name, array in arrays.items():
            if array.shape != population.shape:
                message = f"{name} has shape {array.shape}, the population {population.shape}"
                yield Finding("E004", population.name, message, f"give an array of shape {population.shape}")
            if np.any(np.isnan(array) if name == "threshold" else ~np.isfinite(array)):  # inf switches a neuron off
                yield Finding("E004", population.name, f"{name} is not finite everywhere")
        yield from _check_kinds(population)


def _check_kinds(population: Input | Population) -> Iterable[Finding]:
    """Check fields with fixed words: an invalid one would be taken for the other of the two."""
    if isinstance(population, Input):
        return
    for name, kinds in (("reset", ResetKind), ("compare", Comparison), ("spikes", SpikeKind)):
        value, known = getattr(population.neuron, name), get_args(kinds)
        if value not in known:
            yield Finding("E004", population.name, f"{name} is {value!r}", f"give {' or '.join(map(repr, known))}")


def resolution_problem(resolution: Resolution | None, shape: Shape) -> str:
    """Return why this cannot be the resolution of a population of ``shape``, or ""."""
    if resolution is None:
        return ""
    if not np.all(np.isfinite(resolution) & (resolution > 0)):
        return "its resolution is not positive and finite everywhere"
    try:
        fits = np.broadcast_shapes(resolution.shape, shape) == shape
    except ValueError:
        fits = False
    return "" if fits else f"its resolution has shape {resolution.shape}, the population {shape}"


def _check_names(network: Network) -> Iterable[Finding]:
    names = [p.name for p in network.populations]
    for kind, held in (("populations", names), ("projections", [p.name for p in network.projections])):
        for name, count in sorted(Counter(held).items()):
            if count > 1:
                yield Finding("E004", name, f"two {kind} have this name")
            problem = name_problem(name)
            if problem:
                yield Finding("E004", ascii(name), f"no file can hold this name of {kind}: it {problem}", "rename it")
    inputs = {p.name for p in network.inputs}
    for projection in network.projections:
        if projection.target in inputs:
            yield Finding("E004", projection.name, f"leads into the input {projection.target!r}")
        for end in (projection.source, projection.target):
            if end not in names:
                yield Finding("E004", projection.name, f"names a population {end!r} that does not exist")
        if not isinstance(projection.delay, Integral) or projection.delay < 0:
            yield Finding("E004", projection.name, f"has a delay of {projection.delay!r} steps", "give a whole number")
    for output in network.outputs:
        if output not in names:
            yield Finding("E004", output, "is an output but no population")


def _check_shapes(network: Network) -> Iterable[Finding]:
    shapes = {p.name: p.shape for p in network.populations}
    for projection in network.projections:
        if projection.source not in shapes or projection.target not in shapes:
            continue
        try:
            reached = chain_shapes(projection.ops, shapes[projection.source])[-1]
        except ShapeError as error:
            yield Finding("E004", projection.name, str(error))
            continue
        if reached != shapes[projection.target]:
            message = f"gives shape {reached}, but {projection.target!r} has shape {shapes[projection.target]}"
            yield Finding("E004", projection.name, message)


def _feed(digest: Any, value: Any) -> None:
    """Feed any frozen structure of dataclasses, arrays, tuples and scalars into a hash, unambiguously."""
    if isinstance(value, np.ndarray):
        digest.update(f"array{value.dtype.str}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value):
        digest.update(type(value).__name__.encode())
        for item in fields(value):
            digest.update(item.name.encode())
            _feed(digest, getattr(value, item.name))
    elif isinstance(value, tuple):
        digest.update(f"tuple{len(value)}".encode())
        for element in value:
            _feed(digest, element)
    else:
        digest.update(f"{type(value).__name__}:{value!r};".encode())
