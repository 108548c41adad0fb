"""Resources and budgets: how a resource is asked for, measured and predicted."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from spear_deploy.errors import Finding, InputError
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.measured import Baseline, Performance
from spear_deploy.placement import Placement
from spear_deploy.targets import ChipProfile

Sense: TypeAlias = Literal["at most", "at least"]
_NUMBER = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*(%?)\s*")
_GROUPED = re.compile(r"\s*[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]+)?\s*")
"""A number as in reports, with thousands separated."""

AMOUNT, PERCENTAGE = "amount", "percentage"
"""Ways to give a budget of a resource."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource that can be budgeted.

    Attributes:
        name: the keyword in Python; the option of the command line has dashes for underscores.
        title: what a report calls it, with its unit.
        help: the option's line of help.
        sense: whether the limit is a largest or a least value.
        takes: the ways to give it: ``amount`` (120000), ``percentage`` (50%).
        whole: whether it is a whole number.
        largest: the largest valid value; a percentage is divided by 100 before.
        zero: whether 0 is valid.
        least: the smallest valid amount.
        digits: decimals that a report shows.
        measured: its value for a network's performance on a split.
        of_activity: its value from an activity alone, for resources that grow with synaptic operations: the search
            predicts it, fine-tuning enforces it, and a backend's own spikes confirm it.
        bound: with ``of_activity``, the upper bound on unseen samples, from a split's samples and a confidence (0..1);
            with the complement of a confidence, the lower bound.
        of_placement: its value from a placement alone, known without running: the search stays within it.
        of_chip: the limit set by the chip if none is asked for.
        percentage_of: what a percentage is a share of; None: of 1.
        judges_accuracy: whether it limits the loss of accuracy, so that no warning of one is needed.

    A resource with only ``measured`` is judged, but does not steer the search.  Raises :class:`ValueError` for a lower
    limit with any of the ``of_`` functions, which steer by upper limits.
    """

    name: str
    title: str
    help: str
    measured: Callable[[Performance], float]
    sense: Sense = "at most"
    takes: tuple[str, ...] = (AMOUNT,)
    whole: bool = False
    largest: float = float("inf")
    zero: bool = False
    least: float = 0.0
    digits: int = 0
    of_activity: Callable[[Activity], float] | None = None
    bound: Callable[[Activity, float], float] | None = None
    of_placement: Callable[[Placement], float] | None = None
    of_chip: Callable[[ChipProfile], float] | None = None
    percentage_of: Callable[[Baseline], float] | None = None
    judges_accuracy: bool = False

    def __post_init__(self) -> None:
        steering = ("of_activity", "of_placement", "of_chip")
        used = [name for name in steering if getattr(self, name) is not None]
        if self.sense == "at least" and used:
            raise ValueError(f"budget {self.name!r}: {', '.join(used)} go with largest values, not with least ones")
        if self.bound is not None and self.of_activity is None:
            raise ValueError(f"budget {self.name!r}: bound goes with of_activity")

    @property
    def option(self) -> str:
        """Option of the command line."""
        return f"--{self.name.replace('_', '-')}"

    def ask(self, value: str | float) -> Asked:
        """Parse a number, or text such as ``120000``, ``120,000``, ``1.2e5`` and ``50%``.

        Raises :class:`InputError` (E007) for an invalid value.
        """
        text = str(value)
        match = _NUMBER.fullmatch(text.replace(",", "") if _GROUPED.fullmatch(text) else text)
        if match is None:
            is_negative = _NUMBER.fullmatch(text.strip().removeprefix("-")) is not None
            raise self._cannot_mean(value, "is below 0" if is_negative else "is not a number")
        number, relative = float(match[1]), bool(match[2])
        if (PERCENTAGE if relative else AMOUNT) not in self.takes:
            raise self._cannot_mean(value, "is a percentage" if relative else "is not a percentage")
        meant = number / 100 if relative else number
        if meant > self.largest or math.isinf(meant):
            raise self._cannot_mean(value, "is more than 100 %" if self.largest == 1 else "is too large")
        if self.whole and number != int(number):
            raise self._cannot_mean(value, "is not a whole number")
        if meant == 0 and not self.zero:
            raise self._cannot_mean(value, "leaves nothing")
        if not relative and meant < self.least:
            meant_as = f"; {100 * meant:g}% is that share" if PERCENTAGE in self.takes else ""
            raise self._cannot_mean(value, f"is less than {self.least:g}{meant_as}")
        return Asked(self, meant, relative)

    def allows(self, value: float, limit: float) -> bool:
        """Whether a value is within a limit."""
        return value <= limit if self.sense == "at most" else value >= limit

    def _cannot_mean(self, value: object, why: str) -> InputError:
        shapes = {
            AMOUNT: "a share such as 0.5" if self.largest == 1 else f"a {'whole ' if self.whole else ''}number",
            PERCENTAGE: "a percentage such as 50%",
        }
        fix = f"give {' or '.join(shapes[way] for way in self.takes)} for {self.title}"
        return InputError(Finding("E007", f"{self.option} {value}", why, fix))


@dataclass(frozen=True)
class Asked:
    """A budget as asked for: an absolute ``value``, or a share of the unpruned network's use."""

    resource: Resource
    value: float
    relative: bool

    @property
    def share(self) -> float | None:
        """The limit as a share of the unpruned network's use; None for an absolute one."""
        return self.value if self.relative and self.resource.percentage_of is not None else None

    def limit(self, baseline: Baseline) -> float:
        """Return the absolute limit."""
        whole = self.resource.percentage_of
        return self.value * whole(baseline) if self.share is not None and whole is not None else self.value


@dataclass(frozen=True)
class Budget:
    """A limit on one resource; ``share`` is its share of the unpruned network's use, if given as one."""

    resource: Resource
    limit: float
    share: float | None = field(default=None, compare=False)

    def measured(self, performance: Performance) -> float:
        """Return a network's use on the samples of a split."""
        return self.resource.measured(performance)

    def judged(self, performance: Performance, confidence: float) -> float:
        """Return the value compared with the limit: an upper bound on unseen samples with that confidence.

        Without a bound, the measured value.
        """
        bound = self.resource.bound
        return self.measured(performance) if bound is None else bound(performance.activity, confidence)

    def allows(self, value: float) -> bool:
        """Whether a value is within the limit."""
        return self.resource.allows(value, self.limit)
