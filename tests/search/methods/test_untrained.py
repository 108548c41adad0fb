"""Methods that do not train: the unpruned network, untrained widths, and one shot with compensation."""

from __future__ import annotations

import numpy as np
import pytest

from spear_deploy.measure.runs import measure_float
from spear_deploy.network import Conv2d, Input, Linear, Network, Population, Projection
from spear_deploy.network.units import keep_units
from spear_deploy.search.methods import METHODS, Outcome
from spear_deploy.search.methods.scratch import drawn_anew
from spear_deploy.search.toolkit.selection import (
    counts_of,
    select_uniform,
)
from tests.conftest import leaky
from tests.search.methods.tiny_tasks import KINDS, data_of, largest_unit, network_of, proposal_of, share_of, task_of


def weights(network: Network) -> dict[str, np.ndarray]:
    return {p.name: op.weight for p in network.projections for op in p.ops if isinstance(op, Conv2d | Linear)}


@pytest.mark.parametrize("kind", KINDS)
def test_lagrange_proposes_the_unpruned_network(kind: str) -> None:
    network = network_of(kind)
    task = task_of(network, data_of(network), 0.5)
    method = METHODS.get("lagrange")(task)
    proposal = proposal_of(method)
    assert method.ask() is None
    assert proposal.network is None
    assert proposal.counts == task.space.units
    assert method.merit(proposal, Outcome(0.5, 1.0)) == 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_scratch_draws_uniform_widths_anew(kind: str) -> None:
    """Nothing of the trained weights is left but their scale; the seed draws them."""
    network = network_of(kind)
    data = data_of(network)
    task = task_of(network, data, 0.5, seed=1)
    proposal = proposal_of(METHODS.get("scratch")(task))
    assert 0.2 < share_of(task, proposal.kept) <= 0.5
    assert proposal.counts == counts_of(select_uniform(task))
    pruned = weights(keep_units(network, proposal.kept))
    for name, weight in weights(proposal.network).items():
        assert weight.shape == pruned[name].shape
        assert not np.isclose(weight, pruned[name]).any()
    again = proposal_of(METHODS.get("scratch")(task))
    assert again.network.content_hash == proposal.network.content_hash
    other = proposal_of(METHODS.get("scratch")(task_of(network, data, 0.5, seed=2)))
    assert other.network.content_hash != proposal.network.content_hash


def test_scratch_keeps_the_scale_of_a_layer() -> None:
    """Root mean square times root of fan-in is the trained layer's."""
    old = one_layer(np.random.default_rng(0).normal(0.3, 0.5, (200, 400)))
    new = one_layer(np.ones((200, 100)))
    (drawn,) = weights(drawn_anew(old, new, seed=0)).values()
    scale = np.sqrt(np.mean(weights(old)["only"] ** 2) * 400)
    assert np.sqrt(np.mean(drawn**2) * 100) == pytest.approx(scale, rel=0.02)


def one_layer(weight: np.ndarray) -> Network:
    rows, columns = weight.shape
    only = Projection("only", "in", "out", (Linear(weight.astype(np.float32)),))
    return Network((Input("in", (columns,)), Population("out", (rows,), leaky(rows))), (only,), ("out",))


def test_scratch_takes_the_most_even_widths_that_are_known() -> None:
    network = network_of("dense")
    known = ({"a": 2, "b": 8}, {"a": 5, "b": 4}, {"a": 8, "b": 2})
    task = task_of(network, data_of(network), 0.5, known=known)
    assert proposal_of(METHODS.get("scratch")(task)).counts == {"a": 5, "b": 4}


@pytest.mark.parametrize("kind", KINDS)
def test_oneshot_meets_the_target_and_is_not_tuned(kind: str) -> None:
    network = network_of(kind)
    task = task_of(network, data_of(network), 0.5)
    proposal = proposal_of(METHODS.get("oneshot")(task))
    assert not proposal.tunes
    assert 0.5 - largest_unit(task) < share_of(task, proposal.kept) <= 0.5
    assert {p.name: p.shape for p in proposal.network.populations} == {
        p.name: p.shape for p in keep_units(network, proposal.kept).populations
    }
    again = proposal_of(METHODS.get("oneshot")(task))
    assert again.network.content_hash == proposal.network.content_hash


def test_oneshot_cuts_again_by_what_was_measured() -> None:
    """Networks come closer to the target in SynOps that are measured, and it stops at one that uses it."""
    network = network_of("dense")
    task = task_of(network, data_of(network), 0.55)
    method = METHODS.get("oneshot")(task)
    unpruned = measure_float(network, task.data.val).mean_synops
    shares = []
    while (proposal := method.ask()) is not None:
        shares.append(measure_float(proposal.network, task.data.val).mean_synops / unpruned)
        method.tell(proposal, Outcome(0.5, shares[-1]))
    assert 2 <= len(shares) <= 8
    assert min(abs(each / 0.55 - 1) for each in shares) < 0.15
    assert method.figures()["measured"] == shares


def test_oneshot_starts_from_the_known_widths() -> None:
    network = network_of("dense")
    known = ({"a": 2, "b": 2}, {"a": 6, "b": 5})
    task = task_of(network, data_of(network), 0.5, known=known)
    method = METHODS.get("oneshot")(task)
    for counts in known:
        proposal = proposal_of(method)
        assert proposal.counts == counts
        method.tell(proposal, Outcome(0.5, 0.4))
    first = proposal_of(method)
    assert 0.3 < share_of(task, first.kept) <= 0.5
    method.tell(first, Outcome(0.5, 0.9))
    assert share_of(task, proposal_of(method).kept) < 0.3
