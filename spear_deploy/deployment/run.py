"""Running the steps of a deployment in order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from spear_deploy.deadline import Deadline
from spear_deploy.deployment.steps import STEPS, Step
from spear_deploy.deployment.work import Work
from spear_deploy.errors import Finding
from spear_deploy.progress import Progress


def run_steps(work: Work, progress: Progress) -> Work:
    """Run the steps in order, up to and including ``work.options.until``.

    Raises:
        InputError: E005, E006 (data), E007 (weight bits), E008, E015 (decision rule), E009 (output), E012 (journal of
            another run), E018 (an earlier run in the folder).
        UnsupportedError: E021, E030..E037, and E038 for a format to keep to: all findings at once; E066 for a network
            that collapses on the chip, unless that is allowed.

    A budget that even the smallest network is far beyond (E041) is kept in :attr:`Work.unreachable`, and the unpruned
    network is delivered; a backend that fails (E060..E062), or refuses the deployed program, in :attr:`Work.failure`.
    """
    execution = replace(work.options.execution, deadline=Deadline.after(work.options.time_limit))
    work = replace(work, options=replace(work.options, execution=execution))
    with execution.applied():
        last = next((n for n, step in enumerate(STEPS, 1) if step.name == work.options.until), len(STEPS))
        for number, step in enumerate(STEPS[:last], 1):
            progress.say(f"step {number} of {last}: {step.name}")
            assert all(getattr(work, name) is not None for name in step.needs), f"{step.name} needs {step.needs}"
            before, start = work, time.perf_counter()
            work = step.run(work, progress)
            seconds = {**work.seconds, step.name: time.perf_counter() - start}
            work = replace(work, done=(*work.done, step.name), seconds=seconds)
            progress.explain(_explained(step, before, work))
    return work


def _explained(step: Step, before: Work, after: Work) -> Iterator[str]:
    """Yield the lines that ``-v`` prints: what the step decided, and each new note with its fix."""
    yield from step.explain(after)
    known = _noticed(before) if before.done else ()
    yield from (str(finding) for finding in dict.fromkeys(_noticed(after)) if finding not in known)


def _noticed(work: Work) -> tuple[Finding, ...]:
    return (*work.told, *(work.lowered.findings if work.lowered is not None else ()))
