"""The step ``bundle``: write program, model and samples, and measure how faithful the deployed network is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from spear_deploy.deployment.bundle import Origin, write_bundle
from spear_deploy.deployment.folder import clear_weights
from spear_deploy.deployment.steps.step import Step
from spear_deploy.deployment.work import Work
from spear_deploy.measure.course import measure_course
from spear_deploy.measure.distributions import measure_distributions
from spear_deploy.measure.fidelity import measure_fidelity
from spear_deploy.measure.runs import payloads
from spear_deploy.progress import Progress
from spear_deploy.validate.samples import spread_over_activity


def _bundle(work: Work, progress: Progress) -> Work:
    measured, on_test, goal, data, options = work.measured, work.on_test, work.goal, work.data, work.options
    assert measured is not None
    assert on_test is not None
    assert goal is not None
    assert work.rule is not None
    program = measured.lowered.program
    with progress.step("bundle"):
        chosen = data.test.take(spread_over_activity(on_test.activity.total, options.validate_samples))
        (port,) = program.inputs
        samples = (payloads(port, chosen), chosen.labels[chosen.indices])
        facts = {
            "data": data.name,
            "data_fingerprint": data.fingerprint,
            "decide": work.rule.name,
            "seed": options.execution.seed,
            "threads": options.execution.threads,
            "limits": {budget.resource.name: budget.limit for budget in goal.budgets},
        }
        origin = Origin(measured.network, work.imported.semantics, work.kept, facts)
        bundle = write_bundle(options.output, program, samples, origin)
        clear_weights(options.output)
    return _measure_fidelity(replace(work, bundle=bundle), progress)


def _measure_fidelity(work: Work, progress: Progress) -> Work:
    """Compare the deployed network with its float network, and measure its weights, membranes and time course."""
    measured, test, execution = work.measured, work.data.test, work.options.execution
    assert measured is not None
    with progress.step("fidelity") as tick:
        deployed = work.fidelity
        if work.search is not None or deployed is None:
            network, lowered, decide = measured.network, measured.lowered, work.options.search.decide
            deployed = measure_fidelity(network, lowered, test, execution, tick=tick, decide=decide)
        distributions = measure_distributions(measured.network, measured.lowered, test, execution)
        assert work.rule is not None
        course = measure_course(measured.network, measured.lowered, test, work.rule, execution)
    return replace(work, deployed=deployed, distributions=distributions, course=course)


def _explain(work: Work) -> Iterator[str]:
    assert work.bundle is not None
    yield f"samples in the bundle: {len(work.bundle.y)}, spread over the range of SynOps"


STEP = Step(
    "bundle",
    "write program, model and samples; measure float beside chip",
    needs=("measured", "on_test", "goal"),
    yields=("bundle", "deployed", "distributions"),
    run=_bundle,
    explain=_explain,
    parts=("bundle", "fidelity"),
)
