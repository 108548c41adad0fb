"""The options of a deployment, in a module of their own so that they can be read without torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from spear_deploy.execution import Execution
from spear_deploy.search.options import SearchOptions

if TYPE_CHECKING:
    from spear_deploy.budgets import Asked
    from spear_deploy.targets import LoweringOptions


PROJECT = "spear.toml"
"""The file of a folder that repeats its run, and what ``build`` looks for."""
SWEEP = "sweep.json"
SWEEP_PAGE = "sweep.html"
"""The files of a sweep beside its bundles."""
STEP_NAMES = ("check", "adapt", "baseline", "search", "bundle", "validate")
"""The steps of a deployment in order; :data:`spear_deploy.deployment.steps.STEPS` says what they do."""


@dataclass(frozen=True)
class DeployOptions:
    """The options of a whole deployment.

    Attributes:
        output: the folder of the bundle.
        budgets: what the network has to meet.
        lowering: how it is quantised.
        backend: the simulator that validates it; None: only the emulator runs.
        validate_samples: test samples to validate on; None: all.
        backend_timeout: seconds; None: no limit.
        adapt: give the network the chip's own neuron first.
        allow_loss: continue with a network that collapses on the chip.
        resume, force: continue an earlier run in the folder, or replace it.
        until: stop after the step of this name.
        confidence: with which budgets of activity hold on unseen samples.
        time_limit: seconds after which the best network measured so far is delivered.
        place: a placer's name in :data:`~spear_deploy.placement.placers.PLACERS`.
    """

    output: Path
    budgets: tuple[Asked, ...]
    lowering: LoweringOptions
    backend: str | None = None
    search: SearchOptions = field(default_factory=SearchOptions)
    execution: Execution = field(default_factory=Execution)
    validate_samples: int | None = 32
    backend_timeout: float | None = None
    adapt: bool = False
    allow_loss: bool = False
    resume: bool = False
    force: bool = False
    until: str | None = None
    confidence: float = 0.95
    time_limit: float | None = None
    place: str = "default"

    @property
    def writes(self) -> bool:
        """Whether the run comes to a step that writes into the folder."""
        return self.until not in ("check", "adapt", "baseline")
