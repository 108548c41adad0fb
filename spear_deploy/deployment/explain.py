"""What each step of a deployment decided and noticed, as the lines that ``-v`` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from spear_deploy.deployment.work import Work
from spear_deploy.errors import Finding
from spear_deploy.measure.activity import Activity


def explained(step: str, before: Work, after: Work) -> Iterator[str]:
    """Yield the lines on a ``step``, and what it noticed with the fix, which is left out elsewhere of notes."""
    if step in _OF_STEPS:
        yield from _OF_STEPS[step](after)
    known = _noticed(before) if before.done else ()
    yield from (str(finding) for finding in dict.fromkeys(_noticed(after)) if finding not in known)


def _noticed(work: Work) -> tuple[Finding, ...]:
    return (*work.told, *(work.lowered.findings if work.lowered is not None else ()))


def _check(work: Work) -> Iterator[str]:
    data, network, lowered, rule = work.data, work.imported.network, work.lowered, work.rule
    assert lowered is not None
    assert rule is not None
    yield f"network: {len(network.neurons)} populations, {sum(p.size for p in network.neurons):,} neurons"
    yield f"semantics: {work.imported.semantics.to_json()}"
    counts = ", ".join(f"{len(part):,} {name}" for name, part in data.parts.items())
    yield f"data: {data.name}, {counts} samples, {data.steps} steps, split {data.split}"
    if not data.transform.is_identity:
        yield f"input: {data.transform} is folded into the first layer"
    yield f"decision: {rule.name}, {rule.text}"
    yield f"method of the search: {work.options.search.method}"
    for place in lowered.placement.populations:
        used = ", ".join(f"{name} {share:.0%}" for name, share in place.utilisation.items())
        yield f"unpruned {place.name}: cores {place.cores}, of each at most {used}"


def _adapt(work: Work) -> Iterator[str]:
    if work.adaptation is not None:
        yield f"the chip's own neuron: {', '.join(work.adaptation.changed)}"


def _baseline(work: Work) -> Iterator[str]:
    baseline, goal = work.baseline, work.goal
    assert baseline is not None
    assert goal is not None
    of_parts = {
        "float, validation": baseline.float_val,
        "chip, validation": baseline.chip_val,
        "float, test": baseline.float_test,
        "chip, test": baseline.chip_test,
    }
    for name, activity in of_parts.items():
        yield f"unpruned in {name}: {_figures(activity)}"
    for budget in goal.budgets:
        share = "" if budget.share is None else f", {budget.share:.4g} of the unpruned network's"
        yield f"budget {budget.resource.name}: {budget.resource.sense} {budget.limit:,.6g}{share}"
    yield f"search: {'is needed' if goal.needs_search(baseline.measured) else 'none, it is within the budgets'}"


def _search(work: Work) -> Iterator[str]:
    found = work.search
    assert work.on_test is not None
    if found is not None:
        yield f"learning rate: {found.rate:.3g}; networks judged: {found.episodes}"
        for name, reason in found.frozen.items():
            yield f"not pruned: {name}, {reason}"
        for each in found.compared:
            yield f"compared {each.option.of}: {_units(each.option.kept)}; {_figures(each.measured.val)}"
        yield f"delivered, from {found.candidate.option.of}: {_units(found.candidate.option.kept)}"
    yield f"on the test samples: {_figures(work.on_test.activity)}"


def _bundle(work: Work) -> Iterator[str]:
    assert work.bundle is not None
    yield f"samples in the bundle: {len(work.bundle.y)}, spread over the range of SynOps"


def _validate(work: Work) -> Iterator[str]:
    if work.proof is not None:
        verdict = work.proof.validation
        yield f"{verdict.backend}: {verdict.mismatches} of {verdict.bins:,} bins differ, {verdict.spikes:,} spikes"


def _units(kept: Mapping[str, Iterable[object]]) -> str:
    return "units " + ", ".join(f"{name} {len(list(units))}" for name, units in kept.items())


def _figures(activity: Activity) -> str:
    return f"accuracy {activity.accuracy:.2%}, {activity.mean_synops:,.0f} SynOps a sample"


_OF_STEPS: Mapping[str, Callable[[Work], Iterator[str]]] = {
    "check": _check,
    "adapt": _adapt,
    "baseline": _baseline,
    "search": _search,
    "bundle": _bundle,
    "validate": _validate,
}
