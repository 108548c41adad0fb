"""The schema common to all chip profiles; a chip family extends it in its target."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields

from spear_deploy.chips.figures import Quantity


@dataclass(frozen=True, kw_only=True)
class PublishedRange:
    """The cost of one operation, between two published figures; subclasses define the unit."""

    low: Quantity
    high: Quantity


@dataclass(frozen=True, kw_only=True)
class Picojoules(PublishedRange):
    """One operation's energy."""


@dataclass(frozen=True, kw_only=True)
class EnergyTable:
    """Energy for each kind of operation."""

    synaptic_op: Picojoules
    neuron_update: Picojoules
    spike: Picojoules


@dataclass(frozen=True, kw_only=True)
class Nanoseconds(PublishedRange):
    """One operation's time."""


@dataclass(frozen=True, kw_only=True)
class TimeTable:
    """The time of a core for each kind of operation, and of the ``barrier`` at which all cores wait in each step.

    ``message`` is one spike on its way to one core, at the core that sends it or that takes it.
    """

    synaptic_op: Nanoseconds
    neuron_update: Nanoseconds
    spike: Nanoseconds
    message: Nanoseconds
    barrier: Nanoseconds


@dataclass(frozen=True, kw_only=True)
class ChipProfile:
    """A chip or board.  ``target`` names its family; ``sources`` maps each figure's key to the full reference."""

    name: str
    title: str
    target: str
    sources: Mapping[str, str] = field(hash=False)
    energy: EnergyTable | None = None
    time: TimeTable | None = None

    @property
    def cores(self) -> int:
        """Cores of all chips together."""
        raise NotImplementedError

    @property
    def fingerprint(self) -> str:
        """A SHA-256 of all figures and their sources: it distinguishes profiles of the same name."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    def references(self, costs: Iterable[PublishedRange]) -> str:
        """Return the references of published ranges, each once, in order."""
        keys = dict.fromkeys(figure.source for cost in costs for figure in (cost.low, cost.high))
        return "; ".join(self.sources[key] for key in keys)

    def objections(self) -> Iterator[tuple[str, str]]:
        """Yield figures that contradict others: path and reason.  A family adds figures that it does not support."""
        for name, table in (("energy", self.energy), ("time", self.time)):
            for entry in fields(table) if table is not None else ():
                operation = getattr(table, entry.name)
                if operation.low.value > operation.high.value:
                    reason = f"is {operation.low.value:g}, above high, {operation.high.value:g}"
                    yield f"{name}.{entry.name}.low", reason
