"""What a run would take, told from its first steps: nothing is written for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from spear_deploy.deployment.memory import memory_outlook
from spear_deploy.deployment.work import Work
from spear_deploy.network import Network
from spear_deploy.search.outlook import Pace, seconds_of_training
from spear_deploy.simulate.simulator import FloatSimulator, NetworkSimulator
from spear_deploy.train.config import Aims
from spear_deploy.train.finetune import finetune
from spear_deploy.train.teacher import Teacher

_BATCHES = 4
"""Batches that are trained to learn the pace, behind one that compiles what is compiled at first use."""


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
    """Foretell the search of a run whose baseline is measured, from a few batches of training."""
    goal, baseline, compiler, options = work.goal, work.baseline, work.compiler, work.options
    assert goal is not None
    assert baseline is not None
    assert compiler is not None
    memory = memory_outlook(compiler, baseline.network, work.data.steps, options)
    if not goal.needs_search(baseline.measured):
        return Forecast(None, None, None, None, memory)
    pace = Pace()
    with options.execution.applied():
        pace.add("float", _seconds(work, baseline.network, FloatSimulator), _BATCHES)
        pace.add("chip", _seconds(work, baseline.network, compiler.trainable), _BATCHES)
    target = goal.share * options.search.aim if goal.of_activity else 1.0
    seconds = seconds_of_training(options.search, pace, target, len(work.data.train))
    return Forecast(options.search.method, seconds, pace.of("float"), pace.of("chip"), memory)


def _seconds(work: Work, network: Network, simulator: Callable[[Network], NetworkSimulator]) -> float:
    """Return how long some batches of training take."""
    options, train = work.options, work.data.train
    aims = Aims(Teacher(network, train, decide=options.search.decide, execution=options.execution))
    config = options.search.finish
    finetune(network, train, config.lasting(1), seed=0, execution=options.execution, aims=aims, simulator=simulator)
    start = time.perf_counter()
    some = config.lasting(_BATCHES)
    finetune(network, train, some, seed=0, execution=options.execution, aims=aims, simulator=simulator)
    return time.perf_counter() - start
