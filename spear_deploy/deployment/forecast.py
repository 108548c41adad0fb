"""Forecast of a run (``--dry-run``), from its first steps and without writing anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from spear_deploy.deployment.work import Work
from spear_deploy.network import Network
from spear_deploy.search.outlook import Pace, seconds_of_training
from spear_deploy.simulate.simulator import FloatSimulator, NetworkSimulator
from spear_deploy.train.config import Aims
from spear_deploy.train.finetune import finetune
from spear_deploy.train.teacher import Teacher

_BATCHES = 4
"""Batches trained to measure the speed, after one that triggers compilation."""


@dataclass(frozen=True)
class Forecast:
    """What the search would do: its ``method``, and the ``seconds`` that it trains at most, by the pace of the unpruned
    network (``float_batch`` and ``chip_batch``, seconds each); all None where none is needed.  ``memory`` is in words.
    """

    method: str | None
    seconds: float | None
    float_batch: float | None
    chip_batch: float | None
    memory: str


def forecast(work: Work) -> Forecast:
    """Forecast the search of a run whose baseline is measured, from a few batches of training."""
    goal, baseline, compiler = work.goal, work.baseline, work.compiler
    options, train = work.options, work.data.train
    assert goal is not None
    assert baseline is not None
    assert compiler is not None
    memory = str(work.memory)
    if not goal.needs_search(baseline.measured):
        return Forecast(None, None, None, None, memory)
    aims = Aims(Teacher(baseline.network, train, decide=options.search.decide, execution=options.execution))

    def seconds(simulator: Callable[[Network], NetworkSimulator], batches: int) -> float:
        """Return the seconds of some batches of training."""
        config, start = options.search.finish.lasting(batches), time.perf_counter()
        finetune(baseline.network, train, config, seed=0, execution=options.execution, aims=aims, simulator=simulator)
        return time.perf_counter() - start

    pace = Pace()
    with options.execution.applied():
        for kind, simulator in (("float", FloatSimulator), ("chip", compiler.trainable)):
            seconds(simulator, 1)
            pace.add(kind, seconds(simulator, _BATCHES), _BATCHES)
    in_all = seconds_of_training(options.search, pace, goal.target(options.search.aim), len(train))
    return Forecast(options.search.method, in_all, pace.of("float"), pace.of("chip"), memory)
