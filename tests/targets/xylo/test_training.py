"""Training as the chip computes: forward to the last spike, gradients that lead downhill, the same program again."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from spear_deploy.data import Split
from spear_deploy.data.samples import SpikeSamples
from spear_deploy.deployment.notes import run_aways
from spear_deploy.frontends import Imported, Semantics
from spear_deploy.measure.runs import measure_program
from spear_deploy.network import Network
from spear_deploy.simulate.scan_kernel import DAMPENING
from spear_deploy.targets.xylo.core import Core, CoreRun, run_core
from spear_deploy.targets.xylo.emulator import XyloEmulator
from spear_deploy.targets.xylo.registers import kept
from spear_deploy.targets.xylo.training import IntegerRun, _surrogate
from spear_deploy.train.config import Aims, FinetuneConfig
from spear_deploy.train.finetune import Tuned, finetune

from .networks import compiler, network, spikes
from .programs import random_events, random_program


def assert_runs_alike(simulator: torch.nn.Module, net: Network, x: np.ndarray) -> None:
    """What is trained is, spike by spike, what the network is lowered to."""
    with torch.no_grad():
        out = simulator({"input": torch.from_numpy(x).float()})
    found = XyloEmulator(compiler(x).lower(net).program).run({"input": x})
    for name in ("hidden", "out"):
        np.testing.assert_array_equal(out[name].numpy(), found.spikes[name], err_msg=name)


@pytest.mark.parametrize("seed", range(4))
def test_what_trains_is_what_is_lowered(seed: int) -> None:
    """Before any step, and behind steps that change scales of weights by a factor."""
    x = spikes(seed=seed)
    simulator = compiler(x).trainable(network(seed))
    assert_runs_alike(simulator, simulator.to_network(), x)
    rng = torch.Generator().manual_seed(seed)
    for factor in (0.3, 2.0, 9.0):
        with torch.no_grad():
            for parameter in simulator.parameters():
                parameter.mul_(factor * (1 + 0.1 * torch.rand(parameter.shape, generator=rng)))
        assert_runs_alike(simulator, simulator.to_network(), x)


def test_a_trained_network_is_the_same_program_from_its_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """Resolutions, and outputs that fire once beside hidden neurons that fire often, survive the NIR file."""
    import spear_deploy

    x = spikes()
    trained = compiler(x).trainable(network()).to_network()
    semantics = Semantics(dt=1.0, reset="subtract", spikes="integer", compare="ge")
    Imported(trained, semantics).save(tmp_path / "trained.nir")
    again = spear_deploy.load(tmp_path / "trained.nir").network
    assert [p.neuron.spikes for p in again.neurons] == ["integer", "binary"]
    one, two = (compiler(x).lower(net).program for net in (trained, again))
    assert one.shifts == two.shifts
    for a, b in zip(
        one.synapses, sorted(two.synapses, key=lambda s: [t.name for t in one.synapses].index(s.name)), strict=True
    ):
        np.testing.assert_array_equal(a.weight, b.weight)


@pytest.mark.parametrize("strength", [0.01, 30.0])
def test_gradients_are_those_of_the_float_neuron(strength: float) -> None:
    """The backward pass against torch's own, of the same equations without rounding, at the spikes that were fired.

    Through weak loops, and through strong ones, where their part is limited.
    """
    program, x = random_program(4), random_events(random_program(4), 14, 3, 4)
    core = Core.of(program)
    loops = np.zeros((core.hidden, core.weights.shape[1]), np.bool_)
    loops[:, : core.hidden] = True
    integers = core.weights.copy()
    integers[core.inputs :][loops] = np.rint(strength * integers[core.inputs :][loops])
    core = replace(core, weights=integers)
    run, state = run_core(core, x, states=True), SimpleNamespace(most=torch.zeros(1), limited=0)
    weights, bias = (torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in (integers, core.registers.bias))
    wanted = torch.randn(run.spikes.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    spikes = IntegerRun.apply(weights, bias, core, x, run, loops)
    found = torch.autograd.grad((spikes.double() * wanted).sum(), (weights, bias))
    sent = by_torch(core, x, run, loops, (weights, bias), state)
    expected = torch.autograd.grad((sent * wanted).sum(), (weights, bias))
    assert expected[0].abs().max() > 0
    assert (state.limited > 0) == (strength > 1)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4 * float(theirs.abs().max()))


class Fork(torch.autograd.Function):
    """Hidden spikes (B, N) three times: for the loss, for what is outside of loops, and for loops.

    Back through loops goes what the documentation promises: ``most`` holds, sample by sample, how long the gradient
    from outside was at most, and ``limited`` counts the gradients that were longer.
    """

    @staticmethod
    def forward(ctx: Any, sent: Tensor, state: SimpleNamespace) -> tuple[Tensor, Tensor, Tensor]:
        """Keep where the state is."""
        ctx.state = state
        return sent.clone(), sent.clone(), sent.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Join the three."""
        of_loss, outside, within = gradients
        back, state = DAMPENING * within, ctx.state
        length = back.norm(dim=1, keepdim=True)
        state.most = torch.maximum(state.most, (of_loss + outside).norm(dim=1, keepdim=True))
        state.limited += int((length > 10 * state.most).sum())
        return of_loss + outside + back * (10 * state.most / length.clamp(min=1e-30)).clamp(max=1.0), None


def by_torch(
    core: Core,
    x: np.ndarray,
    run: CoreRun,
    loops: np.ndarray,
    parameters: tuple[Tensor, Tensor],
    state: SimpleNamespace,
) -> Tensor:
    """Return the spikes of a run with the gradients that the documentation of the training promises."""
    slopes, fired = torch.tensor(_surrogate(core, run)), torch.tensor(run.spikes, dtype=torch.float64)
    keep_i, keep_v = (torch.tensor(kept(dash)) for dash in (core.registers.dash_syn, core.registers.dash_mem))
    threshold, events = torch.tensor(core.registers.threshold), torch.tensor(x, dtype=torch.float64)
    weights, bias = parameters
    into, between, is_loop = weights[: core.inputs], weights[core.inputs :], torch.tensor(loops)
    i = v = torch.zeros(fired[0].shape, dtype=torch.float64)
    outside = within = torch.zeros(len(fired[0]), core.hidden, dtype=torch.float64)
    out = []
    for t in range(len(x)):
        i = keep_i * (i + events[t] @ into + outside @ (between * ~is_loop) + within @ (between * is_loop))
        v = keep_v * v + i + bias
        sent = fired[t] + slopes[t] * (v - v.detach())
        v = v - fired[t] * threshold
        hidden, outside, within = Fork.apply(sent[:, : core.hidden], state)
        out.append(torch.cat([hidden, sent[:, core.hidden :]], dim=1))
    return torch.stack(out)


def task(samples: int = 96) -> Split:
    """Three patterns of rates on six channels."""
    rng = np.random.default_rng(0)
    y = np.arange(samples) % 3
    rates = 0.05 + 0.5 * (np.arange(6) // 2 == y[:, None, None])
    x = (rng.random((samples, 20, 6)) < rates).astype(np.uint8)
    return Split(SpikeSamples(x), y.astype(np.int64), np.arange(samples))


def test_training_learns_and_presses_synops() -> None:
    """Accuracy rises on the chip itself, and a target of synaptic operations is kept."""
    split = task()
    x = np.moveaxis(split.samples.spikes, 0, 1)
    bound, net = compiler(x), network(3)
    before = measure_program(bound.lower(net).program, split)
    config = FinetuneConfig(epochs=15, learning_rate=1e-2, batch=32, distillation=0.0)
    tuned = finetune(net, split, config, seed=0, simulator=bound.trainable).network
    after = measure_program(bound.lower(tuned).program, split)
    assert before.accuracy < 0.7
    assert after.accuracy > 0.95
    aims = Aims(synops_target=0.6 * after.mean_synops)
    pressed = finetune(tuned, split, config, seed=0, simulator=bound.trainable, aims=aims).network
    spent = measure_program(bound.lower(pressed).program, split)
    assert spent.mean_synops < 0.75 * after.mean_synops
    assert spent.accuracy > 0.9


@pytest.mark.parametrize(("is_pressed", "rate"), [(True, 1.0), (False, 0.25)])
def test_training_that_runs_away_begins_anew_at_a_lower_rate(is_pressed: bool, rate: float) -> None:
    """Loops that fire ever more end it at once, and it goes on as it would have gone at a quarter of the rate.

    What was measured of each is told, and becomes one note.
    """
    split, net, started = task(), network(3), list[int]()
    bound = compiler(np.moveaxis(split.samples.spikes, 0, 1))
    allowed = measure_program(bound.lower(net).program, split).mean_synops
    aims = Aims(synops_target=allowed if is_pressed else None)

    def trained(at: float) -> Tuned:
        config = FinetuneConfig(epochs=10, learning_rate=at, batch=32, distillation=0.0)
        options: dict[str, Any] = {
            "simulator": bound.trainable,
            "aims": aims,
            "tick": lambda done, _: started.append(done),
        }
        return finetune(net, split, config, seed=0, **options)

    reckless = trained(rate)
    assert started.count(1) == 3
    assert len(started) < 2 * 30
    calm = trained(rate / 16)
    assert reckless.network.content_hash == calm.network.content_hash
    assert started.count(1) == 4
    assert calm.ran_away == run_aways(calm.ran_away) == ()
    assert [each.rate for each in reckless.ran_away] == [rate, rate / 4]
    assert all(each.spent > each.allowed >= 4 * (aims.synops_target or 0) for each in reckless.ran_away)
    (note,) = run_aways(reckless.ran_away)
    worst = max(reckless.ran_away, key=lambda each: each.spent / each.allowed)
    assert (note.code, note.severity) == ("N044", "note")
    assert f"2 times, most {worst}" in note.message
    assert f"{worst.spent:,.0f} SynOps a sample, where {worst.allowed:,.0f} are allowed" in str(worst)


def test_own_neurons_replace_what_the_chip_lacks() -> None:
    """A hard reset, a LIF without a current and one spike a step become the chip's neuron; loops calm down."""
    net, x = network(alpha=0.0, beta=0.9, reset="value", spikes="binary", threshold=0.3), spikes()
    strong = [
        replace(p, ops=(replace(p.ops[0], weight=3 * p.ops[0].weight),)) if p.name == "back" else p
        for p in net.projections
    ]
    net = replace(net, projections=tuple(strong))
    bound = compiler(x)
    own, semantics = bound.adapt(net, Semantics(dt=1.0))
    hidden, out = own["hidden"].neuron, own["out"].neuron
    assert (hidden.reset, hidden.spikes, hidden.compare) == ("subtract", "integer", "ge")
    assert (out.spikes, semantics.reset, semantics.spikes) == ("binary", "subtract", "integer")
    assert set(np.unique(hidden.alpha)) == {0.5}
    assert set(np.unique(hidden.beta)) == {0.875}
    assert np.abs(own.into("hidden")[1].ops[0].weight).max() < np.abs(net.into("hidden")[1].ops[0].weight).max()
    bound.lower(own)
    again, _ = bound.adapt(own, semantics)
    assert again is own


def test_gain_keeps_what_a_lasting_input_does() -> None:
    """Where decays move, the membrane of a lasting input settles where it did."""
    net = network(recurrent=False, alpha=0.7, beta=0.8)
    own, _ = compiler(spikes()).adapt(net, Semantics(dt=1.0))
    before, after = net["hidden"].neuron, own["hidden"].neuron
    np.testing.assert_allclose(
        after.gain / ((1 - after.alpha) * (1 - after.beta)),
        before.gain / ((1 - before.alpha) * (1 - before.beta)),
        rtol=1e-5,
    )
