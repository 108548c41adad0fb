"""Results of ``inspect`` and ``run`` as plain data: the network, its activity on data, and its placement on a chip."""

from __future__ import annotations

from typing import Any

from spear_deploy.decision import DecisionRule
from spear_deploy.measure.activity import Activity
from spear_deploy.network import Input, Network, Population
from spear_deploy.network.fan_out import synapse_count
from spear_deploy.network.units import unit_groups
from spear_deploy.placement import Placement
from spear_deploy.targets import Program


def network_data(network: Network) -> list[dict[str, Any]]:
    """Return each population with what feeds it, inputs first, then in order of execution.

    ``kept_whole`` says why its units cannot be pruned, if so.
    """
    populations: list[Input | Population] = [*network.inputs, *network.neurons]
    frozen = unit_groups(network).frozen
    counts = {each.name: synapse_count(each, network.shapes) for each in network.synapses}
    return [
        {
            "name": population.name,
            "shape": list(population.shape),
            "neurons": population.size,
            "synapses": sum(counts[each.name] for each in network.into(population.name)),
            "fed_by": [
                {"name": each.name, "ops": [type(op).__name__ for op in each.ops], "synapses": counts[each.name]}
                for each in network.into(population.name)
            ],
            "kept_whole": frozen.get(population.name),
        }
        for population in populations
    ]


def activity_data(subject: Network | Program, activity: Activity, rule: DecisionRule) -> dict[str, Any]:
    """Return accuracy and SynOps a sample, inputs, then in order of execution; ``spikes`` of a readout are None."""
    neurons = subject.neurons if isinstance(subject, Network) else subject.populations
    synops = dict.fromkeys((each.name for each in (*subject.inputs, *neurons)), 0.0)
    for each in subject.synapses:
        synops[each.source] += float(activity.synops[each.name].mean())
    spikes = {name: float(counts.mean()) for name, counts in activity.spikes.items()}
    return {
        "accuracy": activity.accuracy,
        "samples": len(activity.labels),
        "decision": {"rule": rule.name, "text": rule.text},
        "synops": activity.mean_synops,
        "populations": [{"name": name, "spikes": spikes.get(name), "synops": synops[name]} for name in synops],
    }


def placement_data(placement: Placement) -> dict[str, Any]:
    """Return cores and synaptic memory, in all and of each population."""
    populations = [
        {
            "name": each.name,
            "cores": each.cores,
            "tile": list(each.tile),
            "neurons_per_core": each.neurons_per_core,
            "synapse_words_per_core": each.synapse_words_per_core,
            "binding": each.binding,
            "utilisation": dict(each.utilisation),
        }
        for each in placement.populations
    ]
    return {"cores": placement.cores, "memory_bits": placement.memory_bits, "populations": populations}
