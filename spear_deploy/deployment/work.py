"""The state of a deployment: the request and the results of its steps."""

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
    """The request, and the results of the steps; None for steps that have not run.

    Attributes:
        imported, data, chip, options: the request; the steps may replace them (folded input, adapted neurons).
        rule: how classes are read from the output.
        memory: the predicted peak.
        lowered: the unpruned network on the chip.
        adaptation, given: what ``--adapt`` did, and the float activity on the test samples before it.
        baseline, goal, fidelity: the unpruned network as measured, the budgets, and float beside chip.
        search: its result; None if none was needed.
        measured, on_test: the delivered network, and its single run on the test samples.
        kept: the units that each group keeps.
        ruled: its placement by the target's own rule, if another placer was asked for.
        reference: the unpruned network, fine-tuned as long.
        deployed, distributions, course: fidelity, weights and membranes, and time course of the delivered network.
        notes: what the run noticed itself.
        bundle, proof: the files written, and the comparison with a backend.
        unreachable: why no search was begun, and the unpruned network is delivered.
        failure: why a backend gave no proof.
        done, seconds: the steps that have run, and the time that each took.
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
        """All notes on what is delivered."""
        lowered = self.measured.lowered.notes if self.measured is not None else ()
        unreachable = self.unreachable.findings if self.unreachable is not None else ()
        return (*self.imported.notes, *self.data.notes, *lowered, *self.notes, *unreachable)
