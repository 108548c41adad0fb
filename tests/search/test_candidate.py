"""Which candidate is taken, and how finely decisions are compared."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spear_deploy.search.candidate import Candidate, best_of, press, to_deliver
from spear_deploy.search.loss import calibrated_loss
from spear_deploy.train.config import FinetuneConfig


def activity(right: int, synops: float = 100.0, of: int = 100, wrong_by: float = 1.0) -> Any:
    """Two classes; the first ``right`` samples are decided rightly, by a margin of 1."""
    labels = np.zeros(of, np.int64)
    correct = np.arange(of) < right
    scores = np.where(correct[:, None], [[1.0, 0.0]], [[0.0, wrong_by]])
    return SimpleNamespace(labels=labels, correct=correct, accuracy=right / of, scores=scores, mean_synops=synops)


def candidate(val: Any, excess: float = 0.0, *, fits: bool = True, of: str = "asked", untrained: bool = False) -> Any:
    lowered = SimpleNamespace(placement=SimpleNamespace(fits=fits))
    measured = SimpleNamespace(val=val, excess=excess, lowered=lowered)
    option = SimpleNamespace(of=of, proposal=SimpleNamespace(untrained=untrained))
    return SimpleNamespace(option=option, measured=measured)


GOAL: Any = SimpleNamespace(
    excess=lambda measured: measured.excess,
    fits=lambda placement: placement.fits,
    is_met=lambda measured: measured.excess == 0,
)


def taken(*candidates: Any) -> int:
    return index_of(best_of(candidates, GOAL, "asked"), candidates)


def delivered(*candidates: Any) -> int:
    return index_of(to_deliver(candidates, GOAL), candidates)


def index_of(chosen: Any, candidates: Any) -> int:
    return next(index for index, each in enumerate(candidates) if each is chosen)


def test_the_most_accurate_is_taken() -> None:
    """However few SynOps another one has."""
    assert taken(candidate(activity(90)), candidate(activity(70, 50.0))) == 0


def test_within_a_standard_error_fewer_synops_are() -> None:
    """One sample of a hundred is chance; a twentieth of the SynOps is not a reason either."""
    assert taken(candidate(activity(90)), candidate(activity(89, 80.0))) == 1
    assert taken(candidate(activity(90)), candidate(activity(89, 97.0))) == 0


def test_which_one_saves_does_not_depend_on_the_order_of_equals() -> None:
    """A lean network that is as accurate as the best hides nobody's saving, whichever of them comes first."""
    sure, lean = candidate(activity(90, 100.0, wrong_by=0.5)), candidate(activity(90, 90.0))
    leanest = candidate(activity(90, 89.0))
    assert taken(sure, lean, leanest) == 2
    assert taken(lean, sure, leanest) == 2


def test_within_a_standard_error_the_method_that_was_asked_for_is() -> None:
    """Whatever is beside it, with fewer SynOps and less loss; one that is clearly better is taken."""
    own, beside = candidate(activity(89)), candidate(activity(90, 80.0), of="beside")
    assert taken(own, beside) == 0
    assert taken(own, candidate(activity(99), of="beside")) == 1
    assert taken(beside, candidate(activity(89, 90.0), of="other")) == 0


def test_what_cannot_be_pressed_into_the_budget_is_left() -> None:
    """Unless there is nothing else."""
    far = candidate(activity(99), excess=0.5)
    assert taken(far, candidate(activity(60), excess=0.1)) == 1
    assert taken(far, candidate(activity(60), excess=0.7)) == 0


def test_what_takes_too_many_cores_is_left() -> None:
    """No fine-tuning frees a core."""
    assert taken(candidate(activity(99), excess=0.2, fits=False), candidate(activity(60))) == 1


def test_what_is_clearly_more_accurate_is_delivered() -> None:
    """However sure another one is of what it knows; where a sample of a hundred is between them the loss decides."""
    few, many = activity(84, wrong_by=0.02), activity(96, wrong_by=4.0)
    assert calibrated_loss(few) < calibrated_loss(many)
    assert delivered(candidate(few), candidate(many)) == 1
    near = activity(95, wrong_by=0.02)
    assert delivered(candidate(many), candidate(near)) == 1


def test_new_weights_that_are_nearly_alike_come_first() -> None:
    """Two standard errors: of four samples that the other one alone decides rightly, five are more than two."""
    alike, behind = (candidate(activity(right), of="scratch", untrained=True) for right in (86, 85))
    assert taken(candidate(activity(90)), alike) == 1
    assert taken(candidate(activity(90)), behind) == 0


def test_new_weights_that_are_too_few_do_not_come_first() -> None:
    """A narrower network saves SynOps, but is behind a wider one of new weights by more than a standard error."""
    narrow, wide = (candidate(activity(right, synops), untrained=True) for right, synops in ((86, 50.0), (89, 100.0)))
    assert taken(candidate(activity(90)), narrow, wide) == 2


def test_what_misses_the_goal_least_is_delivered() -> None:
    """Before all accuracy; one that meets it is never given up."""
    assert delivered(candidate(activity(99), 0.1), candidate(activity(60))) == 1
    assert delivered(candidate(activity(99), 0.2), candidate(activity(60), 0.1)) == 1


@given(st.floats(0.01, 1000))
def test_the_loss_does_not_depend_on_the_unit_of_the_scores(unit: float) -> None:
    """A chip's scores are integers of its own; their order and proportions count."""
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=(50, 4)), rng.integers(0, 4, 50)
    one = SimpleNamespace(scores=scores, labels=labels)
    other = SimpleNamespace(scores=scores * unit, labels=labels)
    assert calibrated_loss(other) == pytest.approx(calibrated_loss(one))


def test_the_loss_tells_equal_accuracies_apart() -> None:
    """A network that is right by more is better; one that knows nothing loses the logarithm of its classes."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 60)
    right, chance = np.eye(3)[labels], rng.normal(size=(60, 3))
    good, poor = (SimpleNamespace(scores=right + noise * chance, labels=labels) for noise in (0.2, 0.35))
    assert calibrated_loss(good) < calibrated_loss(poor)
    nothing = SimpleNamespace(scores=np.zeros((60, 3)), labels=labels)
    assert calibrated_loss(nothing) == pytest.approx(np.log(3))


@pytest.mark.parametrize(("right", "distillation"), [(70, 1.0), (81, 1.0), (85, 0.0)])
def test_what_is_better_than_its_teacher_is_no_longer_distilled(right: int, distillation: float) -> None:
    """By more than a standard error on the validation samples: it would be taught errors."""
    used: list[FinetuneConfig] = []

    def tune(network: Any, config: FinetuneConfig, **_: Any) -> Any:
        used.append(config)
        return SimpleNamespace(network=network, multiplier=0.0, cut_at=None)

    measured: Any = SimpleNamespace(val=activity(right), network=None)
    evaluator: Any = SimpleNamespace(
        execution=SimpleNamespace(deadline=SimpleNamespace(passed=False)),
        baseline=SimpleNamespace(float_val=activity(80)),
        measure=lambda network: measured,
        tune=tune,
    )
    goal: Any = SimpleNamespace(binding=lambda measured: None)
    pressed = press(Candidate(None, measured, 0.0, ()), evaluator, goal, FinetuneConfig(), attempt=0)
    assert [config.distillation for config in used] == [distillation]
    assert pressed.tunings == tuple(used)
