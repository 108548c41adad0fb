"""The state of a deployment: what its steps have found so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from spear_deploy.data import Dataset
from spear_deploy.decision import DecisionRule
from spear_deploy.deployment.adaptation import Adaptation
from spear_deploy.deployment.bundle import Bundle
from spear_deploy.deployment.memory import MemoryOutlook
from spear_deploy.deployment.options import DeployOptions
from spear_deploy.errors import Finding, SpearError
from spear_deploy.frontends import Imported
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.course import Course
from spear_deploy.measure.distributions import Distributions
from spear_deploy.measure.fidelity import Fidelity
from spear_deploy.measure.measured import Baseline, Measured, Performance
from spear_deploy.placement import Placement
from spear_deploy.search.goal import Goal
from spear_deploy.search.loop import SearchResult
from spear_deploy.search.reference import Reference
from spear_deploy.targets import ChipProfile, Compiler, Lowered
from spear_deploy.validate.run import BackendRun


@dataclass(frozen=True, eq=False, kw_only=True)
class Work:
    """The request, and what the steps made of it; None where a step has not run.

    ``rule`` is how classes are read from the output; ``memory`` says how much will be taken; ``lowered`` is the
    unpruned network on the chip; ``given`` is what the network did in float, on the test samples, before it was
    adapted, where it was; ``search`` is None too where none was needed; ``on_test`` is what the deployed network did on
    the test samples, which are touched once; ``kept`` lists the units that each group keeps; ``unreachable`` is why no
    search was begun and the unpruned network is delivered; ``failure`` is why a backend gave no proof; ``seconds`` is
    what each step took. ``fidelity`` is that of the unpruned network, ``deployed`` and ``distributions`` are of the
    deployed one, as is its ``course`` over the time steps; ``ruled`` is where the target's own rule would put it, where
    another placement was asked for; ``reference`` is the unpruned network fine-tuned as long;
    ``notes`` are what the run noticed itself.
    """

    imported: Imported
    data: Dataset
    chip: ChipProfile
    options: DeployOptions
    compiler: Compiler | None = None
    rule: DecisionRule | None = None
    memory: MemoryOutlook | None = None
    lowered: Lowered | None = None
    adaptation: Adaptation | None = None
    given: Activity | None = None
    baseline: Baseline | None = None
    goal: Goal | None = None
    search: SearchResult | None = None
    measured: Measured | None = None
    on_test: Performance | None = None
    kept: Mapping[str, list[int]] = field(default_factory=dict)
    ruled: Placement | None = None
    fidelity: Fidelity | None = None
    deployed: Fidelity | None = None
    distributions: Sequence[Distributions] = ()
    course: Course | None = None
    reference: Reference | None = None
    notes: tuple[Finding, ...] = ()
    bundle: Bundle | None = None
    proof: BackendRun | None = None
    unreachable: SpearError | None = None
    failure: SpearError | None = None
    done: Sequence[str] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def told(self) -> tuple[Finding, ...]:
        """All that was noticed on the way to what is delivered."""
        lowered = self.measured.lowered.notes if self.measured is not None else ()
        unreachable = self.unreachable.findings if self.unreachable is not None else ()
        return (*self.imported.notes, *self.data.notes, *lowered, *self.notes, *unreachable)
