"""The fair yardstick of pruning: the unpruned network, fine-tuned as the deployed one was.

Fine-tuning gains accuracy by itself.  Against the float network as it came in, a pruned one may seem to have gained
from pruning; against this one it does not.  A trained network gains what there is in few batches, and each of its own
costs several of a pruned one's: so it is fine-tuned for as many batches, but no more than the options say.

Its SynOps are not pressed, but for neurons in loops that fire several times a step: within those that it has.  Nothing
else keeps such a network from firing ever more, and one that ran away is no yardstick.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from spear_deploy.journal import Record
from spear_deploy.measure.activity import Activity
from spear_deploy.measure.fidelity import Loss
from spear_deploy.progress import Progress
from spear_deploy.search.candidate import Candidate
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.train.finetune import may_run_away


@dataclass(frozen=True)
class Reference:
    """The unpruned network after ``steps`` batches of fine-tuning, in the chip's integers, on the test samples.

    ``points`` of accuracy that the deployed network loses against it, with their standard ``error``.
    """

    steps: int
    accuracy: float
    synops: float
    points: float
    error: float


def fine_tuned_reference(
    candidate: Candidate, on_test: Activity, evaluator: Evaluator, progress: Progress
) -> Reference | None:
    """Fine-tune the unpruned network; None where the candidate was not fine-tuned, or no time is left.

    ``on_test`` is what the candidate did on the test samples.
    """
    options, samples = evaluator.options, len(evaluator.data.train)
    steps = min(sum(config.steps(samples) for config in candidate.tunings), options.reference.steps(samples))
    if steps == 0 or evaluator.execution.deadline.passed:
        return None
    config = replace(candidate.tunings[-1], epochs=options.reference.epochs, max_steps=steps)
    with progress.step("reference") as tick:

        def compute() -> Record:
            bound = _bound(evaluator)
            network = evaluator.tune(evaluator.baseline.network, config, seed=0, target=bound, tick=tick).network
            activity = evaluator.measure_on_test(evaluator.compiler.lower(network))
            loss = Loss.between(activity, on_test)
            return asdict(Reference(steps, activity.accuracy, activity.mean_synops, loss.points, loss.error))

        key = [candidate.measured.network.content_hash, asdict(config)]
        found = Reference(**evaluator.checkpoints.journal.once("reference", key, compute))
        tick(steps, steps)
    return found


def _bound(evaluator: Evaluator) -> float | None:
    """Return the SynOps a training sample that it may spend; None where nothing can run away."""
    if not may_run_away(evaluator.baseline.network):
        return None
    return evaluator.measure_in_training(evaluator.baseline.measured)
