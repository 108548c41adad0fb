"""The loss follows the decision: logits that order classes as the rule does, with gradients that move the decision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spear_deploy.data import Dataset
from spear_deploy.decision import RULES
from spear_deploy.measure.runs import measure_float
from spear_deploy.network import Network
from spear_deploy.train.config import FinetuneConfig
from spear_deploy.train.finetune import finetune
from spear_deploy.train.losses import EVIDENCE, logits
from tests.test_decision import readout


def test_every_rule_has_evidence() -> None:
    """A rule without a loss could not be fine-tuned for."""
    assert set(EVIDENCE) == set(RULES)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("steps", [3, 16, 200])
def test_logits_order_classes_as_the_rule_does(name: str, steps: int) -> None:
    """On spikes and membranes as they are sent, logits are the rule's scores times one factor."""
    rng = np.random.default_rng(steps)
    sent = (rng.random((steps, 6, 2, 3)) < 0.05).astype(np.float32)
    if RULES[name].reads == "membrane":
        sent = rng.normal(size=sent.shape).astype(np.float32)
    scores = RULES[name].score(sent).reshape(6, -1)
    ours = logits(name, torch.from_numpy(sent)).numpy()
    factor = min(1.0, 16 / steps) if name in ("count", "first", "sum") else 1.0
    np.testing.assert_allclose(ours, scores * factor, rtol=1e-5, atol=1e-4)
    assert np.abs(ours).max() <= 16 or name in ("last", "max", "sum")


def test_gradient_of_the_first_spike() -> None:
    """A spike at step 2 of 5: one before it would come so much earlier; taking it away, the next is 2 steps later."""
    sent = torch.tensor([0.0, 0.0, 1.0, 0.0, 1.0]).reshape(5, 1, 1).requires_grad_()
    EVIDENCE["first"].of(sent).sum().backward()
    assert sent.grad is not None
    assert sent.grad.flatten().tolist() == [2.0, 1.0, 2.0, 0.0, 0.0]
    silent = torch.zeros(5, 1, 1, requires_grad=True)
    EVIDENCE["first"].of(silent).sum().backward()
    assert silent.grad is not None
    assert silent.grad.flatten().tolist() == [5.0, 4.0, 3.0, 2.0, 1.0]


@pytest.mark.parametrize("name", RULES)
def test_fine_tuning_learns_to_decide_by_the_rule(name: str, untrained_network: Network, tiny_data: Dataset) -> None:
    """From random weights the network comes to answer by the rule that it is tuned for."""
    network = untrained_network if RULES[name].reads == "spikes" else readout(untrained_network)
    config = FinetuneConfig(epochs=30, learning_rate=1e-2, batch=24, decide=name)
    tuned = finetune(network, tiny_data.train, config, seed=0).network
    before, after = (measure_float(each, tiny_data.test, decide=name).accuracy for each in (network, tuned))
    assert after > 0.85 > before


def test_the_rule_changes_what_is_learnt(untrained_network: Network, tiny_data: Dataset) -> None:
    """Tuned for the first spike, the softmax over first spikes fits the labels better than where spikes are counted."""
    config = FinetuneConfig(epochs=30, learning_rate=1e-2, batch=24)

    def loss(decide: str) -> float:
        tuned = finetune(untrained_network, tiny_data.train, replace(config, decide=decide), seed=0).network
        activity = measure_float(tuned, tiny_data.train, decide="first")
        scores, labels = torch.from_numpy(activity.scores), torch.from_numpy(activity.labels)
        return float(torch.nn.functional.cross_entropy(scores, labels))

    assert loss("first") < 0.8 * loss("count")


def test_the_default_is_the_output_s_usual_rule(untrained_network: Network, tiny_data: Dataset) -> None:
    """Named or not, the usual rule gives the same bytes."""
    config = FinetuneConfig(epochs=1, batch=24)
    for network, usual in ((untrained_network, "count"), (readout(untrained_network), "sum")):
        configs = (replace(config, decide=rule) for rule in (None, usual))
        one, other = (finetune(network, tiny_data.train, each, seed=0).network for each in configs)
        assert one.content_hash == other.content_hash
