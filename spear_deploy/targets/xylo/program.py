"""The integer network of one Xylo chip."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.fan_out import FanOut, fan_outs
from spear_deploy.network.ops import Shape
from spear_deploy.network.synapses import DenseSynapses
from spear_deploy.targets.ports import InputPort
from spear_deploy.targets.xylo.registers import XYLOSIM, Arithmetic

IntArray: TypeAlias = NDArray[np.int32]
REGISTERS = ("dash_syn", "dash_mem", "threshold", "bias")
"""The arrays of a :class:`XyloPopulation`."""


@dataclass(frozen=True, eq=False)
class XyloPopulation:
    """Neurons of Xylo's equations (:mod:`.registers`); registers are (neurons,).

    ``is_output``: they are the chip's output neurons, which fire less often a step and are heard outside.  ``depth``
    is the number of steps by which their time lags behind the input's (:mod:`.timing`); ``scale``, (neurons,), is chip
    units of the membrane per float unit of the network.
    """

    name: str
    shape: Shape
    is_output: bool
    depth: int
    scale: NDArray[np.float64]
    dash_syn: IntArray
    dash_mem: IntArray
    threshold: IntArray
    bias: IntArray

    @property
    def size(self) -> int:
        """Number of neurons."""
        return prod(self.shape)

    @property
    def is_readout(self) -> bool:
        """Whether it never fires: none does."""
        return False


@dataclass(frozen=True)
class Shifts:
    """Left shifts of weights when they are added: from inputs, between hidden neurons, into outputs."""

    input: int = 0
    recurrent: int = 0
    output: int = 0


@dataclass(frozen=True, eq=False)
class XyloProgram:
    """What a backend runs.

    ``populations`` are in the order of the chip's neurons, the hidden ones before the outputs; ``synapses`` are
    mantissas, (target neurons, source neurons).
    """

    chip: str
    inputs: tuple[InputPort, ...]
    populations: tuple[XyloPopulation, ...]
    synapses: tuple[DenseSynapses, ...]
    shifts: Shifts
    outputs: tuple[str, ...]
    arithmetic: Arithmetic = XYLOSIM

    @property
    def target(self) -> str:
        """Name of the target."""
        return "xylo"

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shape of every population, inputs first."""
        ports = {port.name: port.shape for port in self.inputs}
        return ports | {population.name: population.shape for population in self.populations}

    @property
    def hidden(self) -> tuple[XyloPopulation, ...]:
        """Populations of hidden neurons."""
        return tuple(population for population in self.populations if not population.is_output)

    @property
    def lag(self) -> int:
        """Steps that the chip runs beyond those of a sample, until its last outputs have seen the whole of it."""
        return max(population.depth for population in self.populations)

    @property
    def counted(self) -> frozenset[str]:
        """All: several spikes in a step are several."""
        return frozenset(self.shapes)

    @cached_property
    def fan_outs(self) -> tuple[FanOut, ...]:
        """Synapses that leave each neuron; a weight of 0 is none."""
        return fan_outs(self.synapses, self.shapes)

    def population(self, name: str) -> XyloPopulation:
        """Return the population of that name."""
        return next(p for p in self.populations if p.name == name)

    def shift_of(self, synapses: DenseSynapses) -> int:
        """Return how far the weights of a projection are shifted."""
        if synapses.source in {port.name for port in self.inputs}:
            return self.shifts.input
        return self.shifts.output if self.population(synapses.target).is_output else self.shifts.recurrent

    def integers(self) -> dict[str, Any]:
        """Return the integers by the names of the network."""
        return {
            "chip": self.chip,
            "populations": {p.name: {key: getattr(p, key) for key in ("scale", *REGISTERS)} for p in self.populations},
            "projections": {s.name: {"weight": s.weight, "shift": self.shift_of(s)} for s in self.synapses},
        }
