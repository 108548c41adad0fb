"""Methods that train, where memory holds few samples: the network that they propose is the same, to rounding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spear_deploy.search.methods import METHODS
from tests.bounded import training_together
from tests.search.methods.test_untrained import weights
from tests.search.methods.tiny_tasks import data_of, network_of, proposal_of, task_of


@pytest.mark.parametrize("name", ["gates", "gradr", "sca", "slimming"])
def test_a_bound_of_memory_changes_rounding_alone(name: str) -> None:
    """Batches of 24 go in parts of at most nine samples."""
    network = network_of("dense")
    task = task_of(network, data_of(network), 0.6)
    bound = replace(task, execution=training_together(network, task.data.steps, 9, seed=task.execution.seed))
    whole, parts = (proposal_of(METHODS.get(name)(each)) for each in (task, bound))
    assert parts.counts == whole.counts
    for place, weight in weights(whole.network).items():
        np.testing.assert_allclose(weights(parts.network)[place], weight, atol=2e-3)
