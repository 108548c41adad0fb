"""Running a backend in several processes, each with a part of the samples, and joining the results in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.backends import BACKENDS
from spear_deploy.errors import BackendError
from spear_deploy.parallel import Lost, Tell, run_all
from spear_deploy.progress import Tick
from spear_deploy.recording import Recording
from spear_deploy.targets import Program


def run_in_parallel(
    name: str,
    program: Program,
    inputs: Mapping[str, NDArray[Any]],
    *,
    timeout: float | None,
    tick: Tick | None,
    jobs: int,
) -> Recording:
    """Run payloads (steps, samples, *shape) of each input on a backend, one of its own code in ``jobs`` processes.

    Samples are independent of one another: what is recorded does not depend on ``jobs``.  The time limit is each
    process's own; ``seconds`` are the longest.  Raises what the backend does, and E061 where a process is killed twice.
    """
    backend, samples = BACKENDS.get(name), next(iter(inputs.values())).shape[1]
    if min(jobs, samples) < 2 or not backend.is_independent:
        return backend.run(program, inputs, timeout=timeout, tick=tick)
    spans = np.array_split(np.arange(samples), min(jobs, samples))
    parts = {f"samples {span[0]} to {span[-1]}": span for span in spans}
    given = {part: {port: x[:, span] for port, x in inputs.items()} for part, span in parts.items()}
    work: dict[str, float] = {}

    def ran(part: str, share: float) -> None:
        work[part] = share * len(parts[part])
        if tick is not None:
            tick(int(sum(work.values())), samples)

    record = partial(_record, backend=name, program=program, timeout=timeout)
    found = run_all(record, given, jobs, heard=ran, done=lambda part, _: ran(part, 1.0))
    recordings = [_whole(each, part, name) for part, each in found.items()]
    return replace(Recording.concatenate(recordings), seconds=max(each.seconds for each in recordings))


def _whole(found: Recording | Lost, part: str, name: str) -> Recording:
    if isinstance(found, Lost):
        message = f"the process with {part} ended twice, at last by {found.how}"
        raise BackendError.of("E061", name, message, "run it again, with fewer --jobs where memory ran out")
    return found


def _record(
    inputs: Mapping[str, NDArray[Any]], tell: Tell, *, backend: str, program: Program, timeout: float | None
) -> Recording:
    def tick(done: int, total: int) -> None:
        tell(done / total)

    return BACKENDS.get(backend).run(program, inputs, timeout=timeout, tick=tick)
