"""The search: what it compares, what it takes, and what it leaves of the budgets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spear_deploy
from spear_deploy.budgets import Budget
from spear_deploy.budgets.cores import CORES
from spear_deploy.budgets.synops import MEAN
from spear_deploy.deployment.verdict import error_of
from spear_deploy.deployment.work import Work
from spear_deploy.frontends import save
from spear_deploy.frontends.semantics import Semantics
from spear_deploy.measure.runs import measure_program
from spear_deploy.network import Linear, Network, Projection
from spear_deploy.network.units import unit_groups
from spear_deploy.search import closing, comparison, loop
from spear_deploy.search.candidate import Candidate, press
from spear_deploy.search.closing import Closed
from spear_deploy.search.evaluator import Evaluator
from spear_deploy.search.goal import Goal
from spear_deploy.search.lre import fit
from spear_deploy.search.synapses import weights_of
from spear_deploy.train.config import FinetuneConfig
from tests.tiny_deployments import SEARCH, Deploy


def test_the_candidate_is_within_its_measured_budget(deployed: Work) -> None:
    """What is delivered was measured on the emulated chip, over all validation samples, within both limits."""
    assert deployed.search is not None
    measured, goal = deployed.search.candidate.measured, deployed.goal
    synops, cores = goal.budgets
    assert (synops.resource, cores.resource) == (MEAN, CORES)
    assert goal.is_met(measured)
    assert measured.val.mean_synops < goal.judged(synops, measured) <= synops.limit
    assert measured.lowered.placement.cores <= cores.limit
    again = measure_program(measured.lowered.program, deployed.data.val)
    np.testing.assert_array_equal(again.total, measured.val.total)


def test_the_test_samples_decide_nothing(run_deploy: Deploy, deployed: Work, tmp_path: Path) -> None:
    """With other test samples the same network is delivered, to the bit."""
    data = deployed.data
    swapped = replace(data, test=data.test.take(np.arange(len(data.test) // 2)))
    other = run_deploy(tmp_path / "build", data=swapped)
    assert other.measured.network.content_hash == deployed.measured.network.content_hash
    assert len(other.on_test.activity.labels) == len(data.test) // 2


def test_tighter_limits_are_not_met(deployed: Work) -> None:
    """A candidate is beyond limits that are just below what was measured of it."""
    measured = deployed.search.candidate.measured
    cores = measured.lowered.placement.cores
    bound = deployed.goal.judged(deployed.goal.budgets[0], measured)

    def is_met(synops: float, cores: int) -> bool:
        return Goal((Budget(MEAN, synops), Budget(CORES, cores)), deployed.baseline).is_met(measured)

    assert is_met(bound, cores)
    assert not is_met(bound * 0.999, cores)
    assert not is_met(bound, cores - 1)


def test_what_was_within_the_budgets_is_not_given_up(
    run_deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the closing fine-tuning ends beyond the budgets, a network that was compared and kept them is delivered."""

    def fail(best: Candidate, evaluator: Evaluator, *_: Any) -> Closed:
        return Closed(replace(best, measured=evaluator.measure(evaluator.baseline.network)))

    monkeypatch.setattr(loop, "close", fail)
    done = run_deploy(tmp_path / "build")
    met = [each for each in done.search.compared if done.goal.is_met(each.measured)]
    assert any(done.search.candidate is each for each in met)


def test_the_network_has_the_units_that_were_kept(deployed: Work) -> None:
    """Kept units and the fine-tuned network agree, and something was pruned."""
    candidate = deployed.search.candidate
    groups = {group.name: group.units for group in unit_groups(deployed.baseline.network).groups}
    kept = candidate.option.kept
    assert set(kept) == set(groups)
    for name, units in kept.items():
        assert units == sorted(set(units))
        assert len(units) == candidate.measured.network[name].units
        assert max(units) < groups[name]
    assert sum(map(len, kept.values())) < sum(groups.values())


def test_safe_widths_are_compared_with_the_methods(deployed: Work) -> None:
    """Those of gradual pruning and uniform ones; all are fine-tuned for as many steps, those of the stages included.

    No widths are trained twice, where the method chose the uniform ones.
    """
    found, samples = deployed.search, len(deployed.data.train)
    of = [each.option.of for each in found.compared]
    assert of in (["gradual", "scratch", "spear"], ["gradual", "uniform", "scratch", "spear"])
    cut = [each for each in found.compared if each.option.of != "scratch"]
    widths = [str(each.option.proposal.counts) for each in cut if not each.option.steps]
    assert len(set(widths)) == len(widths)
    spent = [sum(config.steps(samples) for config in each.tunings) for each in cut]
    assert len(set(spent)) == 1
    assert found.episodes == SEARCH.episodes


def test_lre_learns_from_the_stages_and_the_candidates(deployed: Work) -> None:
    """One pair of each stage of gradual pruning, and of each candidate: none is trained for LRE alone."""
    found = deployed.search
    assert found.lre == fit(found.pairs, found.lre.chosen)
    assert len(found.lre.chosen) == 1
    stages = len(found.pairs) - len(found.compared)
    assert stages >= 1
    pre = np.array([pair.pre for pair in found.pairs])
    assert np.all(np.diff(pre[:stages]) < 0), "each stage prunes further"
    assert np.all((pre > 0) & (pre < 1))
    groups = len(unit_groups(deployed.baseline.network).groups)
    assert all(len(pair.ratios) == groups and max(pair.ratios) <= 1 for pair in found.pairs)


def test_the_report_tells_what_was_compared(deployed: Work) -> None:
    """Fine-tuning does not lose at this budget."""
    candidate = deployed.search.candidate
    assert set(deployed.search.frozen) == {"input", "output"}
    assert candidate.measured.val.accuracy >= max(each.measured.val.accuracy for each in deployed.search.compared) - 0.1


def test_a_search_that_fails_returns_its_best(run_deploy: Deploy, tmp_path: Path) -> None:
    """Without any training at a hard budget the best candidate is returned, and said to be beyond it."""
    still = {name: replace(getattr(SEARCH, name), learning_rate=0.0) for name in ("stage", "compare", "finish")}
    search = replace(SEARCH, lowest_ratio=0.5, rate=0.0, method="uniform", **still)
    deployment = run_deploy(tmp_path / "build", synops="30%", search=search)
    error = error_of(deployment)
    assert not deployment.goal.is_met(deployment.search.candidate.measured)
    assert error is not None
    assert [finding.code for finding in error.findings] == ["E040"]
    assert error.exit_code == 4


@pytest.fixture(scope="module")
def one_layer(tiny_network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inputs and outputs: no unit of it may go."""
    weight = np.random.default_rng(0).normal(0.2, 0.5, (3, 12)).astype(np.float32)
    populations = (tiny_network["input"], tiny_network["output"])
    projection = Projection("weights", "input", "output", (Linear(weight),))
    path = tmp_path_factory.mktemp("model") / "one.nir"
    save(path, Network(populations, (projection,), ("output",)), Semantics(dt=1.0))
    return path


@pytest.mark.parametrize("synops", ["70%", "30%"])
def test_synapses_go_where_no_unit_may(one_layer: Path, tiny_npz: Path, synops: str) -> None:
    """SynOps of inputs alone no press lowers: they are removed until the budget is met."""
    done = spear_deploy.deploy(one_layer, tiny_npz, "loihi2", synops=synops, effort="quick", allow_loss=True)
    assert done.error is None
    weight = weights_of(done.work.measured.network)[0, 0]
    assert 0 < np.count_nonzero(weight) < weight.size


def test_synapses_go_where_no_more_units_may(tiny_nir: Path, tiny_npz: Path) -> None:
    """Half of all units is far beyond the budget, a part of their synapses within: nothing stands in the way."""
    narrow = {"synops": "12%", "effort": "quick", "lowest_ratio": 0.5}
    done = spear_deploy.deploy(tiny_nir, tiny_npz, "loihi2", **narrow)
    assert done.error is None
    assert done.work.search.candidate.option.of == "synapses"
    assert all(ratio >= 0.5 for ratio in done.work.search.ratios)
    refused = spear_deploy.deploy(tiny_nir, tiny_npz, "loihi2", **narrow, method="gradual")
    assert [finding.code for finding in refused.error.findings] == ["E041"]


def test_less_than_a_synapse_is_refused(one_layer: Path, tiny_npz: Path) -> None:
    """The inputs' spikes through the cheapest one are more than the budget, whatever goes; the fix is one it meets."""
    wanted = {"effort": "quick", "allow_loss": True}
    (found,) = spear_deploy.deploy(one_layer, tiny_npz, "loihi2", synops="1%", **wanted).error.findings
    assert found.code == "E041"
    assert "a single synapse of the first layer needs about" in found.message
    needed = found.fix.removeprefix("give a --synops of ").removesuffix(" or more")
    done = spear_deploy.deploy(one_layer, tiny_npz, "loihi2", synops=int(needed), **wanted)
    assert "E041" not in {each.code for each in ([] if done.error is None else done.error.findings)}


def test_methods_of_units_say_what_could_go(one_layer: Path, tiny_npz: Path) -> None:
    done = spear_deploy.deploy(one_layer, tiny_npz, "loihi2", synops="50%", effort="quick", method="uniform")
    assert done.error is not None
    (found,) = done.error.findings
    assert found.code == "E041"
    assert found.fix == "give a larger --synops, or --method synapses, which removes single ones"


@pytest.fixture(scope="module")
def small_cores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Loihi 2 with cores of five neurons: the tiny network takes five."""
    path = tmp_path_factory.mktemp("chip") / "small.toml"
    figure = "neurons_per_core = { value = 5, source = 'ME' }"
    path.write_text(f"inherits = 'loihi2'\ntitle = 'small'\n[capacity]\n{figure}\n[sources]\nME = 'made up'\n")
    return path


def test_a_budget_of_cores_alone_is_met_and_fine_tuned(
    small_cores: Path, tiny_nir: Path, tiny_npz: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pruning frees cores; there are no SynOps to press, and the closing fine-tuning takes the epochs it was given."""

    spent: list[int] = []

    def counted(candidate: Candidate, evaluator: Evaluator, goal: Goal, config: FinetuneConfig, attempt: int) -> Any:
        spent[-1] += config.steps(len(evaluator.data.train))
        return press(candidate, evaluator, goal, config, attempt)

    def deploy(epochs: float) -> Work:
        spent.append(0)
        quick = {"episodes": 8, "method": "uniform", "effort": "quick"}
        return spear_deploy.deploy(tiny_nir, tiny_npz, small_cores, cores=4, epochs=epochs, **quick).work

    monkeypatch.setattr(closing, "press", counted)
    monkeypatch.setattr(closing, "_SURE", 0.0)  # so small a task is soon beyond what its samples tell
    short, long = deploy(1.0), deploy(12.0)
    for done in (short, long):
        assert error_of(done) is None
        assert done.lowered.placement.cores == 5
        assert done.measured.lowered.placement.cores <= 4
    assert spent[0] < spent[1]


def test_cores_and_synops_together(small_cores: Path, tiny_nir: Path, tiny_npz: Path) -> None:
    """Both hold in the end."""
    quick = {"episodes": 8, "method": "gradual", "effort": "quick"}
    done = spear_deploy.deploy(tiny_nir, tiny_npz, small_cores, cores=4, synops="60%", **quick)
    assert done.error is None
    assert done.work.measured.lowered.placement.cores <= 4


def test_new_weights_that_are_no_better_are_never_delivered(
    run_deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However little they spend: a network that has learnt nothing keeps any budget, and all others may miss it."""
    monkeypatch.setattr(comparison, "may_win", lambda candidate, *_: candidate.option.of != "scratch")
    monkeypatch.setattr(loop, "to_deliver", lambda candidates, goal: given(candidates))

    def given(candidates: Any) -> Candidate:
        assert candidates
        assert all(each.option.of != "scratch" for each in candidates)
        return candidates[0]

    found = run_deploy(tmp_path / "build").search
    assert {each.option.of for each in found.compared if each.given_up} == {"scratch"}
