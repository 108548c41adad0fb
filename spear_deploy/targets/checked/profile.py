"""The schema of profiles of checked chips.  Every figure is used: tests/targets/checked.

An absent figure is not published: the check that needs it is not made, and that is noted (N040).  An absent figure of
:class:`Restrictions` is different: the chip has no such restriction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

from spear_deploy.chips.figures import Count, Counts, Sourced
from spear_deploy.chips.profile import ChipProfile

NeuronKind = Literal["memoryless", "if", "lif", "cuba"]
"""``memoryless``: keeps nothing from step to step; ``if``: keeps all; ``lif``: leaks; ``cuba``: has a current too."""
ResetKind = Literal["zero", "value", "subtract", "late"]
"""What a spike does to the membrane; ``late``: all of it may act a step later too."""
SpikeKind = Literal["binary", "integer"]
Time = Literal["continuous"]


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Cores of the chip, and what each holds.

    Attributes:
        cores: of the whole chip.
        neurons_per_core: circuits, where a neuron may take several.
        sources_per_core: inputs and neurons that spikes arrive from.
        synapses_per_core: those that exist.
        destination_cores: how many cores a neuron sends to.
    """

    cores: Count
    neurons_per_core: Count | None = None
    sources_per_core: Count | None = None
    synapses_per_core: Count | None = None
    destination_cores: Count | None = None


@dataclass(frozen=True, kw_only=True)
class SynapseLimits:
    """``fan_in``: most synapses of a neuron; bits of a weight; most steps that a spike waits."""

    fan_in: Count | None = None
    weight_bits: Count | None = None
    delay_max: Count | None = None


@dataclass(frozen=True, kw_only=True)
class Neurons:
    """Kinds of neurons, what a spike does to the membrane, spikes a step.

    ``floor``: whether a membrane may have a lower limit; ``readout``: whether it can be an output.
    """

    kinds: Sourced[tuple[NeuronKind, ...]] | None = None
    resets: Sourced[tuple[ResetKind, ...]] | None = None
    spikes: Sourced[tuple[SpikeKind, ...]] | None = None
    floor: Sourced[bool] | None = None
    readout: Sourced[bool] | None = None


@dataclass(frozen=True, kw_only=True)
class Layers:
    """Whether populations may feed themselves or each other in a loop."""

    loops: Sourced[bool] | None = None


@dataclass(frozen=True, kw_only=True)
class Restrictions:
    """Restrictions that only some chips have; absent means none.

    Attributes:
        time: ``continuous``: the chip computes in it, and has no steps.
        weights_of_a_neuron: different weights that a neuron may have, apart from 0.
        fan_in_of_a_circuit: synapses of one neuron circuit: a neuron of more takes several.
        weight_bytes: memory that all weights share, in bytes.
        kernels: sides of a kernel, in cells. strides: of a convolution.
        matrix_inputs: most inputs of a matrix.
    """

    time: Sourced[Time] | None = None
    weights_of_a_neuron: Count | None = None
    fan_in_of_a_circuit: Count | None = None
    weight_bytes: Count | None = None
    kernels: Counts | None = None
    strides: Counts | None = None
    matrix_inputs: Count | None = None


@dataclass(frozen=True, kw_only=True)
class CheckedProfile(ChipProfile):
    """A chip by its limits."""

    capacity: Capacity
    synapses: SynapseLimits = SynapseLimits()
    neurons: Neurons = Neurons()
    layers: Layers = Layers()
    restrictions: Restrictions = Restrictions()

    @property
    def cores(self) -> int:
        """Number of cores."""
        return self.capacity.cores.value

    def figure(self, path: str) -> Any:
        """Return the value of a figure, such as ``capacity.cores``; None if it is absent."""
        figure = attrgetter(path)(self)
        return None if figure is None else figure.value

    def objections(self) -> Iterator[tuple[str, str]]:
        """Yield figures that contradict others."""
        yield from super().objections()
        if self.energy is not None:
            yield "energy", "is of no use: energy is estimated of what an emulator measures"
        fan_in = self.figure("synapses.fan_in")
        if fan_in is None or self.figure("restrictions.fan_in_of_a_circuit") is not None:
            return
        for path in ("capacity.sources_per_core", "capacity.synapses_per_core"):
            most = self.figure(path)
            if most is not None and fan_in > most:
                yield "synapses.fan_in", f"is {fan_in}, above {path}, {most}"
