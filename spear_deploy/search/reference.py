"""The fair yardstick of pruning: the unpruned network, fine-tuned as long as the deployed one.

Fine-tuning gains accuracy by itself.  Against the float network as it came in, a pruned one may seem to have gained
from pruning; against this one it does not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from spear_deploy.journal import Record
from spear_deploy.measure.fidelity import Loss
from spear_deploy.progress import Progress, Tick
from spear_deploy.search.candidate import Candidate
from spear_deploy.search.evaluator import Evaluator


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


def fine_tuned_reference(candidate: Candidate, evaluator: Evaluator, progress: Progress) -> Reference:
    """Fine-tune the unpruned network as the candidate was, batch for batch, without pressing its SynOps."""
    samples = len(evaluator.data.train)
    lengths = [(tuning.config.steps(samples), tuning.attempt) for tuning in candidate.tunings]
    total = sum(length for length, _ in lengths)
    with progress.step("reference") as tick:

        def compute() -> Record:
            network, done = evaluator.baseline.network, 0
            for tuning, (length, _) in zip(candidate.tunings, lengths, strict=True):
                network = evaluator.tune(network, tuning, _behind(tick, done, total))
                done += length
            activity = evaluator.measure_on_test(network)
            loss = Loss.between(activity, candidate.measured.activity)
            return asdict(Reference(total, activity.accuracy, activity.mean_synops, loss.points, loss.error))

        found = Reference(**evaluator.journal.once("reference", [candidate.proposal.key, lengths], compute))
        tick(total, total)
    return found


def _behind(tick: Tick, done: int, total: int) -> Tick:
    """Return a tick of a part that begins when so much is ``done``."""
    return lambda step, _: tick(done + step, total)
