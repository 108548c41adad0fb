"""Check a program read from a file: shapes have to fit, and registers have to hold the integers."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, prod

import numpy as np

from spear_deploy.network.ops import Conv2d, Shape
from spear_deploy.network.synapses import DenseSynapses, Synapses
from spear_deploy.targets.loihi.program import REGISTERS, LoihiPopulation, LoihiProgram, LoihiProjection
from spear_deploy.targets.loihi.registers import Arithmetic
from spear_deploy.targets.ports import InputPort

_MOST_NEURONS = 1 << 23
"""Of a population; the largest layer of a VGG16 on 224 x 224 pixels has 3.2 million."""
_MOST_STEPS = 1 << 12
"""Of a delay, and of the time by which a population lags behind the input."""
_LARGEST_WEIGHT = (1 << 15) - 1
_LARGEST_EXPONENT = 15
_MOST_PADDING = 1 << 10


def check_program(program: LoihiProgram) -> None:
    """Check that registers and weights fit the populations, and that no spike arrives before it was sent.

    Raises :class:`ValueError` for the first thing that is wrong.
    """
    shapes, targets = program.shapes, {p.name for p in program.populations}
    if len(shapes) != len(program.inputs) + len(program.populations):
        raise ValueError("a population is listed twice")
    if not set(program.outputs) <= targets:
        raise ValueError(f"an output of {program.outputs} is not a population with neurons")
    for name, shape in shapes.items():
        if not shape or min(shape) < 1 or prod(shape) > _MOST_NEURONS:
            raise ValueError(f"population {name!r} has shape {shape}")
    for port in program.inputs:
        _check_port(port)
    for population in program.populations:
        _check_population(population, program.arithmetic)
    for projection in program.projections:
        _check_projection(projection, program, shapes)


def _check_port(port: InputPort) -> None:
    largest = 1.0 if port.largest is None else port.largest
    if not (isfinite(port.scale) and port.scale > 0 and isfinite(largest) and largest > 0):
        raise ValueError(f"input {port.name!r} has a scale of {port.scale}, and takes values up to {port.largest}")
    if not 1 <= port.max_value < 1 << 24:
        raise ValueError(f"input {port.name!r} takes payloads up to {port.max_value}")


def _check_population(population: LoihiPopulation, arithmetic: Arithmetic) -> None:
    name = population.name
    if not _broadcasts(population.scale.shape, population.shape):
        raise ValueError(f"scale of population {name!r} does not fit its shape")
    if not np.all(np.isfinite(population.scale)) or np.any(population.scale <= 0):
        raise ValueError(f"scale of population {name!r} is not a positive number")
    if not 0 <= population.depth <= _MOST_STEPS:
        raise ValueError(f"population {name!r} lags {population.depth} steps behind the input")
    ranges: Mapping[str, tuple[int, int]] = {
        "du": (0, arithmetic.decay_unit - 1),
        "dv": (0, arithmetic.decay_unit),
        "vth": (0, (1 << (31 - arithmetic.shift)) - 1),
        "bias_mant": (-(1 << 30), 1 << 30),
        "bias_exp": (0, 30),
    }
    for register in REGISTERS:
        values, (least, most) = getattr(population, register), ranges[register]
        if values.shape not in ((), population.shape):
            raise ValueError(f"{register} of population {name!r} does not fit its shape")
        if values.min() < least or values.max() > most:
            raise ValueError(
                f"{register} of population {name!r} is {values.min()} to {values.max()}: not in its register"
            )
    bias = np.abs(population.bias_mant.astype(np.float64)) * 2.0**population.bias_exp
    if np.max(bias) >= 1 << 31:
        raise ValueError(f"the bias of population {name!r} is up to {np.max(bias):g}: not in its register")


def _check_projection(projection: LoihiProjection, program: LoihiProgram, shapes: Mapping[str, Shape]) -> None:
    synapses = projection.synapses
    if synapses.source not in shapes or synapses.target not in {p.name for p in program.populations}:
        raise ValueError(f"projection {synapses.name!r} leads from {synapses.source!r} to {synapses.target!r}")
    if not 0 <= projection.delay <= _MOST_STEPS or program.lag(projection) < 0:
        raise ValueError(f"projection {synapses.name!r} has a delay of {projection.delay}")
    if not _fits(synapses, shapes[synapses.source], shapes[synapses.target]):
        raise ValueError(f"projection {synapses.name!r} has a weight of shape {synapses.weight.shape}")
    largest = max(abs(int(synapses.weight.min(initial=0))), int(synapses.weight.max(initial=0)))
    if largest > _LARGEST_WEIGHT or not 0 <= projection.exponent <= _LARGEST_EXPONENT:
        raise ValueError(f"projection {synapses.name!r} has weights up to {largest} * 2^{projection.exponent}")


def _broadcasts(shape: Shape, to: Shape) -> bool:
    return len(shape) in (0, len(to)) and all(n in (1, m) for n, m in zip(shape, to, strict=False))


def _fits(synapses: Synapses, source: Shape, target: Shape) -> bool:
    """Whether a weight joins populations of these shapes; raise :class:`ShapeError` if no window fits."""
    if isinstance(synapses, DenseSynapses):
        return synapses.weight.shape == (prod(target), prod(source))
    steps = (*synapses.stride, *synapses.dilation, synapses.groups)
    if (
        synapses.weight.ndim != 4
        or min(steps) < 1
        or not 0 <= min(synapses.padding) <= max(synapses.padding) <= _MOST_PADDING
    ):
        return False
    geometry = (synapses.stride, synapses.padding, synapses.dilation, synapses.groups)
    is_divisible = synapses.weight.shape[0] % synapses.groups == 0
    return is_divisible and Conv2d(synapses.weight, None, *geometry).output_shape(source) == target
