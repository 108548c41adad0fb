"""Each rule with the network that breaks it, by how much; and one network that breaks several at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spear_deploy.errors import UnsupportedError
from spear_deploy.network import (
    AvgPool2d,
    Conv2d,
    Flatten,
    Input,
    Linear,
    Network,
    Population,
    Projection,
    Scale,
    SumPool2d,
)
from spear_deploy.targets import InputRange, LoweringOptions, compiler_for, load_chip
from tests.targets.speck.networks import branched, chain, integrating

ONE = np.ones((2, 2, 1, 1), np.float32)


def kernel(size: int, channels: int = 2, features: int = 2, width: int | None = None, **options: Any) -> Conv2d:
    return Conv2d(np.ones((features, channels, size, width or size), np.float32), **options)


def with_neuron(**changes: Any) -> Network:
    network = chain((2, 4, 4), (Conv2d(ONE),))
    full = np.ones((2, 4, 4), np.float32)
    arrays = {
        name: value * full if isinstance(value, float) and name != "floor" else value for name, value in changes.items()
    }
    (port, population) = network.populations
    assert isinstance(population, Population)
    return replace(network, populations=(port, replace(population, neuron=replace(population.neuron, **arrays))))


def delayed() -> Network:
    network = chain((2, 4, 4), (Conv2d(ONE),))
    return replace(network, projections=(replace(network.projections[0], delay=3),))


def looped() -> Network:
    network = chain((2, 4, 4), (Conv2d(ONE),))
    back = Projection("back", "layer0", "layer0", (Conv2d(ONE),), delay=1)
    return replace(network, projections=(*network.projections, back))


def two_kernels() -> Network:
    network = branched(0)
    other = replace(network.projections[3], ops=(kernel(3, 4, 3),))
    return replace(network, projections=(*network.projections[:3], other))


def three_destinations() -> Network:
    network = chain((2, 4, 4), (Conv2d(ONE),))
    more = [Population(f"more{n}", (2, 4, 4), integrating((2, 4, 4))) for n in range(3)]
    links = [Projection(f"link{n}", "layer0", f"more{n}", (Conv2d(ONE),)) for n in range(3)]
    return Network((*network.populations, *more), (*network.projections, *links), ("more2",))


def pooled(*pools: Any) -> Network:
    return chain((2, 24, 24), (Conv2d(ONE),), (*pools, Conv2d(ONE)))


VARYING = np.linspace(1, 2, 32).reshape(2, 4, 4).astype(np.float32)
BROKEN = {
    "ten layers": (chain((2, 4, 4), *[(Conv2d(ONE),)] * 10), "E035", (10, 9)),
    "no weights": (chain((2, 4, 4), (Conv2d(ONE),), (SumPool2d((2, 2), (2, 2)),)), "E080", None),
    "two weights": (chain((2, 4, 4), (Conv2d(ONE), Conv2d(ONE))), "E080", None),
    "a factor for each cell": (chain((2, 4, 4), (Scale(VARYING), Conv2d(ONE))), "E080", None),
    "a delay": (delayed(), "E080", (3, 0)),
    "a loop": (looped(), "E080", None),
    "a large kernel": (chain((2, 20, 20), (kernel(17),)), "E081", (17, 16)),
    "an oblong kernel": (chain((2, 8, 8), (kernel(3, width=2),)), "E081", None),
    "a stride of three": (chain((2, 8, 8), (kernel(2, stride=(3, 3)),)), "E081", None),
    "a wide padding": (chain((2, 8, 8), (kernel(9, padding=(8, 8)),)), "E081", (8, 7)),
    "a pool of three": (pooled(SumPool2d((3, 3), (3, 3))), "E081", None),
    "pools that make eight": (pooled(SumPool2d((2, 2), (2, 2)), AvgPool2d((4, 4), (4, 4))), "E081", None),
    "overlapping pools": (pooled(SumPool2d((2, 2), (1, 1))), "E081", None),
    "a pooled input": (chain((2, 8, 8), (SumPool2d((2, 2), (2, 2)), Conv2d(ONE))), "E081", None),
    "1025 channels": (chain((2, 1, 1), (kernel(1, 2, 1025),)), "E081", (1025, 1024)),
    "groups": (chain((2, 4, 4), (Conv2d(ONE[:, :1], groups=2),)), "E082", (2, 1)),
    "dilation": (chain((2, 8, 8), (kernel(2, dilation=(2, 2)),)), "E082", (2, 1)),
    "a wide input": (chain((2, 130, 4), (kernel(4, stride=(4, 4)),)), "E083", (130, 128)),
    "a wide map": (chain((2, 65, 4), (Conv2d(ONE),)), "E083", (65, 64)),
    "a matrix behind an oblong map": (
        chain((2, 4, 5), (Flatten(), Linear(np.ones((2, 40), np.float32)))),
        "E081",
        None,
    ),
    "three destinations": (three_destinations(), "E084", (3, 2)),
    "two kernels": (two_kernels(), "E085", None),
    "thresholds that differ": (with_neuron(threshold=VARYING), "E085", None),
    "a bias that differs within a map": (with_neuron(bias=VARYING), "E085", None),
    "a leak": (with_neuron(beta=0.9), "E086", (pytest.approx(0.1), 0)),
    "a current": (with_neuron(alpha=0.5), "E086", (0.5, 0)),
    "a readout": (with_neuron(threshold=None), "E086", None),
    "another start": (with_neuron(start_value=0.5), "E027", (0.5, 0)),
    "a late reset": (with_neuron(reset_delay=True), "E030", None),
    "a reset to a value": (with_neuron(reset="value", reset_value=-0.5), "E030", (0.5, 0)),
    "one spike a step": (with_neuron(spikes="binary"), "E031", None),
    "no lower limit": (with_neuron(floor=None), "E032", None),
    "a limit above zero": (with_neuron(floor=0.5), "E032", (0.5, 0)),
}


def findings_of(network: Network, inputs: InputRange | None = None) -> list[Any]:
    compiler = compiler_for(load_chip("speck2f"), {"input": inputs or InputRange()}, LoweringOptions())
    try:
        return list(compiler.lower(network).notes)
    except UnsupportedError as error:
        return list(error.findings)


@pytest.mark.parametrize("name", BROKEN)
def test_a_rule_is_told_with_its_amount(name: str) -> None:
    """The code, the value and the limit where they are numbers, and a fix."""
    network, code, amount = BROKEN[name]
    (finding,) = [each for each in findings_of(network) if each.severity == "error"]
    assert (finding.code, bool(finding.fix)) == (code, True)
    assert amount is None or (finding.value, finding.limit) == amount


def test_all_is_told_at_once() -> None:
    """A network that breaks four rules gets four findings."""
    network = chain((2, 20, 20), (kernel(17, dilation=(1, 1)),))
    (port, population) = network.populations
    leaky = replace(population.neuron, beta=population.neuron.beta * np.float32(0.5), spikes="binary", floor=None)  # type: ignore[union-attr]
    network = replace(network, populations=(port, replace(population, neuron=leaky)))
    codes = sorted(finding.code for finding in findings_of(network) if finding.severity == "error")
    assert codes == ["E031", "E032", "E081", "E086"]


def test_values_that_are_no_events_are_refused() -> None:
    """Direct coding has no events (E033)."""
    found = findings_of(chain((2, 4, 4), (Conv2d(ONE),)), InputRange(1.0, integral=False))
    assert [finding.code for finding in found if finding.severity == "error"] == ["E033"]


def test_a_weight_beyond_the_threshold_is_noted() -> None:
    """What the chip does then is not published (N036)."""
    network = chain((2, 1, 1), (Flatten(), Linear(np.full((2, 2), 3.0, np.float32))))
    (note,) = findings_of(network)
    assert (note.code, note.value, note.limit) == ("N036", 127, 42)


@pytest.mark.parametrize(
    "name", ["a leak", "a current", "another start", "a late reset", "one spike a step", "no lower limit"]
)
def test_own_neurons_cure_it(name: str) -> None:
    """--adapt's network lowers, and what is so already is the same object."""
    from spear_deploy import Semantics

    compiler = compiler_for(load_chip("speck2f"), {"input": InputRange()}, LoweringOptions())
    network = BROKEN[name][0]
    own, semantics = compiler.adapt(network, Semantics(dt=1.0))
    assert compiler.lower(own).program is not None
    assert (semantics.floor, semantics.spikes, semantics.compare) == (-1.0, "integer", "ge")
    again, _ = compiler.adapt(own, semantics)
    assert all(one is other for one, other in zip(again.populations, own.populations, strict=True))
    assert isinstance(own.populations[0], Input)
