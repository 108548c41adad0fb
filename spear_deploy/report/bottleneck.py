"""The busiest core, which determines how long a time step takes, and an estimate of that time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.chips.latency import BOUNDS, CoreWork, step_time
from spear_deploy.measure.load import measured_load
from spear_deploy.placement.load import CoreLoads, Load
from spear_deploy.printable import plain
from spear_deploy.report.formats import number, percent, plural, ratio, seconds

if TYPE_CHECKING:  # a report is read without what made it, such as torch
    from spear_deploy.deployment.work import Work

_MEANING = {
    "memory": "reading synapses",
    "compute": "updating neurons",
    "traffic": "messages",
}


def loads_of(work: Work) -> tuple[Load, CoreLoads]:
    """Return what the deployed network did on the test samples, and what each core did of it, as it is placed."""
    assert work.on_test is not None
    lowered = work.on_test.lowered
    # where each neuron's SynOps arrive is known of populations on several cores, of which the own rule has as many
    placement = work.ruled or lowered.placement
    load = measured_load(lowered.program, placement, work.on_test.activity, work.data.steps)
    return load, load.of(lowered.placement)


def bottleneck_data(work: Work, load: Load, loads: CoreLoads) -> dict[str, Any]:
    """Return the busiest core of the deployed network, all figures means of a step; ``loads`` are as it is placed."""
    assert work.on_test is not None
    placement = work.on_test.lowered.placement
    core = int(loads.synops.argmax())
    arrived = {
        each.name: int(load.arrived[each.name][each.core_of_neurons(load.shapes[each.name]) == core].sum())
        for each in placement.populations
    }
    ruled = None if work.ruled is None else load.cost(work.ruled)
    return {
        "placement": work.options.place,
        "cores": int(np.count_nonzero(loads.neurons)),
        "core": core,
        "population": max(arrived, key=lambda name: arrived[name]),
        "synops": loads.synops[core] / load.steps,
        "share": ratio(loads.synops[core], loads.synops.sum()),
        "mean": loads.synops[loads.neurons > 0].mean() / load.steps,
        "messages": loads.received.sum() / load.steps,
        "by_own_rule": None
        if ruled is None
        else {"synops": ruled.busiest / load.steps, "messages": ruled.messages / load.steps, "cores": ruled.cores},
        "latency": _latency(work, load, loads),
    }


def _latency(work: Work, load: Load, loads: CoreLoads) -> dict[str, Any] | None:
    def in_a_step(counts: NDArray[np.int64]) -> NDArray[np.float64]:
        return counts / load.steps

    figures = (in_a_step(loads.synops), loads.neurons.astype(np.float64), in_a_step(loads.spikes))
    time = step_time(work.chip, CoreWork(*figures, in_a_step(loads.received + loads.sent)))
    if time is None:
        return None
    steps = work.data.steps
    return {**asdict(time), "low": steps * time.low, "high": steps * time.high, "bound": list(time.bound)}


def core_rows(loads: CoreLoads, steps: int) -> list[dict[str, Any]]:
    """Return a row for each core in use: its mean load per step, over ``steps``."""
    return [
        {
            "core": core,
            "neurons": int(loads.neurons[core]),
            "synops": loads.synops[core] / steps,
            "spikes": loads.spikes[core] / steps,
            "received": loads.received[core] / steps,
            "sent": loads.sent[core] / steps,
        }
        for core in np.flatnonzero(loads.neurons).tolist()
    ]


def bottleneck_words(report: Mapping[str, Any]) -> str:
    """Return which core has most to do, and how much."""
    found = report["bottleneck"]
    words = (
        f"core {found['core']} (population {plain(found['population'])!r}): {number(found['synops'])} SynOps a step, "
        f"{percent(found['share'])} of all; the mean of {plural(found['cores'], 'core')} is {number(found['mean'])}; "
        f"{number(found['messages'])} messages a step between cores, those of inputs too"
    )
    own = found["by_own_rule"]
    if own is None:
        return words
    synops, messages = number(own["synops"]), number(own["messages"])
    return (
        f"{words}; placed by {plain(found['placement'])}: by the chip's own rule {synops} SynOps, {messages} messages"
    )


def latency_words(report: Mapping[str, Any]) -> str:
    """Return how long a sample takes, and what bounds it; or why nothing can be said."""
    latency = report["bottleneck"]["latency"]
    if latency is None:
        return f"not estimated: no times of operations are published for {plain(report['chip'])}"
    bounds = " or ".join(f"{bound} ({_MEANING[bound]})" for bound in BOUNDS if bound in latency["bound"])
    span = f"{seconds(latency['low'])} to {seconds(latency['high'])} a sample"
    estimate = "an ESTIMATE from published figures of the busiest core, without input, output and host"
    return f"{span}, bound by {bounds}: {estimate} ({plain(latency['source'])})"
