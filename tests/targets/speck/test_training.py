"""Training event by event: forward to the last spike, gradients of the rates, accuracy and operations of the chip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from spear_deploy.data import Split
from spear_deploy.data.samples import SpikeSamples
from spear_deploy.errors import UnsupportedError
from spear_deploy.measure.runs import measure_program
from spear_deploy.network import Linear, Network
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip
from spear_deploy.targets.speck.emulator.events import EventEmulator
from spear_deploy.targets.speck.training import CountedRates
from spear_deploy.train.config import Aims, FinetuneConfig
from spear_deploy.train.finetune import finetune
from tests.targets.speck.networks import branched, chain, counts, random_network

CHIP = compiler_for(load_chip("speck2f"), {"input": InputRange(3.0)}, LoweringOptions())


@pytest.mark.parametrize("seed", range(4))
def test_what_trains_is_what_is_lowered(seed: int) -> None:
    """Spike by spike and membrane by membrane, before any step and behind ones that change the scales."""
    network = random_network(seed)
    simulator, x = CHIP.trainable(network), counts(network, seed)
    for factor in (1.0, 0.3, 4.0):
        with torch.no_grad():
            for parameter in simulator.parameters():
                parameter.mul_(factor)
            membranes: dict[str, torch.Tensor] = {}
            out = simulator({"input": torch.from_numpy(x).float()}, membranes)
        program = CHIP.lower(simulator.to_network()).program
        found = EventEmulator(program).run({"input": x}, membranes=True)  # type: ignore[arg-type]
        for layer in program.populations:
            np.testing.assert_array_equal(out[layer.name].numpy(), found.spikes[layer.name], err_msg=layer.name)
            v = found.membrane[layer.name] / layer.scale  # type: ignore[attr-defined]
            np.testing.assert_allclose(membranes[layer.name].numpy(), v, err_msg=layer.name)
        assert [each.every.tolist() for each in simulator.fan_outs()] == [e.every.tolist() for e in program.fan_outs]


def test_rates_follow_weights_where_nothing_is_forgotten() -> None:
    """Without inhibition, the rates that gradients are taken of are the counted ones but for the rest at the end."""
    weight = np.array([[0.02, 0.03], [0.05, 0.01]], np.float32)
    network = chain((2,), (Linear(weight),))
    x = (np.random.default_rng(0).random((400, 1, 2)) < 0.7).astype(np.uint8)
    simulator = CHIP.trainable(network)
    inputs = {"input": torch.from_numpy(x).float()}
    sent = simulator(inputs)["layer0"]
    (gradient,) = torch.autograd.grad(sent[:, :, 0].sum(), list(simulator.parameters()))
    fed = x.sum(axis=(0, 1))
    assert float(sent[:, :, 0].detach().sum()) == pytest.approx(float(weight[0] @ fed), abs=1.5)
    np.testing.assert_allclose(gradient.numpy(), [fed, [0, 0]], rtol=1e-5)


def test_silent_neurons_pass_a_share_of_gradients_on() -> None:
    """All of it where a neuron fired or was expected to, half of it four spikes short; spikes and rates add up."""
    expected = torch.tensor([[[-2.0, -2.0, 0.5]]], requires_grad=True)
    counted = torch.tensor([[[1.0, 0.0, 0.0]], [[2.0, 0.0, 0.0]]])
    spikes, rates = CountedRates.apply(expected, counted)
    assert rates.tolist() == [[[1.5, 0.0, 0.0]]]
    (gradient,) = torch.autograd.grad(spikes.sum() + 3 * rates.sum(), expected)
    assert gradient.tolist() == [[[5.0, 2.5, 5.0]]]


def test_training_learns_and_presses_synops() -> None:
    """Accuracy rises on the chip itself, and a target of synaptic operations is approached."""
    rng = np.random.default_rng(0)
    y = np.arange(96) % 3
    rates = 0.05 + 0.5 * (np.arange(6) // 2 == y[:, None, None])
    split = Split(SpikeSamples((rng.random((96, 20, 6)) < rates).astype(np.uint8)), y, np.arange(96))

    def layer(n: int, m: int) -> tuple[Linear]:
        return (Linear(rng.normal(0, 0.3, (n, m)).astype(np.float32)),)

    network = chain((6,), layer(12, 6), layer(3, 12))
    config = FinetuneConfig(epochs=10, learning_rate=1e-2, batch=32, distillation=0.0)
    tuned = finetune(network, split, config, seed=0, simulator=CHIP.trainable).network
    before, after = (measure_program(CHIP.lower(net).program, split) for net in (network, tuned))
    assert before.accuracy < 0.7
    assert after.accuracy > 0.95
    aims = Aims(synops_target=0.8 * after.mean_synops)  # the input's own are 71 % of them
    pressed = finetune(tuned, split, config, seed=0, simulator=CHIP.trainable, aims=aims).network
    spent = measure_program(CHIP.lower(pressed).program, split)
    assert spent.synops_all["to1"].mean() < 0.6 * after.synops_all["to1"].mean()
    assert spent.accuracy > 0.9


def test_what_is_no_layer_is_refused() -> None:
    """As by lowering, with every finding."""
    network = branched(0)
    other = network.projections[-1].ops[0]
    apart = replace(network.projections[-1], ops=(replace(other, weight=2 * other.weight),))  # type: ignore[type-var,union-attr]
    with pytest.raises(UnsupportedError, match="E085"):
        CHIP.trainable(Network(network.populations, (*network.projections[:-1], apart), network.outputs))
