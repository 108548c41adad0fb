"""What the rules of all chip families on a float network share: the subject, and the wording of findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spear_deploy.network import Network, Neuron, Population
from spear_deploy.targets.ports import InputRange


@dataclass(frozen=True, eq=False)
class NetworkToLower:
    """A network on its way to a chip, and the range of values fed into each of its inputs."""

    network: Network
    inputs: Mapping[str, InputRange]

    @property
    def spiking(self) -> list[Population]:
        """Populations that fire; the others are readouts."""
        return [population for population in self.network.neurons if not population.neuron.is_readout]


def where(population: Population) -> str:
    """Return the name of a population in findings."""
    return f"population {population.name!r}"


def reset_in_words(neuron: Neuron) -> str:
    """Return a neuron's reset in words: ``by subtraction, one step late``."""
    how = "by subtraction" if neuron.reset == "subtract" else "to a value"
    return f"{how}{', one step late' if neuron.reset_delay else ''}"
