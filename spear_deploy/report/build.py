"""From a deployment to the report: plain data that follows ``report/schema.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.chips.energy import estimate
from spear_deploy.deployment.adapt import Adaptation
from spear_deploy.deployment.bundle import versions
from spear_deploy.deployment.run import REPORT, Deployment
from spear_deploy.errors import Finding
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.synops import synapse_count
from spear_deploy.network import Network, Neuron
from spear_deploy.progress import Progress
from spear_deploy.report.schema import VERSION
from spear_deploy.storage import write_json

SYNOPS_DEFINITION = (
    "one spike arriving at one existing synapse; per sample, summed over time steps; exact fan-out, pooling composed "
    "into the following synapses, zero integer weights are no synapses, bias and neuron updates not counted"
)


def save_report(deployment: Deployment, progress: Progress, command: str) -> dict[str, Any]:
    """Build the report, write it into the bundle and return it."""
    report = build_report(deployment, progress.seconds, command)
    write_json(deployment.options.output / REPORT, report)
    return report


def build_report(deployment: Deployment, seconds: Mapping[str, float], command: str) -> dict[str, Any]:
    """Return the report of a deployment; ``seconds`` are the durations of its steps."""
    d = deployment
    search, baseline = d.search, d.baseline
    candidate = search.candidate if search else None
    budgets = d.budgets()
    report: dict[str, Any] = {
        "schema": VERSION,
        "command": command,
        "versions": versions(),
        "hashes": {
            "model": baseline.network.content_hash,
            "pruned": d.measured.network.content_hash,
            **d.bundle.manifest["files"],
        },
        "seed": d.options.seed,
        "chip": d.chip.profile.name,
        "data": {
            "name": d.data.name,
            "train": len(d.data.train),
            "val": len(d.data.val),
            "test": len(d.data.test),
            "steps": d.data.steps,
        },
        "semantics": asdict(d.imported.semantics),
        "weight_bits": d.chip.registers.weight_bits,
        "adaptation": _adaptation(d.adaptation),
        "within": all(budget["within"] for budget in budgets),
        "budgets": budgets,
        "accuracy": {
            "float": baseline.float_test.accuracy,
            "unpruned_quantised": baseline.chip_test.accuracy,
            "pruned": candidate.pruned_accuracy if candidate else None,
            "finetuned": d.float_accuracy,
            "quantised": d.measured.activity.accuracy,
            "backend": d.backend.activity.accuracy if d.backend else None,
        },
        "layers": layer_rows(d),
        "synops": {
            "definition": SYNOPS_DEFINITION,
            "before": baseline.synops,
            "predicted": candidate.predicted if candidate else None,
            "measured": spread(d.measured.activity.total),
            "measured_all_synapses": spread(d.measured.activity.total_all),
            "backend": spread(d.backend.activity.total) if d.backend else None,
        },
        "lre": None,
        "search": None,
        "validation": None,
        "energy": _energy(d),
        "notes": [_note(finding) for finding in (*d.imported.notes, *d.measured.lowered.notes)],
        "steps": [{"name": name, "seconds": round(value, 3)} for name, value in seconds.items()],
    }
    if search is not None:
        line = search.lre
        report["lre"] = {
            "samples": len(search.pairs),
            "slope": line.slope,
            "intercept": line.intercept,
            "mape": search.mape,
            "interval": _finite(line.half_width(line.mean)),
        }
        report["search"] = {
            "method": "ddpg",
            "episodes": search.episodes,
            "candidates": search.candidates,
            "seconds": round(seconds.get("search", 0.0), 3),
            "best_reward": search.best_reward,
            "frozen": dict(search.frozen),
        }
    if d.backend is not None:
        validation = asdict(d.backend.validation)
        validation["populations"] = list(validation["populations"])
        if validation["first_divergence"]:
            validation["first_divergence"]["neuron"] = list(validation["first_divergence"]["neuron"])
        report["validation"] = {**validation, "seconds": round(d.backend.seconds, 3)}
    return report


def layer_rows(d: Deployment) -> list[dict[str, Any]]:
    """Return a row for each population with neurons, its incoming projections included."""
    before, after = d.baseline.network, d.measured.network
    placed = {p.name: p for p in d.measured.lowered.placement.populations}
    shapes = d.measured.lowered.program.shapes
    word_bits = d.chip.profile.capacity.word_bits.value
    synapses = {s.name: s for s in d.measured.lowered.program.synapses}
    rows = []
    for population in after.neurons:
        incoming = [p.name for p in after.into(population.name)]
        place = placed[population.name]
        rows.append(
            {
                "name": population.name,
                "projections": incoming,
                "type": _describe(after, population.name),
                "units_before": before[population.name].units,
                "units_after": population.units,
                "neurons": prod(population.shape),
                "synapses": sum(synapse_count(synapses[name], shapes) for name in incoming),
                "spikes": float(d.measured.activity.spikes[population.name].mean())
                if population.name in d.measured.activity.spikes
                else 0.0,
                "synops_before": _mean(d.baseline.chip_test, incoming),
                "synops_measured": _mean(d.measured.activity, incoming),
                "cores": place.cores,
                "memory_bits": place.cores * place.synapse_words_per_core * word_bits,
                "binding": place.binding,
            }
        )
    return rows


def spread(synops: NDArray[np.int64]) -> dict[str, float]:
    """Return mean, p50, p95, max and the number of samples of SynOps a sample (N,)."""
    p50, p95 = np.percentile(synops, [50, 95])
    return {
        "mean": float(synops.mean()),
        "p50": float(p50),
        "p95": float(p95),
        "max": float(synops.max()),
        "samples": len(synops),
    }


def _describe(network: Network, name: str) -> str:
    kinds = [">".join(type(op).__name__ for op in p.ops) or "identity" for p in network.into(name)]
    neuron = network[name].neuron
    return f"{' + '.join(kinds)}>{_neuron_kind(neuron)}"


def _neuron_kind(neuron: Neuron | None) -> str:
    assert neuron is not None
    if neuron.is_readout:
        return "readout"
    if neuron.has_current:
        return "CubaLIF"
    return "IF" if np.all(neuron.beta == 1) else "LIF"


def _mean(activity: Activity, projections: list[str]) -> float:
    return float(sum(activity.synops[name].mean() for name in projections if name in activity.synops))


def _energy(d: Deployment) -> dict[str, Any] | None:
    updates = sum(p.size for p in d.measured.lowered.program.populations) * d.data.steps
    inputs = {port.name for port in d.measured.lowered.program.inputs}
    spikes = sum(float(value.mean()) for name, value in d.measured.activity.spikes.items() if name not in inputs)
    energy = estimate(d.chip.profile, synops=d.measured.synops, neuron_updates=updates, spikes=spikes)
    return None if energy is None else asdict(energy)


def _adaptation(adaptation: Adaptation | None) -> dict[str, Any] | None:
    return None if adaptation is None else {**asdict(adaptation), "changed": list(adaptation.changed)}


def _note(finding: Finding) -> dict[str, str]:
    return {"code": finding.code, "where": finding.where, "message": finding.message}


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
