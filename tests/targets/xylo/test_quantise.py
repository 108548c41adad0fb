"""Lowering: what is refused and with which amounts, what follows the float network, what is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import spear_deploy
from spear_deploy.data import SpikeSamples, Split
from spear_deploy.errors import InputError, UnsupportedError
from spear_deploy.frontends import Imported, Semantics
from spear_deploy.measure.runs import measure_float
from spear_deploy.network import Conv2d, Flatten, Input, Linear, Network, Population, Projection
from spear_deploy.network.neuron import identity_readout
from spear_deploy.simulate.record import simulate
from spear_deploy.simulate.scan_kernel import MOST_SPIKES
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip
from spear_deploy.targets.xylo.registers import kept, nearest_dash

from .networks import compiler, network, neuron, spikes


def refused(net: Network, x: np.ndarray | None = None) -> dict[str, Any]:
    with pytest.raises(UnsupportedError) as caught:
        compiler(spikes() if x is None else x).lower(net)
    return {finding.code: finding for finding in caught.value.findings}


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"alpha": 0.0}, "E070"),
        ({"reset": "value"}, "E030"),
        ({"reset_delay": True}, "E030"),
        ({"reset_value": 0.1}, "E027"),
        ({"floor": -1.0}, "E032"),
        ({"gain": -1.0}, "E034"),
        ({"threshold": np.inf}, "E034"),
        ({"beta": 1.2}, "E034"),
        ({"alpha": 1.0}, "E034"),
    ],
)
def test_neurons_that_the_chip_has_not(values: dict[str, Any], code: str) -> None:
    """Each is refused by its own rule, which names the population and a way out."""
    finding = refused(network(**values))[code]
    assert finding.where == "population 'hidden'"
    assert finding.fix


def test_all_findings_come_at_once() -> None:
    """A network with several faults is told them together."""
    assert set(refused(network(alpha=0.0, reset="value", floor=-1.0))) == {"E070", "E030", "E032"}


def test_ends_and_delays() -> None:
    """Too many inputs or outputs, readouts, outputs that feed on, convolutions, paths of different length."""
    wide = Network(
        (Input("input", (17,)), Population("h", (4,), neuron(4)), Population("o", (9,), neuron(9))),
        (
            Projection("a", "input", "h", (Linear(np.ones((4, 17), np.float32)),)),
            Projection("b", "h", "o", (Linear(np.ones((9, 4), np.float32)),)),
            Projection("c", "input", "o", (Linear(np.ones((9, 17), np.float32)),)),
        ),
        ("o",),
    )
    with pytest.raises(UnsupportedError) as caught:
        compiler(spikes(channels=17)).lower(wide)
    amounts = {(f.code, f.value, f.limit) for f in caught.value.findings}
    assert {("E074", 17, 16), ("E074", 9, 8), ("E074", None, None), ("E073", 1, 0)} <= amounts
    base = network()
    late = replace(base, projections=tuple(replace(p, delay=3) if p.name == "back" else p for p in base.projections))
    assert refused(late)["E073"].value == 2
    silent = replace(base, populations=(*base.populations[:2], Population("out", (3,), identity_readout((3,)))))
    assert "never fires" in refused(silent)["E074"].message
    kernel = Conv2d(np.ones((2, 1, 2, 2), np.float32))
    linear = Projection("b", "h", "o", (Flatten(), Linear(np.ones((3, 2), np.float32))))
    maps = Network(
        (Input("input", (1, 2, 2)), Population("h", (2, 1, 1), replace(neuron(2), **_as_map(2))), base["out"]),
        (Projection("a", "input", "h", (kernel,)), replace(linear, target="out")),
        ("out",),
    )
    x = spikes(channels=4).reshape(40, 16, 1, 2, 2)
    assert "convolution" in refused(maps, x)["E072"].message


def _as_map(size: int) -> dict[str, Any]:
    return {name: array.reshape(size, 1, 1) for name, array in neuron(size).arrays().items()}


def test_events_are_numbers_up_to_fifteen() -> None:
    """Values between, and more events than a channel takes in a step, are refused."""
    assert refused(network(), spikes() * 16)["E033"].limit == 15
    assert "not numbers" in refused(network(), spikes() * 0.5)["E033"].message
    compiler(spikes() * 15).lower(network())


def test_a_network_that_runs_away_is_refused_with_the_share() -> None:
    """Trained with one spike a step, and often two thresholds in the membrane: E071; seldom: a note."""
    net = network(spikes="binary", threshold=0.4)
    finding = refused(net)["E071"]
    assert finding.value is not None
    assert finding.value > finding.limit == 0.01
    calm = compiler(spikes()).lower(network(spikes="binary", threshold=8.0))
    assert "N023" not in {note.code for note in calm.notes}


def test_a_loop_that_runs_away_in_float_alone_is_lowered() -> None:
    """The chip saturates where the float network does not: what that fires stays a number, fused or step by step."""
    net, x = network(bias=False), spikes(steps=300, samples=4)
    strong = [
        replace(p, ops=(Linear(50 * np.abs(p.ops[0].weight)),)) if p.name == "back" else p  # type: ignore[union-attr]
        for p in net.projections
    ]
    net = replace(net, projections=tuple(strong))
    lowered = compiler(x).lower(net)
    assert any(note.code == "N023" for note in lowered.notes)
    simulator, membranes = FloatSimulator(net), dict[str, torch.Tensor]()
    with torch.no_grad():
        fused = simulator({"input": torch.from_numpy(x).float()})
        stepwise = simulator({"input": torch.from_numpy(x).float()}, membranes)
    for sent in (fused["hidden"], stepwise["hidden"], membranes["hidden"]):
        assert torch.isfinite(sent).all()
    assert fused["hidden"].max() == stepwise["hidden"].max() == MOST_SPIKES
    split = Split(SpikeSamples(np.moveaxis(x, 1, 0)), np.zeros(4, np.int64), np.arange(4))
    assert measure_float(net, split).spikes["hidden"].min() > MOST_SPIKES


def test_weight_bits() -> None:
    """Fewer are possible, more are E007."""
    few = compiler(spikes(), weight_bits=4).lower(network()).program
    assert max(int(np.abs(s.weight).max()) for s in few.synapses) <= 7
    with pytest.raises(InputError, match="E007"):
        compiler(spikes(), weight_bits=9)


@pytest.mark.parametrize("seed", range(6))
def test_own_neurons_are_followed(seed: int) -> None:
    """A network of the chip's own neurons fires as in float, spike by spike but for the rounding of weights."""
    net, x = network(seed), spikes(samples=32, seed=seed)
    lowered = compiler(x).lower(net)
    found, wanted = lowered.emulate(x), simulate(net, x)
    for name in ("hidden", "out"):
        total = wanted.spikes[name].sum()
        assert total > 50
        assert np.abs(found.spikes[name].sum(axis=0) - wanted.spikes[name].sum(axis=0)).sum() < 0.1 * total
    step = lowered.grids.membranes["hidden"]
    assert np.median(np.abs(step.to_float(found.membrane["hidden"]) - wanted.membrane["hidden"])) < 0.1


def test_whole_numbers_are_exact() -> None:
    """Weights that the grid holds are: no spike differs where nothing has to be rounded."""
    rng = np.random.default_rng(0)
    net = network(recurrent=False, bias=False, alpha=0.5, beta=0.5)
    weights = {"into": rng.integers(-127, 128, (12, 6)), "on": rng.integers(-127, 128, (3, 12))}
    weights["into"][:, 0] = weights["on"][:, 0] = 127
    projections = tuple(replace(p, ops=(Linear((weights[p.name] / 64).astype(np.float32)),)) for p in net.projections)
    net, x = replace(net, projections=projections), spikes(steps=6)
    found, wanted = compiler(x).lower(net).emulate(x), simulate(net, x)
    for name in ("hidden", "out"):
        assert np.abs(found.spikes[name] - wanted.spikes[name]).mean() < 0.01


def test_decays_are_the_nearest_that_there_are() -> None:
    """By the factor, not by the logarithm; a decay beyond is told with its error."""
    decays = np.array([0.45, 0.5, 0.6, 0.7, 0.75, 0.85, 0.9, 0.99, 1.0])
    assert nearest_dash(decays, 1, 15).tolist() == [1, 1, 1, 2, 2, 3, 3, 7, 15]
    assert kept(np.array([0, 1, 3])).tolist() == [0, 0.5, 0.875]
    notes = {note.code: note for note in compiler(spikes()).lower(network(alpha=0.7, beta=0.85)).notes}
    assert notes["N004"].value == pytest.approx(0.15 / 0.125 / 1.2 - 1 + 1 / 6, abs=0.02)
    assert "N004" not in {note.code for note in compiler(spikes()).lower(network()).notes}


def test_biases_are_told() -> None:
    """On the membrane instead of the current, and early behind a layer."""
    codes = {note.code for note in compiler(spikes()).lower(network()).notes}
    assert "N002" in codes
    net = network(bias=False)
    on = replace(net.into("out")[0], ops=(replace(net.into("out")[0].ops[0], bias=np.full(3, 0.05, np.float32)),))
    late = replace(net, projections=tuple(on if p.name == "on" else p for p in net.projections))
    assert {"N002", "N033"} <= {note.code for note in compiler(spikes()).lower(late).notes}


def test_from_python_and_without_samples() -> None:
    """``lower`` takes the chip by name; without calibration random spikes stand in, the same each time."""
    imported = Imported(network(), Semantics(dt=1.0, reset="subtract", spikes="integer", compare="ge"))
    one, two = (spear_deploy.lower(imported, "xylo_imu") for _ in range(2))
    assert one.placement.cores == 1
    assert [s.weight.tolist() for s in one.program.synapses] == [s.weight.tolist() for s in two.program.synapses]


def test_several_inputs_share_the_channels() -> None:
    """Two inputs are two parts of the chip's channels."""
    net = network(recurrent=False)
    more = Projection("more", "other", "hidden", (Linear(np.full((12, 2), 0.3, np.float32)),))
    net = replace(net, populations=(*net.populations, Input("other", (2,))), projections=(*net.projections, more))
    x = {"input": spikes(), "other": spikes(channels=2)}
    ranges = {name: InputRange.of(values) for name, values in x.items()}
    lowered = compiler_for(load_chip("xylo_audio3"), ranges, LoweringOptions()).lower(net)
    found, wanted = lowered.emulate(x), simulate(net, x)
    total = wanted.spikes["hidden"].sum()
    assert np.abs(found.spikes["hidden"].sum(axis=0) - wanted.spikes["hidden"].sum(axis=0)).sum() < 0.1 * total
