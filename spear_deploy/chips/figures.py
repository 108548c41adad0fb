"""Figures with sources: what the dataclasses of a chip profile are made of.

The dataclasses are the schema: a figure's type says what its value may be (:mod:`spear_deploy.chips.parse` reads
them).  A field that defaults to None may be absent, because no public text gives the figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Generic, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Sourced(Generic[T]):
    """One figure: its value, the key of its source in the profile's ``sources``, and a remark."""

    value: T
    source: str
    note: str = ""


@dataclass(frozen=True)
class AtLeast:
    """A limit on a number, inclusive."""

    minimum: int

    def allows(self, value: float) -> bool:
        """Whether ``value`` is within the limit."""
        return value >= self.minimum

    def __str__(self) -> str:
        return f"at least {self.minimum}"


@dataclass(frozen=True)
class Between:
    """Limits on a number, inclusive: what there is, or what is computed with here."""

    minimum: int
    maximum: int

    def allows(self, value: float) -> bool:
        """Whether ``value`` is within the limits."""
        return self.minimum <= value <= self.maximum

    def __str__(self) -> str:
        return f"{self.minimum} to {self.maximum}"


@dataclass(frozen=True)
class Positive:
    """The limit of a physical quantity: finite and above zero."""

    def allows(self, value: float) -> bool:
        """Whether ``value`` is within the limit."""
        return 0.0 < value < float("inf")

    def __str__(self) -> str:
        return "positive and finite"


Count: TypeAlias = Annotated[Sourced[int], AtLeast(1)]
Counts: TypeAlias = Annotated[Sourced[tuple[int, ...]], AtLeast(1)]
Natural: TypeAlias = Annotated[Sourced[int], AtLeast(0)]
Quantity: TypeAlias = Annotated[Sourced[float], Positive()]
