"""Placements: which cores of a chip hold which populations, for any target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spear_deploy.errors import Finding
from spear_deploy.placement.cuts import Cut, part_of_neurons, whole


@dataclass(frozen=True)
class PopulationPlacement:
    """The placement of a population: cores ``first_core .. first_core + cores - 1``, each with one tile.

    ``tile`` is (C, H, W) or (n,).  The ``_per_core`` figures are those of a full tile, ``utilisation`` their shares of
    what a core has (keys: neurons, synapse_words, axons_in, axons_out), ``binding`` the largest share.  ``memory_bits``
    is 0 on chips whose storage of synapses is not known.  ``cuts`` give, for each axis of its shape, the part of each
    position; the parts are on its cores in C order.  () if it is not cut, or the target does not say.
    """

    name: str
    tile: tuple[int, ...]
    cores: int
    first_core: int
    neurons_per_core: int
    synapse_words_per_core: int
    axons_in_per_core: int
    axons_out_per_core: int
    memory_bits: int
    utilisation: Mapping[str, float]
    binding: str
    cuts: tuple[Cut, ...] = ()

    def core_of_neurons(self, shape: tuple[int, ...]) -> NDArray[np.int64]:
        """Return the core of each neuron, in C order of the population's ``shape``: (neurons,)."""
        return self.first_core + part_of_neurons(self.cuts or whole(shape))


CURABLE = frozenset({"E035", "E087", "E088"})
"""Codes of findings that pruning can cure."""


@dataclass(frozen=True)
class Placement:
    """Populations in the order of the network; several may share a core.

    ``findings`` say what does not fit:  E035 if the chip has too few cores, E036 for each population of which no core
    can hold even one unit (it is listed with one unit per core), or the target's own if its layers are not split.  A
    narrower network may not have those in ``CURABLE``.
    """

    populations: tuple[PopulationPlacement, ...]
    findings: tuple[Finding, ...]

    @property
    def cores(self) -> int:
        """Cores that hold anything."""
        return len({core for p in self.populations for core in range(p.first_core, p.first_core + p.cores)})

    @property
    def memory_bits(self) -> int:
        """Synaptic memory of all cores, every core charged with a full tile."""
        return sum(population.memory_bits for population in self.populations)

    def of(self, name: str) -> PopulationPlacement:
        """Return the place of a population."""
        return next(population for population in self.populations if population.name == name)
