"""What every chip profile holds; what a chip family adds is the schema of its target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spear_deploy.chips.figures import Quantity


@dataclass(frozen=True, kw_only=True)
class Picojoules:
    """Published range of one operation's energy."""

    low: Quantity
    high: Quantity


@dataclass(frozen=True, kw_only=True)
class EnergyTable:
    """Energy for each kind of operation."""

    synaptic_op: Picojoules
    neuron_update: Picojoules
    spike: Picojoules


@dataclass(frozen=True, kw_only=True)
class ChipProfile:
    """A chip or board.  ``target`` names its family; ``sources`` maps each figure's key to the full reference."""

    name: str
    title: str
    target: str
    sources: Mapping[str, str] = field(hash=False)
    energy: EnergyTable | None = None

    @property
    def cores(self) -> int:
        """Cores of all chips together."""
        raise NotImplementedError
