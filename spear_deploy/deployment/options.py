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
    """A whole deployment: where to, under which budgets, proven on which backend.

    ``backend`` None: none is run, and the emulator's word stands.  ``validate_samples`` None: all test samples.
    ``adapt``: give the network the chip's own neuron first.  ``allow_loss``: go on with a network that collapses on the
    chip.  ``resume``: go on with an earlier run in the folder; ``force``: replace it.  ``until``: stop after the step
    of that name.  ``confidence``: with which budgets of activity shall hold on samples not seen.
    ``time_limit``: seconds after which the best network measured so far is delivered.  ``place``: by which name of
    :data:`~spear_deploy.placement.placers.PLACERS` the deployed network is put on cores.
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
