"""The step ``validate``: compare a backend with the emulator, spike by spike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from spear_deploy.deployment.steps.step import Step
from spear_deploy.deployment.work import Work
from spear_deploy.errors import BackendError, UnsupportedError
from spear_deploy.progress import Progress
from spear_deploy.validate.run import RunOptions, validate_on


def _validate(work: Work, progress: Progress) -> Work:
    """Run the program on the backend; a failure is kept, since the search deserves its report all the same."""
    bundle, options = work.bundle, work.options
    assert bundle is not None
    if options.backend is None or work.unreachable is not None:
        return work
    try:
        with progress.step("validate") as tick:
            how = RunOptions(options.backend_timeout, tick, options.search.decide, options.execution.jobs)
            proof = validate_on(options.backend, bundle.program, bundle.x, bundle.y, how)
        return replace(work, proof=proof)
    except (BackendError, UnsupportedError) as error:
        return replace(work, failure=error)


def _explain(work: Work) -> Iterator[str]:
    if work.proof is not None:
        verdict = work.proof.validation
        yield f"{verdict.backend}: {verdict.mismatches} of {verdict.bins:,} bins differ, {verdict.spikes:,} spikes"


STEP = Step(
    "validate",
    "compare a backend with the emulator, spike by spike",
    needs=("bundle",),
    yields=("proof", "failure"),
    run=_validate,
    explain=_explain,
    parts=("validate",),
)
