"""``spear_deploy.check_chips``: which chips take a network, at what cost, and what stands in the way on the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log
from os import PathLike
from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray

from spear_deploy.chips import ChipProfile, chip_names
from spear_deploy.errors import Finding, InputError, UnsupportedError
from spear_deploy.frontends import Imported
from spear_deploy.placement import CURABLE, Placement
from spear_deploy.targets import (
    TARGETS,
    CheckedTarget,
    InputRange,
    LoweringOptions,
    Target,
    load_chip,
)
from spear_deploy.targets.ports import input_ranges

Answer: TypeAlias = Literal["yes", "with adaptation", "cannot say", "no"]
ALL = "all"
"""The name that stands for every built-in chip."""
_ORDER: tuple[Answer, ...] = ("yes", "with adaptation", "cannot say", "no")


@dataclass(frozen=True)
class ChipCheck:
    """The result of checking a network against one chip.

    Attributes:
        chip: name of the profile.
        title: title of the chip.
        emulated: whether the chip is emulated, or only checked by rules.
        answer: ``yes``; ``with adaptation``: with the chip's own neurons, which takes fine-tuning (``--adapt``);
        ``cannot say``: no rule is broken, but some figures are not published; ``no``.
        findings: why the chip does not take the network unchanged.
        unmade: unpublished figures, whose checks could not be made.
        placement: placement of the network, adapted if necessary; None if it cannot be placed.
        of_cores: number of cores of the chip.
    """

    chip: str
    title: str
    emulated: bool
    answer: Answer
    findings: tuple[Finding, ...]
    unmade: tuple[str, ...]
    placement: Placement | None
    of_cores: int

    @property
    def busiest(self) -> tuple[str, str, float] | None:
        """The fullest core: its population, its fullest resource, and the share used; None if unknown."""
        placed = () if self.placement is None else self.placement.populations
        shares = [(p.name, p.binding, p.utilisation[p.binding]) for p in placed if p.binding in p.utilisation]
        return max(shares, key=lambda found: found[2]) if shares else None

    @property
    def memory_share(self) -> float | None:
        """Share of the chip's synaptic memory (or synapses) in use, if all cores have the same; None if unknown."""
        placed = () if self.placement is None else self.placement.populations
        if not placed or any("synapse_words" not in p.utilisation for p in placed):
            return None
        return sum(p.cores * p.utilisation["synapse_words"] for p in placed) / self.of_cores

    @property
    def curable(self) -> bool:
        """Whether pruning may cure all findings."""
        return bool(self.findings) and all(finding.code in CURABLE for finding in self.findings)

    @property
    def distance(self) -> tuple[int, float]:
        """How far the chip is from taking the network: the number of findings, and by how much (sum of logarithms)."""
        return len(self.findings), sum(map(_excess, self.findings))

    def as_data(self) -> dict[str, Any]:
        """Return it as plain data, as in the JSON."""
        busiest = None if self.busiest is None else dict(zip(("population", "of", "share"), self.busiest, strict=True))
        return {
            "chip": self.chip,
            "title": self.title,
            "emulated": self.emulated,
            "answer": self.answer,
            "cores": None if self.placement is None else self.placement.cores,
            "of_cores": self.of_cores,
            "memory_bits": None if self.placement is None else self.placement.memory_bits or None,
            "memory_share": self.memory_share,
            "busiest": busiest,
            "findings": [
                {key: getattr(each, key) for key in ("code", "where", "message", "fix", "value", "limit")}
                for each in self.findings
            ],
            "pruning_may_cure": self.curable,
            "unmade": list(self.unmade),
        }


def check_chips(
    imported: Imported,
    chips: Iterable[str | PathLike[str] | ChipProfile] | None = None,
    *,
    calibration: NDArray[Any] | Mapping[str, NDArray[Any]] | None = None,
) -> tuple[ChipCheck, ...]:
    """Check a network against chips: all built-in ones (``"all"``, as for ``--chip``) unless ``chips`` names some.

    ``calibration`` (steps, samples, *shape) is input as it will be run, as for :func:`spear_deploy.lower`.  Chips that
    take the network come first, then those that take it adapted, those of which too little is published, and the
    others, nearest first: by the number of findings, then by how far values exceed their limits.

    Raises :class:`~spear_deploy.errors.InputError` (E001, E008, E011).
    """
    if not isinstance(imported, Imported):
        message = f"{type(imported).__name__} is not an imported network"
        raise InputError.of("E001", "check_chips", message, "give what load() returns")
    if isinstance(chips, str | PathLike):
        chips = None if chips == ALL else (chips,)
    if chips is not None and not isinstance(chips, Iterable):
        fix = 'give a list of names, such as ["loihi2"]'
        raise InputError.of("E008", "check_chips", f"{chips!r} is not a list of chips", fix)
    ranges = input_ranges(imported.network.inputs, calibration)
    profiles = [
        chip if isinstance(chip, ChipProfile) else load_chip(chip)
        for chip in (chip_names() if chips is None else chips)
    ]
    return ranked(check_chip(imported, profile, ranges) for profile in profiles)


def ranked(checks: Iterable[ChipCheck]) -> tuple[ChipCheck, ...]:
    """Return the checks in the order of :func:`check_chips`."""

    def place(check: ChipCheck) -> tuple[object, ...]:
        return _ORDER.index(check.answer), check.distance, len(check.unmade), check.of_cores, check.chip

    return tuple(sorted(checks, key=place))


def check_chip(imported: Imported, chip: ChipProfile, ranges: Mapping[str, InputRange]) -> ChipCheck:
    """Check a network against one chip; ``ranges`` are those of its inputs."""
    target = TARGETS.get(chip.target)
    if isinstance(target, CheckedTarget):
        return _checked(target, imported, chip)
    return _lowered(target, imported, chip, ranges)


def _checked(target: CheckedTarget, imported: Imported, chip: ChipProfile) -> ChipCheck:
    try:
        found = target.check(chip, imported.network)
    except UnsupportedError as error:
        return ChipCheck(chip.name, chip.title, False, "no", error.findings, (), None, chip.cores)
    answer: Answer = "no" if found.findings else "cannot say" if found.unmade else "yes"
    return ChipCheck(chip.name, chip.title, False, answer, found.findings, found.unmade, found.placement, chip.cores)


def _lowered(target: Target, imported: Imported, chip: ChipProfile, ranges: Mapping[str, InputRange]) -> ChipCheck:
    compiler = target.compiler(chip, ranges, LoweringOptions())

    def lowered(network: Any) -> tuple[tuple[Finding, ...], Placement | None]:
        try:
            placement = compiler.lower(network).placement
        except UnsupportedError as error:
            return error.findings, None
        return placement.findings, placement

    findings, placement = lowered(imported.network)
    answer: Answer = "no" if findings else "yes"
    if findings:
        others, adapted = lowered(compiler.adapt(imported.network, imported.semantics)[0])
        if not others:
            answer, placement = "with adaptation", adapted
    return ChipCheck(chip.name, chip.title, True, answer, findings, (), placement, chip.cores)


def _excess(finding: Finding) -> float:
    """Return by how much a finding exceeds its limit, as a logarithm; 0 if it has no numbers."""
    if not finding.value or not finding.limit or finding.value <= 0 or finding.limit <= 0:
        return 0.0
    return abs(log(finding.value / finding.limit))
