"""The step ``check``: fit data and network to each other, lower the network as it came in, look at the folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from spear_deploy.backends import check_runs
from spear_deploy.decision import network_rule
from spear_deploy.deployment.adaptation import CURED, effect, foreign_neurons
from spear_deploy.deployment.data import fit_data
from spear_deploy.deployment.folder import refuse_folder, take_over
from spear_deploy.deployment.memory import held_by_search, memory_outlook
from spear_deploy.deployment.placing import refuse_placer
from spear_deploy.deployment.steps.step import Step
from spear_deploy.deployment.work import Work
from spear_deploy.errors import UnsupportedError
from spear_deploy.measure.ranges import input_range
from spear_deploy.network import Network
from spear_deploy.network.normalisation import fold_transform
from spear_deploy.placement import CURABLE
from spear_deploy.progress import Progress
from spear_deploy.targets import Compiler, Lowered, compiler_for
from spear_deploy.train.augmentation import refuse_augmentation


def _check(work: Work, progress: Progress) -> Work:
    data = fit_data(work.imported.network, work.data)
    network = fold_transform(work.imported.network, data.transform)
    rule = network_rule(network, work.options.search.decide)
    ranges = {network.inputs[0].name: input_range(data)}
    compiler = compiler_for(work.chip, ranges, work.options.lowering)
    refuse_placer(work.options.place, compiler)
    refuse_augmentation(work.options.search.finish.augment, data.shape, data.where)
    work = replace(work, imported=replace(work.imported, network=network), data=data, compiler=compiler, rule=rule)
    adapts = work.options.adapt and bool(foreign_neurons(network, compiler, work.imported))
    first = compiler.adapt(network, work.imported.semantics)[0] if adapts else network
    lowered = _lower(work, compiler, first)
    _refuse_unprunable(work, lowered)
    if work.options.backend is not None:
        check_runs(work.options.backend, lowered.program)
    refuse_folder(work.options.output)
    if work.options.writes and not work.options.force:
        take_over(work.options.output, progress, resume=work.options.resume)
    execution = replace(work.options.execution, held=data.nbytes + held_by_search(first))
    search = work.options.search.suited(counts_zeros=lowered.target.counts_zeros)
    options = replace(work.options, execution=execution, search=search)
    memory = memory_outlook(compiler, first, data.steps, options)
    progress.say(str(memory))
    return replace(work, lowered=lowered, options=options, memory=memory)


def _lower(work: Work, compiler: Compiler, network: Network) -> Lowered:
    """Lower the network; where its neurons are refused, report what the chip's own neurons would do instead."""
    try:
        return compiler.lower(network)
    except UnsupportedError as error:
        foreign = foreign_neurons(network, compiler, work.imported)
        if not foreign or not {f.code for f in error.findings} & CURED:
            raise
        options = work.options
        measured = effect(work.imported, compiler, work.data, options.execution, options.search.decide)
        raise UnsupportedError([*error.findings, measured]) from error


def _refuse_unprunable(work: Work, lowered: Lowered) -> None:
    """Refuse what no pruning can cure, and what the requested export format cannot hold."""
    incurable = [finding for finding in lowered.placement.findings if finding.code not in CURABLE]
    if work.options.lowering.keep_to is not None:
        incurable += lowered.target.exporters[work.options.lowering.keep_to].findings(lowered.program)
    if incurable:
        raise UnsupportedError(incurable)


def _explain(work: Work) -> Iterator[str]:
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


STEP = Step(
    "check",
    "fit the data and the network to each other, lower the network, find all that does not fit",
    needs=(),
    yields=("imported", "data", "compiler", "lowered", "rule", "memory"),
    run=_check,
    explain=_explain,
)
