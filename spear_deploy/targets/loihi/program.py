"""The integer network of one Loihi chip."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from spear_deploy.network.fan_out import FanOut, fan_outs
from spear_deploy.network.neuron import Comparison, ResetKind
from spear_deploy.network.ops import Shape
from spear_deploy.network.order import Link, components, loops
from spear_deploy.network.synapses import Synapses
from spear_deploy.targets.loihi.registers import LAVA, Arithmetic
from spear_deploy.targets.ports import InputPort

IntArray: TypeAlias = NDArray[np.int32]
Number = TypeVar("Number", bound=np.generic)
REGISTERS = ("du", "dv", "vth", "bias_mant", "bias_exp")
"""The arrays of a :class:`LoihiPopulation`."""
_LARGEST_LISTED = 1 << 20
"""Weights of a projection that :meth:`LoihiProgram.integers` repeats; poolings may compose to far larger matrices."""


@dataclass(frozen=True, eq=False)
class LoihiPopulation:
    """Neurons of Loihi's LIF equations; each register is a scalar () or of the population's shape.

    ``kind`` is ``lif``, or ``readout``: the same dynamics without firing, its output is v.
    ``depth`` is the number of steps by which its time lags behind the input's (:mod:`.timing`); ``scale``, () or one
    for each unit, is chip units of v >> shift per float unit.  ``reset`` is what a spike does to v: ``value`` zeroes
    it, ``subtract`` takes the shifted threshold off; ``reset_delay``: in the following step, as
    :class:`~spear_deploy.network.Neuron` has it; so is ``compare``, which the built-in neuron has no choice of.
    """

    name: str
    shape: Shape
    kind: Literal["lif", "readout"]
    depth: int
    scale: NDArray[np.float64]
    du: IntArray
    dv: IntArray
    vth: IntArray
    bias_mant: IntArray
    bias_exp: IntArray
    reset: ResetKind = "value"
    reset_delay: bool = False
    compare: Comparison = "gt"

    @property
    def size(self) -> int:
        """Number of neurons."""
        return prod(self.shape)

    @property
    def is_readout(self) -> bool:
        """Whether it never fires."""
        return self.kind == "readout"


@dataclass(frozen=True, eq=False)
class LoihiProjection:
    """Integer synapses: effective weight = mantissa * 2**exponent; ``delay`` counts steps beyond the chip's one.

    ``raised`` (rows of the weight,): by how much more than ``exponent`` the weights of a row, those into one neuron or
    channel, are shifted; None where one exponent is all rows'.
    """

    synapses: Synapses
    exponent: int
    delay: int
    raised: NDArray[np.int8] | None = None

    @property
    def exponents(self) -> NDArray[np.int64]:
        """The exponent of all weights, (), or that of each row."""
        return np.asarray(self.exponent, np.int64) + (0 if self.raised is None else self.raised)

    @property
    def as_one(self) -> LoihiProjection:
        """The same sums with one exponent: mantissas of rows that are raised are multiplied, beyond 8 bits."""
        if self.raised is None:
            return self
        weight = self.synapses.weight << by_row(self.raised.astype(np.int16), self.synapses.weight)
        return LoihiProjection(replace(self.synapses, weight=weight), self.exponent, self.delay)


def by_row(values: NDArray[Number], weight: NDArray[Any]) -> NDArray[Number]:
    """Return values (rows,) so that they broadcast to the rows of a weight; a single value () as it is."""
    return values.reshape(-1, *(1,) * (weight.ndim - 1)) if values.ndim else values


@dataclass(frozen=True, eq=False)
class LoihiProgram:
    """What a backend runs; populations in execution order."""

    chip: str
    inputs: tuple[InputPort, ...]
    populations: tuple[LoihiPopulation, ...]
    projections: tuple[LoihiProjection, ...]
    outputs: tuple[str, ...]
    arithmetic: Arithmetic = LAVA

    @property
    def target(self) -> str:
        """Name of the target."""
        return "loihi"

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shape of every population, inputs first."""
        ports = {port.name: port.shape for port in self.inputs}
        return ports | {population.name: population.shape for population in self.populations}

    def lag(self, projection: LoihiProjection) -> int:
        """Return in how many steps of its own time the target sees a spike, counted from the source's step."""
        source, target = projection.synapses.source, projection.synapses.target
        return projection.delay + 1 + self._depths.get(source, 0) - self._depths[target]

    @cached_property
    def _depths(self) -> dict[str, int]:
        return {population.name: population.depth for population in self.populations}

    @property
    def links(self) -> tuple[Link, ...]:
        """Projections by their ends and lag."""
        return tuple(Link(p.synapses.source, p.synapses.target, self.lag(p)) for p in self.projections)

    @cached_property
    def components(self) -> tuple[tuple[str, ...], ...]:
        """Population names, inputs too, in order of execution; those that feed each other in a loop together."""
        return components(tuple(self.shapes), self.links)

    @cached_property
    def loops(self) -> frozenset[tuple[str, ...]]:
        """The recurrent ones of the :attr:`components`."""
        return loops(self.components, self.links)

    @property
    def synapses(self) -> tuple[Synapses, ...]:
        """Integer synapses (mantissas) of every projection."""
        return tuple(projection.synapses for projection in self.projections)

    @property
    def counted(self) -> frozenset[str]:
        """None: a graded spike is one spike."""
        return frozenset()

    @cached_property
    def fan_outs(self) -> tuple[FanOut, ...]:
        """Synapses that leave each neuron: what a spike costs, nonzero ones alone where the core is sparse."""
        return fan_outs(self.synapses, self.shapes)

    def integers(self) -> dict[str, Any]:
        """Return the integers by the names of the network; matrices beyond ``_LARGEST_LISTED`` are left out."""
        return {
            "chip": self.chip,
            "populations": {
                p.name: {name: getattr(p, name) for name in ("scale", *REGISTERS)} for p in self.populations
            },
            "projections": {
                p.synapses.name: {"weight": p.synapses.weight, "weight_exp": p.exponents, "delay": p.delay}
                for p in self.projections
                if p.synapses.weight.size <= _LARGEST_LISTED
            },
        }

    def population(self, name: str) -> LoihiPopulation:
        """Return the population of that name."""
        return next(p for p in self.populations if p.name == name)

    def into(self, target: str) -> tuple[LoihiProjection, ...]:
        """Projections that end in ``target``."""
        return tuple(p for p in self.projections if p.synapses.target == target)
