"""The step ``adapt``: give the network the chip's own neuron, where that is asked for and changes anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from spear_deploy.deployment.adaptation import Retraining, adapt, foreign_neurons
from spear_deploy.deployment.notes import run_aways
from spear_deploy.deployment.steps.step import Step
from spear_deploy.deployment.work import Work
from spear_deploy.progress import Progress


def _adapt(work: Work, progress: Progress) -> Work:
    compiler, options = work.compiler, work.options
    assert compiler is not None
    if not options.adapt or not foreign_neurons(work.imported.network, compiler, work.imported):
        return work
    retraining = Retraining(work.imported, compiler, work.data, options.execution, options.search.decide)
    with progress.step("rate of adapting") as tick:
        rate = retraining.rate(options.search, tick)
    with progress.step("adapt") as tick:
        imported, adaptation = adapt(retraining, replace(options.search.finish, learning_rate=rate), tick)
    lowered = compiler.lower(imported.network)
    notes = (*work.notes, *run_aways(retraining.ran_away))
    return replace(work, imported=imported, adaptation=adaptation, given=retraining.given, lowered=lowered, notes=notes)


def _explain(work: Work) -> Iterator[str]:
    if work.adaptation is not None:
        yield f"the chip's own neuron: {', '.join(work.adaptation.changed)}"


STEP = Step(
    "adapt",
    "give the network the chip's own neuron, with --adapt",
    needs=("compiler", "lowered"),
    yields=("imported", "adaptation", "lowered"),
    run=_adapt,
    explain=_explain,
    parts=("adapt",),
)
