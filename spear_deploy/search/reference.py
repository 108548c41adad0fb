"""The reference for the loss by pruning: the unpruned network, fine-tuned as the deployed one was.

Fine-tuning gains accuracy by itself.  Compared with the float network as it came in, a pruned network may seem to have
gained by pruning; compared with this reference it does not.  The reference is fine-tuned for as many batches as the
deployed network, up to a bound in the options: a trained network converges in few batches, and each costs several of a
pruned network's.

Its SynOps are not penalised, with one exception: recurrent neurons that fire several times per step are kept within
their present SynOps, since nothing else would stop them from firing ever more.
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

    ``points`` is the accuracy, in percentage points, that the deployed network loses against it, and ``error`` the
    standard error of that.
    """

    steps: int
    accuracy: float
    synops: float
    points: float
    error: float


def fine_tuned_reference(
    candidate: Candidate, on_test: Activity, evaluator: Evaluator, progress: Progress
) -> Reference | None:
    """Fine-tune the unpruned network; None if the candidate was not fine-tuned, or no time is left.

    ``on_test`` is the candidate's activity on the test samples.
    """
    options, samples = evaluator.options, len(evaluator.data.train)
    steps = min(candidate.batches(samples), options.reference.steps(samples))
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
    """Return the SynOps per training sample that it may use; None if its firing cannot run away."""
    if not may_run_away(evaluator.baseline.network):
        return None
    return evaluator.measure_in_training(evaluator.baseline.measured)
