"""The teacher's logits: those of the float network, the same bits in whatever order they are asked for."""

from __future__ import annotations

import numpy as np
import torch

from spear_deploy.data import Dataset
from spear_deploy.measure.runs import measure_float
from spear_deploy.network import Network
from spear_deploy.train.losses import logits
from spear_deploy.train.teacher import Teacher
from tests.bounded import running_together


def test_logits_are_those_of_the_network(tiny_network: Network, tiny_data: Dataset) -> None:
    """Sample by sample, up to the scale of the rule."""
    split = tiny_data.train
    scores = torch.from_numpy(measure_float(tiny_network, split).scores.astype(np.float32))
    expected = logits("count", scores[None] / split.samples.steps * torch.ones(split.samples.steps, 1, 1))
    taught = Teacher(tiny_network, split).logits(np.arange(len(split)))
    torch.testing.assert_close(taught, expected)


def test_the_order_of_asking_changes_no_bit(tiny_network: Network, tiny_data: Dataset) -> None:
    """A resumed run asks in another order."""
    split = tiny_data.train
    whole = Teacher(tiny_network, split).logits(np.arange(len(split)))
    late = Teacher(tiny_network, split)
    for positions in np.array_split(np.random.default_rng(0).permutation(len(split)), 9):
        assert torch.equal(late.logits(positions), whole[positions])


def test_a_bound_of_memory_changes_rounding_alone(tiny_network: Network, tiny_data: Dataset) -> None:
    """Five samples in a pass give the logits of all together."""
    split = tiny_data.train
    positions = np.arange(len(split))
    whole = Teacher(tiny_network, split).logits(positions)
    bound = Teacher(tiny_network, split, execution=running_together(tiny_network, split.samples.steps, 5))
    torch.testing.assert_close(bound.logits(positions), whole)
