"""Decision rules: what each makes of what the output sent, and which output it suits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spear_deploy.decision import DEFAULTS, RULES, network_rule, program_rule
from spear_deploy.errors import InputError
from spear_deploy.network import Network
from spear_deploy.targets.loihi.quantise import quantise
from spear_deploy.targets.ports import InputRange
from tests.strategies import REGISTERS

# (steps, samples, outputs): output 1 fires most, output 2 first; in the second sample none fires
SPIKES = np.array([[[0, 0, 1], [0, 0, 0]], [[1, 1, 0], [0, 0, 0]], [[0, 1, 0], [0, 0, 0]]], np.uint8)
# output 0 has the largest sum, 1 the highest peak, 2 is highest in the end
MEMBRANE = np.array([[[3.0, 0.0, -9.0]], [[3.0, 5.0, -9.0]], [[3.0, -4.0, 4.0]]])


@pytest.mark.parametrize(
    ("name", "sent", "scores", "classes"),
    [
        ("count", SPIKES, [[1, 2, 1], [0, 0, 0]], [1, 0]),
        ("first", SPIKES, [[-1, -1, 0], [-3, -3, -3]], [2, 0]),
        ("last", MEMBRANE, [[3, -4, 4]], [2]),
        ("max", MEMBRANE, [[3, 5, 4]], [1]),
        ("sum", MEMBRANE, [[9, 1, -14]], [0]),
    ],
)
def test_scores(name: str, sent: np.ndarray, scores: list[list[float]], classes: list[int]) -> None:
    """Each rule takes another class of the same output; of equal scores, and where nothing fires, the first."""
    found = RULES[name].score(sent)
    assert found.dtype == np.float64
    assert found.tolist() == scores
    assert found.argmax(axis=1).tolist() == classes


def test_an_earlier_spike_outweighs_more_spikes() -> None:
    """One spike a step earlier beats any number from then on; several spikes in a step are one first spike."""
    sent = np.zeros((50, 1, 3), np.int64)
    sent[3:, 0, 0], sent[2, 0, 1], sent[2, 0, 2] = 9, 1, 7
    assert RULES["first"].score(sent).tolist() == [[-3, -2, -2]]


@pytest.mark.parametrize("name", RULES)
def test_scores_keep_the_shape_and_the_order_of_integers(name: str) -> None:
    """Any shape of output; the chip's integers, a multiple of the float values, decide alike."""
    sent = np.random.default_rng(0).integers(0, 3, (7, 5, 2, 3, 4))
    scores = RULES[name].score(sent)
    assert scores.shape == (5, 2, 3, 4)
    scaled = RULES[name].score(sent.astype(np.int32) * 4096).reshape(5, -1)
    np.testing.assert_array_equal(scaled.argmax(axis=1), scores.reshape(5, -1).argmax(axis=1))


def readout(network: Network) -> Network:
    """The network with an output that never fires."""
    populations = tuple(
        replace(p, neuron=replace(p.neuron, threshold=None)) if p.name == "output" else p for p in network.populations
    )
    return replace(network, populations=populations)


@pytest.mark.parametrize("fires", [True, False])
def test_rules_suit_what_the_output_sends(fires: bool, untrained_network: Network) -> None:
    """Spikes are counted or awaited, membranes are not: E015 for the float network and the program, with the others."""
    network = untrained_network if fires else readout(untrained_network)
    program = quantise(network, "loihi2", REGISTERS, {"input": InputRange()}).program
    reads = "spikes" if fires else "membrane"
    assert network_rule(network) is program_rule(program) is RULES[DEFAULTS[reads]]
    for rule in RULES.values():
        if rule.reads == reads:
            assert network_rule(network, rule.name) is program_rule(program, rule.name) is rule
            continue
        for refused in (lambda name: network_rule(network, name), lambda name: program_rule(program, name)):
            with pytest.raises(InputError, match=f"E015 --decide {rule.name}: .*'output'") as caught:
                refused(rule.name)
            fitting = [name for name, other in RULES.items() if other.reads == reads]
            assert ", ".join(fitting) in caught.value.findings[0].fix


def test_unknown_rule(untrained_network: Network) -> None:
    """A name that there is not: E008, with those that there are for this output."""
    with pytest.raises(InputError, match="E008") as caught:
        network_rule(untrained_network, "latency")
    assert "count, first" in caught.value.findings[0].fix
