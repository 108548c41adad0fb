"""The emulator of sigma-delta networks: its equations, laws of delta coding, and what is counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spear_deploy.errors import InputError, UnsupportedError
from spear_deploy.network import Input
from spear_deploy.network.sigma_delta import SigmaDeltaNetwork, SigmaDeltaPopulation
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses
from spear_deploy.simulate.sigma_delta import simulate_sigma_delta
from spear_deploy.targets import TARGETS, SigmaDeltaTarget, load_chip
from spear_deploy.targets.loihi.sigma_delta.emulator import SigmaDeltaEmulator
from spear_deploy.targets.loihi.sigma_delta.program import SigmaDeltaProgram
from tests.strategies import generators
from tests.targets.loihi.sigma_delta.networks import Generator, fed, interpret, matrix_of, random_network

NOTHING = np.zeros((), np.int64)
STEPS, SAMPLES = 7, 3


def encoder(threshold: int, *, spike_exp: int = 6, state_exp: int = 6, cumulative: bool = False) -> SigmaDeltaNetwork:
    """An encoder of five values, and a decoder behind an identity."""
    exponents = {"spike_exp": spike_exp, "state_exp": state_exp}
    first = SigmaDeltaPopulation("encoder", (5,), "delta", threshold, NOTHING, cumulative_error=cumulative, **exponents)
    last = SigmaDeltaPopulation("decoder", (5,), "sigma", 0, NOTHING, **exponents)
    identity = DenseSynapses("identity", "encoder", "decoder", np.eye(5, dtype=np.int16))
    return SigmaDeltaNetwork(Input("input", (5,)), (first, last), (identity,))


def emulator(network: SigmaDeltaNetwork) -> SigmaDeltaEmulator:
    return SigmaDeltaEmulator(SigmaDeltaProgram("loihi2", network))


@given(generators())
@settings(max_examples=40, deadline=None)
def test_every_message_is_that_of_the_equations(rng: Generator) -> None:
    """Beside an interpreter that multiplies matrices written out weight by weight, step after step."""
    network = random_network(rng)
    x = fed(rng, network, STEPS, SAMPLES)
    recording = emulator(network).run({"input": x}, clips=True)
    assume(not any(counted.membranes or counted.currents for counted in recording.clips.values()))
    for sample in range(SAMPLES):
        for name, wanted in interpret(network, x[:, sample]).items():
            np.testing.assert_array_equal(recording.output(name)[:, sample], wanted, name)


@given(generators(), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_what_is_decoded_is_never_further_off_than_the_threshold(rng: Generator, threshold: int) -> None:
    """The messages add up to the value, but for a residue below the threshold; without a threshold exactly."""
    network = encoder(threshold)
    x = fed(rng, network, STEPS, SAMPLES)
    decoded = emulator(network).run({"input": x}).membrane["decoder"]
    error = np.abs(decoded[1:] - (x[:-1].astype(np.int64) << 6))
    assert error.max() < max(threshold << 6, 1)
    assert not np.any(decoded[0])


@given(generators())
@settings(max_examples=20, deadline=None)
def test_values_that_stay_are_silent(rng: Generator) -> None:
    """Once the input holds, all messages end after as many steps as there are projections."""
    network = random_network(rng, encoder=True)
    if any(population.cumulative_error for population in network.populations):
        network = replace(
            network, populations=tuple(replace(each, cumulative_error=False) for each in network.populations)
        )
    steps = 3 + network.latency
    x = np.broadcast_to(fed(rng, network, 1, SAMPLES), (steps, SAMPLES, *network.input.shape))
    sent = emulator(network).run({"input": x}).spikes
    for rank, population in enumerate(each for each in network.populations if not each.is_readout):
        assert not np.any(sent[population.name][rank + 1 :])


@given(generators())
@settings(max_examples=20, deadline=None)
def test_synops_are_messages_times_synapses(rng: Generator) -> None:
    """Counted one by one: each nonzero message at each nonzero weight, whatever its sign and size."""
    network = random_network(rng)
    x = fed(rng, network, STEPS, 1)
    program = SigmaDeltaProgram("loihi2", network)
    sent = SigmaDeltaEmulator(program).run({"input": x}).spikes
    for synapses, fan in zip(network.synapses, program.fan_outs, strict=True):
        matrix = matrix_of(synapses, network.shapes[synapses.source], network.shapes[synapses.target])
        messages = sent[synapses.source].reshape(STEPS, -1) != 0
        arrivals = sum(int(np.count_nonzero(matrix[:, message])) for message in messages)
        assert arrivals == int(messages.sum(axis=0) @ fan.nonzero)


@given(generators())
@settings(max_examples=25, deadline=None)
def test_real_numbers_are_the_integers_where_messages_lose_nothing(rng: Generator) -> None:
    """Without places of states nothing is rounded: messages and sums, in units of the input, are the integers."""
    network = random_network(rng, exponents=(int(rng.integers(0, 7)), 0))
    x = fed(rng, network, STEPS, SAMPLES)
    recording = emulator(network).run({"input": x}, membranes=True, clips=True)
    assume(not any(counted.membranes or counted.currents for counted in recording.clips.values()))
    real, unit = simulate_sigma_delta(network, x), float(1 << network.populations[0].spike_exp)
    for population in network.populations:
        name = population.name
        np.testing.assert_array_equal(real.membrane[name] * unit, recording.membrane[name])
        if not population.is_readout:
            np.testing.assert_array_equal(real.spikes[name] * unit, recording.spikes[name])


@given(generators())
@settings(max_examples=15, deadline=None)
def test_what_an_encoder_sends_loses_nothing(rng: Generator) -> None:
    """Its changes are whole numbers of the input's: the sums behind it are those of real numbers."""
    network = random_network(rng, exponents=(6, 6), plain=True, encoder=True)
    x = fed(rng, network, STEPS, SAMPLES)
    recording, real = emulator(network).run({"input": x}, membranes=True), simulate_sigma_delta(network, x)
    name = network.populations[1].name
    np.testing.assert_array_equal(real.membrane[name] * (1 << 12), recording.membrane[name])


def test_a_cumulative_error_sends_what_a_threshold_alone_would_keep() -> None:
    """A change of 3 below a threshold of 5 is sent once it was seen twice; a message is what the value changed by."""
    x = np.full((4, 1, 5), 3, np.int32)
    kept = emulator(encoder(5)).run({"input": x})
    sent = emulator(encoder(5, cumulative=True)).run({"input": x})
    assert not np.any(kept.spikes["encoder"])
    np.testing.assert_array_equal(sent.spikes["encoder"][:, 0, 0], [0, 3 << 6, 0, 0])


def test_messages_are_rounded_down_and_the_rest_is_lost() -> None:
    """As in Lava: the residue keeps nothing of what the shift takes off, so that -1 / 64 becomes a whole -1."""
    one = SigmaDeltaPopulation("one", (1,), "sigma_delta", 0, NOTHING, "unit")
    network = SigmaDeltaNetwork(
        Input("input", (1,)), (one,), (DenseSynapses("weight", "input", "one", np.ones((1, 1), np.int16)),)
    )
    x = np.array([-1, -1, 63, 0, 0], np.int32).reshape(5, 1, 1)
    recording = emulator(network).run({"input": x}, membranes=True)
    np.testing.assert_array_equal(recording.spikes["one"].ravel(), [0, -1, -1, 0, 0])
    np.testing.assert_array_equal(recording.membrane["one"].ravel(), [0, -1, -2, 61, 61])


def test_states_beyond_registers_are_counted() -> None:
    """Of the chip's 24 bits and of a message's 16; the sums of a convolution wrap, as Lava's do."""
    neurons = SigmaDeltaPopulation("conv", (1, 1, 1), "sigma_delta", 0, NOTHING, "unit")
    weight = np.full((1, 1, 1, 1), 127, np.int16)
    network = SigmaDeltaNetwork(
        Input("input", (1, 1, 1)), (neurons,), (ConvSynapses("weight", "input", "conv", weight),)
    )
    x = np.array([32_767, 32_767, 32_767, 0], np.int32).reshape(4, 1, 1, 1, 1)
    recording = emulator(network).run({"input": x}, membranes=True, clips=True)
    assert recording.membrane["conv"].ravel().tolist() == [0, 127 * 32_767, 2 * 127 * 32_767, 3 * 127 * 32_767]
    assert (recording.clips["conv"].membranes, recording.clips["conv"].payloads) == (1, 3)
    wide = np.broadcast_to(x * 3, x.shape)  # beyond what the port takes: two sums wrap
    wrapped = emulator(network).run({"input": wide}, membranes=True, clips=True)
    assert wrapped.clips["conv"].currents == 3
    assert int(wrapped.membrane["conv"][1, 0, 0, 0, 0]) == 127 * 32_767 * 3 - (1 << 24)


def test_the_input_is_of_either_sign_and_bounded() -> None:
    """Values beyond the encoder's register are E039."""
    (port,) = SigmaDeltaProgram("loihi2", encoder(0)).inputs
    assert port.encode(np.full((1, 1, 5), -2048)).dtype == np.int32
    with pytest.raises(InputError, match="-2048 to 2047"):
        port.encode(np.full((1, 1, 5), 2048))


def test_only_chips_with_graded_spikes_take_one() -> None:
    """Loihi 1 has no payload (E034); another family says nothing of sigma-delta networks."""
    target = TARGETS.get("loihi")
    assert isinstance(target, SigmaDeltaTarget)
    assert target.lower_sigma_delta(load_chip("loihi2"), encoder(0)).placement.cores == 2
    with pytest.raises(UnsupportedError) as refused:
        target.lower_sigma_delta(load_chip("loihi1"), encoder(0))
    assert [finding.code for finding in refused.value.findings] == ["E034"]
    assert not isinstance(TARGETS.get("speck"), SigmaDeltaTarget)


@pytest.mark.parametrize(
    "change",
    [
        {"synapses": ()},
        {"populations": ()},
        {"populations": encoder(0).populations[::-1]},
        {"input": Input("encoder", (5,))},
    ],
)
def test_what_is_no_chain_is_refused(change: dict[str, object]) -> None:
    """Synapses lead from neighbour to neighbour, and an encoder stands first."""
    with pytest.raises(ValueError, match=r"do not lead|only the first|no population"):
        replace(encoder(0), **change)
