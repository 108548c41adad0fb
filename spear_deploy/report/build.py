"""From a deployment to the report: plain data that follows ``report/schema.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spear_deploy.deployment.adaptation import Adaptation
from spear_deploy.deployment.bundle import Bundle
from spear_deploy.deployment.steps import STEPS, Step
from spear_deploy.deployment.verdict import Row, budget_rows
from spear_deploy.deployment.work import Work
from spear_deploy.errors import Finding
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.energy import measured_energy
from spear_deploy.measure.fidelity import Loss
from spear_deploy.measure.measured import Baseline, Measured
from spear_deploy.network import Network, Neuron
from spear_deploy.network.fan_out import synapse_count
from spear_deploy.report.bottleneck import bottleneck_data, core_rows, loads_of
from spear_deploy.report.data import describe_data
from spear_deploy.report.fidelity import distribution_data, fidelity_data
from spear_deploy.report.on_validation import validation_data
from spear_deploy.report.pictures.data import picture_data
from spear_deploy.report.savings import saving_rows
from spear_deploy.report.schema import VERSION
from spear_deploy.search.candidate import Candidate
from spear_deploy.search.loop import SearchResult
from spear_deploy.search.reference import Reference
from spear_deploy.storage import as_json
from spear_deploy.targets import emulated_target
from spear_deploy.versions import versions

SYNOPS_DEFINITION = (
    "one spike arriving at one existing synapse; per sample, summed over time steps; exact fan-out, pooling composed "
    "into the following synapses, zero integer weights are not synapses, bias and neuron updates not counted"
)


def build_report(work: Work, seconds: Mapping[str, float], command: str) -> dict[str, Any]:
    """Return the report of a deployment whose steps are done; ``seconds`` are those of their parts."""
    baseline, measured, on_test = work.baseline, work.measured, work.on_test
    bundle, compiler = work.bundle, work.compiler
    assert baseline is not None and measured is not None and on_test is not None  # noqa: PT018
    assert bundle is not None and compiler is not None and work.rule is not None  # noqa: PT018
    budgets, execution = [_budget(row) for row in budget_rows(work)], work.options.execution
    load, loads = loads_of(work)
    report: dict[str, Any] = {
        "schema": VERSION,
        "command": command,
        "model": work.imported.name,
        "versions": versions(),
        "hashes": _hashes(work, baseline, measured, bundle),
        "seed": execution.seed,
        "execution": {"threads": execution.threads, "memory": execution.memory, "device": execution.device},
        "target": work.chip.target,
        "emulated": emulated_target(work.chip.target).emulated,
        "chip": work.chip.name,
        "data": describe_data(work.data),
        "decision": {"rule": work.rule.name, "text": work.rule.text},
        "semantics": asdict(work.imported.semantics),
        "weight_bits": compiler.weight_bits,
        "augmentation": list(work.options.search.finish.augment),
        "adaptation": _adaptation(work.adaptation),
        "within": all(budget["within"] for budget in budgets),
        "confidence": work.options.confidence,
        "budgets": budgets,
        "accuracy": _accuracy(work, baseline, measured),
        "on_validation": validation_data(baseline, measured),
        "layers": layer_rows(baseline, measured, on_test.activity),
        "savings": saving_rows(measured.network, on_test.activity),
        "synops": _synops(work, baseline, on_test.activity),
        "fidelity": _fidelity(work),
        "pictures": picture_data(work, core_rows(loads, load.steps)),
        "lre": None if work.search is None else _lre(work.search),
        "search": None if work.search is None else _search(work, work.search, seconds),
        "validation": _validation(work),
        "failure": None if work.failure is None else str(work.failure.findings[0]),
        "energy": _energy(work, measured, on_test.activity),
        "bottleneck": bottleneck_data(work, load, loads),
        "notes": [_note(finding) for finding in work.told],
        "steps": [_step(step, work, seconds) for step in STEPS if step.name in work.done],
    }
    return as_json(report)  # type: ignore[no-any-return]  # figures of plug-ins may be numpy's


def _step(step: Step, work: Work, seconds: Mapping[str, float]) -> dict[str, Any]:
    parts = [{"name": part, "seconds": round(seconds[part], 3)} for part in step.parts if part in seconds]
    return {"name": step.name, "seconds": round(work.seconds[step.name], 3), "parts": parts}


def _hashes(work: Work, baseline: Baseline, measured: Measured, bundle: Bundle) -> dict[str, str]:
    networks = {"model": baseline.network.content_hash, "pruned": measured.network.content_hash}
    given = {"data": work.data.fingerprint, "chip": work.chip.fingerprint}
    return {**networks, **given, **bundle.manifest["files"]}


def _budget(row: Row) -> dict[str, Any]:
    resource = row.budget.resource
    return {
        "resource": resource.name,
        "title": resource.title,
        "sense": resource.sense,
        "digits": resource.digits,
        "judges_accuracy": resource.judges_accuracy,
        "limit": row.budget.limit,
        "predicted": row.predicted,
        "judged": row.judged,
        "has_bound": resource.bound is not None,
        "measured": row.measured,
        "within": row.within,
    }


def _accuracy(work: Work, baseline: Baseline, measured: Measured) -> dict[str, Any]:
    assert work.deployed is not None
    assert work.on_test is not None
    lost, reference = Loss.between(baseline.as_given, work.on_test.activity), work.reference
    return {
        "float": baseline.as_given.accuracy,
        "unpruned_quantised": baseline.chip_test.accuracy,
        "validation": measured.val.accuracy,
        "finetuned": work.deployed.in_float.accuracy,
        "quantised": work.on_test.activity.accuracy,
        "backend": work.proof.activity.accuracy if work.proof else None,
        "drop": lost.points,
        "drop_error": lost.error,
        "reference": None if reference is None else _reference(reference),
    }


def _reference(reference: Reference) -> dict[str, Any]:
    return {
        "steps": reference.steps,
        "accuracy": reference.accuracy,
        "synops": reference.synops,
        "drop": reference.points,
        "drop_error": reference.error,
    }


def _fidelity(work: Work) -> dict[str, Any]:
    assert work.fidelity is not None
    assert work.deployed is not None
    return {
        "unpruned": fidelity_data(work.fidelity),
        "deployed": fidelity_data(work.deployed),
        "distributions": distribution_data(work.distributions),
    }


def _synops(work: Work, baseline: Baseline, activity: Activity) -> dict[str, Any]:
    predicted = work.search.candidate.predicted * baseline.chip_test.mean_synops if work.search else None
    return {
        "definition": SYNOPS_DEFINITION,
        "before": baseline.chip_test.mean_synops,
        "predicted": predicted,
        "measured": _statistics(activity.total),
        "measured_all_synapses": _statistics(activity.total_all),
        "backend": _statistics(work.proof.activity.total) if work.proof else None,
    }


def _lre(search: SearchResult) -> dict[str, Any]:
    lre, option = search.lre, search.candidate.option
    slope, intercept = lre.line
    low, high = lre.interval(option.outcome.synops, search.ratios, _CONFIDENCE)
    return {
        "samples": len(search.pairs),
        "slope": slope,
        "intercept": intercept,
        "mape": lre.mape,
        "low": low,
        "high": _finite(high),
    }


_CONFIDENCE = 0.9
"""Confidence of LRE's interval."""


def _search(work: Work, search: SearchResult, seconds: Mapping[str, float]) -> dict[str, Any]:
    return {
        "method": work.options.search.method,
        "delivered": search.candidate.option.of,
        "rate": search.rate,
        "steps": search.candidate.batches(len(work.data.train)),
        "episodes": search.episodes,
        "candidates": [_compared(each) for each in search.compared],
        "seconds": round(seconds.get("search", 0.0), 3),
        "figures": dict(search.figures),
        "frozen": dict(search.frozen),
    }


def _compared(candidate: Candidate) -> dict[str, Any]:
    kept = {name: len(units) for name, units in candidate.option.kept.items()}
    val = candidate.measured.val
    return {"of": candidate.option.of, "units": kept, "accuracy": val.accuracy, "synops": val.mean_synops}


def _validation(work: Work) -> dict[str, Any] | None:
    if work.proof is None:
        return None
    validation = asdict(work.proof.validation)
    validation["populations"] = list(validation["populations"])
    if validation["first_divergence"]:
        validation["first_divergence"]["neuron"] = list(validation["first_divergence"]["neuron"])
    return {**validation, "seconds": round(work.proof.seconds, 3)}


def layer_rows(baseline: Baseline, measured: Measured, activity: Activity) -> list[dict[str, Any]]:
    """Return a row for each population with neurons, its incoming projections included.

    ``activity`` is what the deployed network did on the test samples.  What a target adds to feed a population, such
    as a source of its biases, counts with that population.
    """
    before, after, program = baseline.network, measured.network, measured.lowered.program
    known = {*before.shapes}
    synapses = {each.name: each for each in program.synapses}
    rows = []
    for population in (each for each in after.neurons if each.name in known):
        into = [each for each in program.synapses if each.target == population.name]
        incoming = [each.name for each in into]
        place = measured.lowered.placement.of(population.name)
        added = [measured.lowered.placement.of(each.source) for each in into if each.source not in known]
        spikes = activity.spikes.get(population.name)  # readouts have none
        rows.append(
            {
                "name": population.name,
                "projections": incoming,
                "type": _describe(after, population.name, population.neuron),
                "units_before": before[population.name].shape[0],
                "units_after": population.units,
                "neurons": population.size,
                "synapses": sum(synapse_count(synapses[name], program.shapes) for name in incoming),
                "spikes": 0.0 if spikes is None else float(spikes.mean()),
                "synops_before": _mean(baseline.chip_test, incoming),
                "synops_measured": _mean(activity, incoming),
                "cores": place.cores + sum(each.cores for each in added),
                "memory_bits": place.memory_bits + sum(each.memory_bits for each in added),
                "binding": place.binding,
            }
        )
    return rows


def _statistics(synops: NDArray[np.int64]) -> dict[str, float]:
    """Return mean, p50, p95, max and the number of samples of SynOps a sample (N,)."""
    p50, p95 = np.percentile(synops, [50, 95])
    return {
        "mean": float(synops.mean()),
        "p50": float(p50),
        "p95": float(p95),
        "max": float(synops.max()),
        "samples": len(synops),
    }


def _describe(network: Network, name: str, neuron: Neuron) -> str:
    kinds = [">".join(type(op).__name__ for op in p.ops) or "identity" for p in network.into(name)]
    return f"{' + '.join(kinds)}>{_neuron_kind(neuron)}"


def _neuron_kind(neuron: Neuron) -> str:
    if neuron.is_readout:
        return "readout"
    if neuron.has_current:
        return "CubaLIF"
    return "IF" if np.all(neuron.beta == 1) else "LIF"


def _mean(activity: Activity, projections: Sequence[str]) -> float:
    return float(sum(activity.synops[name].mean() for name in projections if name in activity.synops))


def _energy(work: Work, measured: Measured, activity: Activity) -> dict[str, Any] | None:
    energy = measured_energy(work.chip, measured.lowered.program, activity, work.data.steps)
    return None if energy is None else {**asdict(energy), "parts": [asdict(part) for part in energy.parts]}


def _adaptation(adaptation: Adaptation | None) -> dict[str, Any] | None:
    return None if adaptation is None else {**asdict(adaptation), "changed": list(adaptation.changed)}


def _note(finding: Finding) -> dict[str, Any]:
    told = {"code": finding.code, "where": finding.where, "message": finding.message}
    return {**told, "value": finding.value, "limit": finding.limit, "slack": finding.slack}


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
