"""What a deployment is asked to do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from spear_deploy.errors import InputError
from spear_deploy.train.config import Recipe


@dataclass(frozen=True)
class SynopsBudget:
    """A SynOps limit a sample: an absolute number, or a share of the unpruned network's measured SynOps."""

    value: float
    relative: bool

    @classmethod
    def parse(cls, text: str) -> SynopsBudget:
        """Read ``50%``, ``120000`` or ``1.2e5``; raises :class:`InputError` (E007)."""
        match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*(%?)\s*", text)
        fix = "give a positive number of SynOps a sample, or a percentage such as 50%"
        if match is None:
            raise InputError.of("E007", f"--synops {text}", "is no number and no percentage", fix)
        value, relative = float(match[1]), bool(match[2])
        if not 0 < value < float("inf"):
            raise InputError.of("E007", f"--synops {text}", f"no network runs on a budget of {value:g}", fix)
        return cls(value / 100 if relative else value, relative)

    def limit(self, unpruned: float) -> float:
        """Return the limit in SynOps a sample."""
        return self.value * unpruned if self.relative else self.value


@dataclass(frozen=True)
class SearchOptions:
    """How long and how the search runs.

    ``episodes`` are networks judged before fine-tuning, ``candidates`` those that may be fine-tuned and
    measured, ``samples`` the fine-tuned networks that LRE may take at most.  ``aim`` is the share of the
    budget that fine-tuning presses towards; a network below ``floor`` of the budget wastes it.
    """

    episodes: int = 160
    candidates: int = 4
    samples: int = 16
    lowest_ratio: float = 0.1
    aim: float = 0.965
    floor: float = 0.88
    probe: Recipe = field(default_factory=lambda: Recipe(epochs=2.0, max_steps=100))
    finish: Recipe = field(default_factory=lambda: Recipe(epochs=12.0, max_steps=1000))


@dataclass(frozen=True)
class Budgets:
    """The limits asked for; ``cores`` None: the chip's own number."""

    synops: SynopsBudget
    cores: int | None = None


@dataclass(frozen=True)
class DeployOptions:
    """A whole deployment: where to, under which budgets, proven on which backend.

    ``weight_bits`` None: as many as the chip has.  ``net``: keep within what lava-dl's .net format can hold.
    ``adapt``: give the network the chip's built-in neuron first.
    """

    output: Path
    budgets: Budgets
    backend: str = "emulator"
    seed: int = 0
    search: SearchOptions = field(default_factory=SearchOptions)
    validate_samples: int | None = 32
    backend_timeout: float | None = None
    threads: int = 1
    weight_bits: int | None = None
    net: bool = False
    adapt: bool = False
    resume: bool = False
