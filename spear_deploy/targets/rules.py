"""Rules of a chip: the check, and the one text that states it everywhere.

A rule is a small function.  Its docstring, filled with the chip's figures, is what a finding quotes, what ``explain``
prints and the row of the chip's page in the documentation, so that they cannot differ::

    @rule("E034", fix="shorten the delay")
    def delays_fit(subject, limits):
        \"\"\"A spike waits {max_delay} steps at most beyond the chip's one.\"\"\"
        for name, steps in subject.delays.items():
            if steps > limits.max_delay:
                yield Breach(f"projection {name!r}", f"it waits {steps} steps", steps, limits.max_delay)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from spear_deploy.errors import Finding, Severity


@dataclass(frozen=True)
class Breach:
    """A place where a rule is broken: what was found, and for numbers its value and the limit.

    The limit is the largest allowed value, or the smallest (``at_least``).
    """

    where: str
    found: str
    value: float | None = None
    limit: float | None = None
    at_least: bool = False


Check: TypeAlias = Callable[[Any, Any], Iterable[Breach]]


@dataclass(frozen=True)
class Rule:
    """One requirement of a chip on networks; ``text`` has placeholders for the chip's figures."""

    name: str
    code: str
    text: str
    fix: str
    severity: Severity
    check: Check

    def text_for(self, figures: Mapping[str, str]) -> str:
        """Return the text with a chip's figures."""
        return self.text.format(**figures)

    def findings(self, subject: Any, limits: Any, figures: Mapping[str, str]) -> Iterator[Finding]:
        """Yield a finding for every breach."""
        for breach in self.check(subject, limits):
            message = f"{breach.found}. {self.text_for(figures)}"
            numbers = (breach.value, breach.limit, breach.at_least)
            yield Finding(self.code, breach.where, message, self.fix, self.severity, *numbers)


def rule(code: str, *, fix: str = "", severity: Severity = "error") -> Callable[[Check], Rule]:
    """Make a rule of a check: a function of a subject and a chip's limits that yields breaches."""

    def decorate(check: Check) -> Rule:
        text = " ".join(inspect.getdoc(check).split())  # type: ignore[union-attr]
        return Rule(check.__name__, code, text, fix, severity, check)

    return decorate


def check_rules(rules: Iterable[Rule], subject: Any, limits: Any, figures: Mapping[str, str]) -> list[Finding]:
    """Return the findings of all rules on one subject, at once."""
    return [finding for each in rules for finding in each.findings(subject, limits, figures)]


def group_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Merge findings that differ only in their place."""
    places: dict[tuple[str, str, str, Severity], list[Finding]] = {}
    for found in findings:
        places.setdefault((found.code, found.message, found.fix, found.severity), []).append(found)
    return tuple(replace(same[0], where=", ".join(found.where for found in same)) for same in places.values())


def counted(count: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
