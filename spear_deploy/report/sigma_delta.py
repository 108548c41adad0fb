"""Results of ``inspect`` and ``run`` for sigma-delta networks, as plain data and findings."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from spear_deploy.errors import Finding
from spear_deploy.network.fan_out import synapse_count
from spear_deploy.network.sigma_delta import SigmaDeltaNetwork, synapse_kind
from spear_deploy.recording import Clips

_KEPT = "sigma-delta"
"""Why none of it can be pruned."""


def sigma_delta_data(network: SigmaDeltaNetwork) -> list[dict[str, Any]]:
    """Return each population with what feeds it, in order; fields as of other networks, with kind and thresholds."""
    given, incoming = network.input, {each.target: each for each in network.synapses}
    told = [{**_row(given.name, given.shape), "kind": "input", "threshold": None}]
    for population in network.populations:
        each = incoming.get(population.name)
        count = 0 if each is None else synapse_count(each, network.shapes)
        fed_by = [] if each is None else [{"name": each.name, "ops": [synapse_kind(each)], "synapses": count}]
        row = _row(population.name, population.shape, count)
        threshold = None if population.is_readout else population.threshold
        told.append({**row, "fed_by": fed_by, "kind": population.kind, "threshold": threshold})
    return told


def _row(name: str, shape: tuple[int, ...], synapses: int = 0) -> dict[str, Any]:
    return {
        "name": name,
        "shape": list(shape),
        "neurons": prod(shape),
        "synapses": synapses,
        "fed_by": [],
        "kept_whole": _KEPT,
    }


def register_notes(clips: Mapping[str, Clips]) -> list[Finding]:
    """Return a note (N032) for every population whose states or messages are beyond the chip's registers."""
    notes = []
    for name, counted in clips.items():
        beyond = {
            "states beyond 24 bits": counted.membranes,
            "sums of a step that wrap at 24 bits": counted.currents,
            "messages beyond 16 bits": counted.payloads,
        }
        found = ", ".join(f"{count:,} {what}" for what, count in beyond.items() if count)
        if found:
            message = f"in {counted.bins:,} bins: {found}; Lava's models hold 32 bits, the chip does not"
            fix = "scale weights and input down"
            notes.append(Finding("N032", f"population {name!r}", message, fix, severity="note"))
    return notes
