"""The emulator equals, bit for bit, Lava's equations evaluated step by step in plain int64 numpy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from spear_deploy.lower.compose import ConvSynapses, DenseSynapses
from spear_deploy.lower.program import ChipPopulation, ChipProgram, ChipProjection, InputPort
from spear_deploy.simulate.emulator import Emulator
from tests.strategies import chip_programs

LIMIT = 1 << 23
Array = np.ndarray


class Reference:
    """All populations step by step; states and outputs by population name, (B, *shape)."""

    def __init__(self, program: ChipProgram, batch: int) -> None:
        self.program = program
        self.u = {p.name: np.zeros((batch, *p.shape), np.int64) for p in program.populations}
        self.v = {name: state.copy() for name, state in self.u.items()}
        self.wrapped = self.clipped = False

    def step(self, sent: dict[str, Array]) -> dict[str, Array]:
        """Advance by a step of inputs; return what every population sends, inputs included."""
        sent = {name: values.astype(np.int64) for name, values in sent.items()}
        for population in self.program.populations:
            incoming = [p for p in self.program.projections if p.synapses.target == population.name]
            arriving = [weighted(p, sent[p.synapses.source], population.shape) for p in incoming]
            sent[population.name] = self.update(population, sum(arriving))
        return sent

    def update(self, population: ChipPopulation, arriving: Array) -> Array:
        name = population.name
        du, dv, vth, mantissa, exponent = (
            np.asarray(getattr(population, register), np.int64)
            for register in ("du", "dv", "vth", "bias_mant", "bias_exp")
        )
        u = decayed(self.u[name], 4096 - (du + 1)) + (arriving << 6)
        wraps = (u > LIMIT) | (u <= -LIMIT)
        self.u[name] = u = np.where(u > LIMIT, u - 2 * LIMIT, np.where(u <= -LIMIT, u + 2 * LIMIT, u))
        free = decayed(self.v[name], 4096 - dv) + u + (mantissa << exponent)
        v = np.clip(free, 1 - LIMIT, LIMIT - 1)
        self.wrapped, self.clipped = self.wrapped or wraps.any(), self.clipped or (v != free).any()
        fired = v > vth << 6
        self.v[name] = np.where(fired, 0, v) if population.kind == "lif" else v
        return fired.astype(np.int64) if population.kind == "lif" else v


def decayed(x: Array, factor: Array) -> Array:
    """Truncation toward zero."""
    return np.sign(x) * ((np.abs(x) * factor) >> 12)


def weighted(projection: ChipProjection, sent: Array, target: tuple[int, ...]) -> Array:
    synapses = projection.synapses
    weight = synapses.weight.astype(np.int64) << projection.exponent
    if isinstance(synapses, DenseSynapses):
        return (sent.reshape(len(sent), -1) @ weight.T).reshape(len(sent), *target)
    total = np.zeros((len(sent), *target), np.int64)
    (sy, sx), (py, px), (dy, dx) = synapses.stride, synapses.padding, synapses.dilation
    padded = np.pad(sent, ((0, 0), (0, 0), (py, py), (px, px)))
    per_group = weight.shape[1]
    for out, y, x, ky, kx in np.ndindex(*target, *weight.shape[2:]):
        first = out // (len(weight) // synapses.groups) * per_group
        pixels = padded[:, first : first + per_group, y * sy + ky * dy, x * sx + kx * dx]
        total[:, out, y, x] += pixels @ weight[out, :, ky, kx]
    return (total + LIMIT) % (2 * LIMIT) - LIMIT  # a convolution wraps at 24 bits


def payloads(rng: np.random.Generator, port: InputPort, steps: int, batch: int) -> Array:
    active = rng.random((steps, batch, *port.shape)) < 0.5
    values = rng.integers(1, port.max_value + 1, active.shape)
    return (active * values).astype(np.uint8 if port.max_value < 256 else np.int32)


def assert_equal_to_reference(program: ChipProgram, x: Array) -> Reference:
    """Every spike, potential and final state of the emulator is the reference's."""
    recording = Emulator(program).run({"in": x})
    reference = Reference(program, x.shape[1])
    sent = [reference.step({"in": step}) for step in x]
    for population in program.populations:
        name = population.name
        recorded = recording.spikes if population.kind == "lif" else recording.potentials
        np.testing.assert_array_equal(recorded[name], np.stack([step[name] for step in sent]), err_msg=name)
        np.testing.assert_array_equal(recording.final_u[name], reference.u[name].reshape(x.shape[1], -1))
        np.testing.assert_array_equal(recording.final_v[name], reference.v[name].reshape(x.shape[1], -1))
    return reference


@settings(max_examples=80, deadline=None)
@given(chip_programs(), st.integers(0, 2**32 - 1))
def test_emulator_is_bit_exact(program, seed):
    """Random programs: spikes, potentials and final states, through wraps, clips, biases and all-zero weights."""
    x = payloads(np.random.default_rng(seed), program.inputs[0], steps=7, batch=2)
    reference = assert_equal_to_reference(program, x)
    event(f"current wrapped: {reference.wrapped}, membrane clipped: {reference.clipped}")


def one_layer(weight: Array, *, max_value: int = 1, exponent: int = 0, conv: bool = False, **registers) -> ChipProgram:
    """An input and one population joined by a matrix, or by a convolution of single pixels."""
    ends = ("w", "in", "p")
    source: tuple[int, ...] = (weight.shape[1], 1, 1) if conv else (weight.shape[1],)
    target: tuple[int, ...] = (len(weight), 1, 1) if conv else (len(weight),)
    synapses = ConvSynapses(*ends, weight[:, :, None, None]) if conv else DenseSynapses(*ends, weight)
    values = {"du": 4095, "dv": 0, "vth": 100, "bias_mant": 0, "bias_exp": 0} | registers
    arrays = {name: np.asarray(value, np.int32) for name, value in values.items()}
    population = ChipPopulation("p", target, "lif", 1, 1.0, **arrays)
    port = InputPort("in", source, max_value)
    return ChipProgram("loihi2", (port,), (population,), (ChipProjection(synapses, exponent, 0),), ("p",))


@pytest.mark.parametrize(("count", "wrapped", "u"), [(32, False, LIMIT), (33, True, 33 * (LIMIT // 32) - 2 * LIMIT)])
def test_current_wraps_beyond_24_bits(count, wrapped, u):
    """A current of 2^23 stands, one beyond it turns negative: the neuron that should fire is inhibited."""
    program = one_layer(np.full((1, count), 64, np.int16), exponent=6)
    reference = assert_equal_to_reference(program, np.ones((3, 1, count), np.uint8))
    assert (reference.wrapped, reference.u["p"].item()) == (wrapped, u)


def test_saturated_membrane_can_still_fire():
    """The membrane clips at 2^23 - 1, above the largest threshold."""
    program = one_layer(np.full((1, 20), 100, np.int16), exponent=6, vth=131_071)
    reference = assert_equal_to_reference(program, np.ones((4, 1, 20), np.uint8))
    assert reference.clipped
    assert reference.v["p"] == 0


@pytest.mark.parametrize(("count", "payload", "exponent"), [(2, 255, 7), (300, 255, 0), (300, 255, 7), (600, 255, 0)])
def test_large_sums_of_a_convolution_wrap_at_24_bits(count, payload, exponent):
    """Graded input may drive a convolution's sum, its exponent included, beyond 2^23."""
    weight = np.full((1, count), 127, np.int16)
    x = np.full((2, 1, count, 1, 1), payload, np.uint8)
    program = one_layer(weight, max_value=payload, exponent=exponent, conv=True, du=4095)
    assert_equal_to_reference(program, x)


def test_order_of_summation_does_not_round():
    """Sums beyond 2^24 are exact: float32 would lose the last bit."""
    weight = np.full((1, 601), 127, np.int16)
    weight[0, -1] = 1
    x = np.full((1, 1, 601), 255, np.uint8)
    x[0, 0, -1] = 1
    assert 127 * 255 * 600 + 1 > 1 << 24
    assert_equal_to_reference(one_layer(weight, max_value=255), x)


@settings(max_examples=20, deadline=None)
@given(chip_programs(), st.integers(0, 2**32 - 1))
def test_samples_do_not_see_each_other(program, seed):
    """A batch gives what its samples give one by one."""
    x = payloads(np.random.default_rng(seed), program.inputs[0], steps=5, batch=4)
    emulator = Emulator(program)
    together = emulator.run({"in": x})
    alone = [emulator.run({"in": x[:, [sample]]}) for sample in range(4)]
    for name, recorded in {**together.spikes, **together.potentials}.items():
        single = [{**recording.spikes, **recording.potentials}[name] for recording in alone]
        np.testing.assert_array_equal(recorded, np.concatenate(single, axis=1))
    for name, final in together.final_v.items():
        np.testing.assert_array_equal(final, np.concatenate([recording.final_v[name] for recording in alone]))


def test_later_input_does_not_change_earlier_spikes():
    """Time is causal and every run starts at rest: a longer run begins with the shorter one."""
    rng = np.random.default_rng(0)
    program = one_layer(rng.integers(-127, 128, (6, 5)).astype(np.int16), du=1000, dv=200, vth=90)
    x = payloads(rng, program.inputs[0], steps=12, batch=3)
    emulator = Emulator(program)
    longer, shorter = emulator.run({"in": x}), emulator.run({"in": x[:7]})
    assert longer.spikes["p"].any()
    np.testing.assert_array_equal(longer.spikes["p"][:7], shorter.spikes["p"])


@pytest.mark.parametrize("neurons", [1, 1000, 200_000, 10**8])
@pytest.mark.parametrize("steps", [1, 16, 500])
def test_batch_size_keeps_memory_within_its_bound(neurons, steps):
    """16 bytes a neuron, step and sample stay within 256 MB unless one sample is larger; at most 1024 samples."""
    program = one_layer(np.zeros((1, 1), np.int16))
    large = replace(program, populations=(replace(program.populations[0], shape=(neurons,)),))
    batch = Emulator(large).batch_size(steps)
    assert 1 <= batch <= 1024
    assert batch == 1 or 16 * steps * neurons * batch <= 256 << 20
    assert batch == 1024 or 16 * steps * neurons * (batch + 1) > 256 << 20
