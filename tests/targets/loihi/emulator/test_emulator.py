"""The emulator equals, bit for bit, Lava's equations evaluated step by step in plain int64 numpy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from spear_deploy.execution import Execution, split_evenly
from spear_deploy.network import Conv2d
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses
from spear_deploy.recording import Clips, Recording
from spear_deploy.targets.loihi.emulator import emulator as emulator_module
from spear_deploy.targets.loihi.emulator import sums as sums_module
from spear_deploy.targets.loihi.emulator.cells import Layout
from spear_deploy.targets.loihi.emulator.emulator import LoihiEmulator
from spear_deploy.targets.loihi.emulator.event_table import EventTable, MatrixTable
from spear_deploy.targets.loihi.emulator.lanes import LANE_BYTES, MOST_LANES
from spear_deploy.targets.loihi.emulator.layer import EmulatedPopulation
from spear_deploy.targets.loihi.emulator.sums import MEASURED, sums_size
from spear_deploy.targets.loihi.program import InputPort, LoihiPopulation, LoihiProgram, LoihiProjection, by_row
from tests.strategies import chip_programs

LIMIT = 1 << 23
BY_EVENTS = replace(MEASURED, multiplication=1e9, byte=1e9, channel=1e9)
BY_PRODUCTS = replace(MEASURED, event=1e9, byte=1e9, channel=1e9)
IN_BYTES = replace(MEASURED, event=1e9, multiplication=1e9, channel=1e9)
BY_CHANNELS = replace(MEASURED, event=1e9, multiplication=1e9, byte=1e9, channel=0.0)
Array = np.ndarray


class Reference:
    """All populations step by step; states and outputs by population name, (B, *shape)."""

    def __init__(self, program: LoihiProgram, batch: int) -> None:
        self.program = program
        self.u = {p.name: np.zeros((batch, *p.shape), np.int64) for p in program.populations}
        self.v = {name: state.copy() for name, state in self.u.items()}
        self.history: list[dict[str, Array]] = []
        self.clips = {p.name: Clips() for p in program.populations}

    def step(self, inputs: dict[str, Array]) -> dict[str, Array]:
        """Advance by a step of inputs; return what every population sends, inputs included."""
        self.history.append({name: values.astype(np.int64) for name, values in inputs.items()})
        waiting = list(self.program.populations)
        while waiting:  # for spikes that arrive in the step in which they are sent
            population = next(p for p in waiting if all(self.has_arrived(i) for i in self.incoming(p)))
            arriving, wrapped = np.zeros_like(self.u[population.name]), 0
            for projection in self.incoming(population):
                when = len(self.history) - 1 - self.lag(projection)
                if when >= 0:
                    sums = weighted(projection, self.history[when][projection.synapses.source], population.shape)
                    kept = sums if isinstance(projection.synapses, DenseSynapses) else wrap(sums)
                    wrapped += np.count_nonzero(kept != sums)
                    arriving += kept
            self.clips[population.name] += Clips(0, 0, wrapped)
            self.history[-1][population.name] = self.update(population, arriving)
            waiting.remove(population)
        return self.history[-1]

    def incoming(self, population: LoihiPopulation) -> list[LoihiProjection]:
        return [p for p in self.program.projections if p.synapses.target == population.name]

    def lag(self, projection: LoihiProjection) -> int:
        depth = {p.name: p.depth for p in self.program.populations} | {p.name: 0 for p in self.program.inputs}
        return projection.delay + 1 + depth[projection.synapses.source] - depth[projection.synapses.target]

    def has_arrived(self, projection: LoihiProjection) -> bool:
        return self.lag(projection) > 0 or projection.synapses.source in self.history[-1]

    def update(self, population: LoihiPopulation, arriving: Array) -> Array:
        name = population.name
        du, dv, vth, mantissa, exponent = (
            np.asarray(getattr(population, register), np.int64)
            for register in ("du", "dv", "vth", "bias_mant", "bias_exp")
        )
        u = decayed(self.u[name], 4096 - (du + 1)) + (arriving << 6)
        wraps = (u > LIMIT) | (u <= -LIMIT)
        self.u[name] = u = np.where(u > LIMIT, u - 2 * LIMIT, np.where(u <= -LIMIT, u + 2 * LIMIT, u))
        threshold = vth << 6
        limit = threshold - (population.compare == "ge")
        fired_before = self.v[name] > limit
        free = decayed(self.v[name], 4096 - dv) + u + (mantissa << exponent)
        if population.reset_delay and population.reset == "subtract":
            free = free - fired_before * threshold
        v = np.clip(free, 1 - LIMIT, LIMIT - 1)
        clipped = v != free
        if population.reset_delay and population.reset == "value":
            v = np.where(fired_before, 0, v)
        self.clips[name] += Clips(v.size, np.count_nonzero(clipped), np.count_nonzero(wraps))
        if population.kind == "readout":
            self.v[name] = v
            return v
        fired = v > limit
        after = v - threshold if population.reset == "subtract" else np.zeros_like(v)
        self.v[name] = v if population.reset_delay else np.where(fired, after, v)
        return fired.astype(np.int64)

    @property
    def clipped(self) -> bool:
        return any(clips.membranes for clips in self.clips.values())

    @property
    def wrapped(self) -> bool:
        return any(clips.currents for clips in self.clips.values())


def decayed(x: Array, factor: Array) -> Array:
    """Truncation toward zero."""
    return np.sign(x) * ((np.abs(x) * factor) >> 12)


def weighted(projection: LoihiProjection, sent: Array, target: tuple[int, ...]) -> Array:
    synapses = projection.synapses
    weight = synapses.weight.astype(np.int64) << by_row(projection.exponents, synapses.weight)
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
    return total


def wrap(total: Array) -> Array:
    """What a convolution makes of its sums at 24 bits."""
    return (total + LIMIT) % (2 * LIMIT) - LIMIT


def payloads(rng: np.random.Generator, port: InputPort, steps: int, batch: int) -> Array:
    active = rng.random((steps, batch, *port.shape)) < 0.5
    values = rng.integers(1, port.max_value + 1, active.shape)
    return (active * values).astype(np.uint8 if port.max_value < 256 else np.int32)


def assert_equal_to_reference(program: LoihiProgram, x: Array) -> Reference:
    """Every spike, membrane and final state of the emulator is the reference's, however it sums."""
    reference = Reference(program, x.shape[1])
    sent, membranes = [], []
    for step in x:
        sent.append(reference.step({"in": step}))
        membranes.append(dict(reference.v))
    readouts = {population.name for population in program.populations if population.kind == "readout"}
    for costs in (MEASURED, BY_EVENTS, BY_PRODUCTS, IN_BYTES, BY_CHANNELS):
        recording = LoihiEmulator(program, costs=costs).run({"in": x})
        counted = LoihiEmulator(program, costs=costs).run({"in": x}, clips=True)
        assert (recording.clips, counted.clips) == ({}, reference.clips)
        assert_same(recording, counted)
        traced = LoihiEmulator(program, costs=costs).run({"in": x}, membranes=True).membrane
        assert recording.membrane.keys() == readouts
        assert traced.keys() == {population.name for population in program.populations}
        for population in program.populations:
            name = population.name
            np.testing.assert_array_equal(traced[name], np.stack([step[name] for step in membranes]), err_msg=name)
            recorded = recording.spikes if population.kind == "lif" else recording.membrane
            np.testing.assert_array_equal(recorded[name], np.stack([step[name] for step in sent]), err_msg=name)
            np.testing.assert_array_equal(recording.final["u"][name], reference.u[name].reshape(x.shape[1], -1))
            np.testing.assert_array_equal(recording.final["v"][name], reference.v[name].reshape(x.shape[1], -1))
    return reference


def assert_same(one: Recording, other: Recording) -> None:
    for field in ("spikes", "membrane"):
        for name, array in getattr(one, field).items():
            np.testing.assert_array_equal(array, getattr(other, field)[name], err_msg=f"{field} of {name}")


@settings(max_examples=80, deadline=None)
@given(chip_programs(), st.integers(0, 2**32 - 1), st.booleans())
def test_emulator_is_bit_exact(program, seed, held):
    """Random programs with delays, loops and all resets: spikes, potentials and final states, by every way to sum."""
    x = payloads(np.random.default_rng(seed), program.inputs[0], steps=7, batch=2)
    reference = assert_equal_to_reference(program, np.broadcast_to(x[0], x.shape) if held else x)
    event(f"current wrapped: {reference.wrapped}, membrane clipped: {reference.clipped}")
    event(f"loops: {len(program.loops)}")


@settings(max_examples=20, deadline=None)
@given(chip_programs(), st.integers(0, 2**32 - 1))
def test_blocks_and_chunks_do_not_change_the_bits(program, seed):
    """A run cut into single steps of single samples, for one thread or two, is the run in one piece."""
    x = payloads(np.random.default_rng(seed), program.inputs[0], steps=7, batch=5)
    whole = LoihiEmulator(program).run({"in": x}, clips=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sums_module, "_EVENT_BLOCK_BYTES", 1)
        patch.setattr(sums_module, "_BYTE_BLOCK_BYTES", 1)
        patch.setattr(emulator_module, "_TOGETHER", 1)
        patch.setattr(emulator_module, "_TOGETHER_IN_LOOPS", 1)
        patch.setattr(emulator_module, "_NEURONS_IN_LOOPS", 1)
        patch.setattr(emulator_module, "_CHUNK_BYTES", 1)
        runs = [LoihiEmulator(program, Execution(threads=threads)).run({"in": x}, clips=True) for threads in (1, 2)]
    for pieces in runs:
        assert pieces.clips == whole.clips
        for name, recorded in {**whole.spikes, **whole.membrane}.items():
            np.testing.assert_array_equal(recorded, {**pieces.spikes, **pieces.membrane}[name], err_msg=name)
        for name, final in whole.final["v"].items():
            np.testing.assert_array_equal(final, pieces.final["v"][name], err_msg=name)


def rest(shape: tuple[int, ...], name: str = "p", depth: int = 1, **registers) -> LoihiPopulation:
    """Neurons without current filter, leak or bias that fire above 100; registers and resets as given."""
    values = {"du": 4095, "dv": 0, "vth": 100, "bias_mant": 0, "bias_exp": 0} | registers
    kinds = {name: values.pop(name) for name in ("reset", "reset_delay") if name in values}
    arrays = {name: np.asarray(value, np.int32) for name, value in values.items()}
    return LoihiPopulation(name, shape, "lif", depth, np.asarray(1.0), **arrays, **kinds)


def one_layer(weight: Array, *, max_value: int = 1, exponent: int = 0, conv: bool = False, **registers) -> LoihiProgram:
    """An input and one population joined by a matrix, or by a convolution of single pixels."""
    ends = ("w", "in", "p")
    source: tuple[int, ...] = (weight.shape[1], 1, 1) if conv else (weight.shape[1],)
    target: tuple[int, ...] = (len(weight), 1, 1) if conv else (len(weight),)
    synapses = ConvSynapses(*ends, weight[:, :, None, None]) if conv else DenseSynapses(*ends, weight)
    population, port = rest(target, **registers), InputPort("in", source, max_value)
    return LoihiProgram("loihi2", (port,), (population,), (LoihiProjection(synapses, exponent, 0),), ("p",))


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
    assert_equal_to_reference(program, np.broadcast_to(x[0], x.shape))


def test_order_of_summation_does_not_round():
    """Sums beyond 2^24 are exact: float32 would lose the last bit."""
    weight = np.full((1, 601), 127, np.int16)
    weight[0, -1] = 1
    x = np.full((1, 1, 601), 255, np.uint8)
    x[0, 0, -1] = 1
    assert 127 * 255 * 600 + 1 > 1 << 24
    assert_equal_to_reference(one_layer(weight, max_value=255), x)


def written(table: EventTable) -> Iterator[range]:
    """The cells of each row that is added by some neuron."""
    length = table.lanes * LANE_BYTES // table.weight.itemsize
    if isinstance(table, MatrixTable):
        starts = [table.origin + row * table.stride for row in range(table.weight.shape[1])]
    else:
        starts = [at + row * table.stride for at, rows in zip(table.at, table.rows, strict=True) for row in range(rows)]
    return (range(start, start + length) for start in starts)


GEOMETRIES = [  # source, targets, kernel, stride, padding, dilation, groups
    ((2, 34, 34), 16, (3, 3), (2, 2), (1, 1), (1, 1), 1),
    ((16, 9, 11), 32, (3, 5), (1, 2), (2, 0), (1, 2), 1),
    ((6, 8, 9), 9, (3, 2), (3, 1), (0, 1), (2, 3), 3),
    ((3, 6, 5), 130, (3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((8, 5, 5), 8, (2, 2), (3, 3), (1, 1), (1, 1), 8),
    ((64, 4, 4), 48, (1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 9, 9), 300, (3, 3), (2, 2), (0, 0), (1, 1), 1),
    ((3, 7, 8), 5, (7, 8), (1, 1), (0, 0), (1, 1), 1),
    ((4, 2, 2), 6, (3, 3), (1, 1), (1, 1), (1, 1), 2),
]


@pytest.mark.parametrize("most", [3, 127])
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_convolution_of_events_is_the_convolution(geometry, most):
    """Borders, strides, dilation, groups, wide kernels, one lane and many, sums of 16 and of 32 bits; all in bounds."""
    source, targets, kernel, stride, padding, dilation, groups = geometry
    rng = np.random.default_rng(0)
    weight = rng.integers(-most, most + 1, (targets, source[0] // groups, *kernel)).astype(np.int16)
    conv = Conv2d(weight, None, stride, padding, dilation, groups)
    synapses = ConvSynapses("w", "in", "p", weight, stride, padding, dilation, groups)
    population = rest(conv.output_shape(source))
    projection = LoihiProjection(synapses, 0, 0)
    program = LoihiProgram("loihi2", (InputPort("in", source, 255),), (population,), (projection,), ("p",))
    assert_equal_to_reference(program, payloads(rng, program.inputs[0], steps=3, batch=2))
    layouts = {"in": Layout(source, channels_last=False), "p": Layout.of_population(population.shape)}
    layer = EmulatedPopulation(population, program, layouts)
    beyond = MOST_LANES * LANE_BYTES // layer.kind.itemsize if layer.cells.is_plain else 0
    for row in written(layer.incoming[0].by_events):
        assert 0 <= row.start < row.stop <= sums_size(layer.incoming, layer.cells) + beyond


@pytest.mark.parametrize("targets", [1, 15, 16, 17, 33, 100, 128, 129, 300])
@pytest.mark.parametrize("sources", [1, 63, 64, 65, 200])
def test_matrix_of_events_is_the_matrix(sources, targets):
    """Any number of sources and targets: words of 64 and lanes are not filled."""
    rng = np.random.default_rng(sources)
    program = one_layer(rng.integers(-127, 128, (targets, sources)).astype(np.int16))
    assert_equal_to_reference(program, payloads(rng, program.inputs[0], steps=3, batch=5))


@pytest.mark.parametrize("conv", [False, True])
def test_payloads_wider_than_a_byte(conv):
    """Payloads beyond 255 are events like others."""
    rng = np.random.default_rng(0)
    program = one_layer(rng.integers(-9, 10, (20, 90)).astype(np.int16), max_value=1000, conv=conv, vth=5000)
    x = payloads(rng, program.inputs[0], steps=4, batch=3)
    assert x.dtype == np.int32
    assert_equal_to_reference(program, x)


def test_sums_of_several_projections_meet_in_one_population():
    """A convolution, a matrix and a convolution that wraps add up in the same cells, each with its exponent."""
    rng = np.random.default_rng(0)
    kernel = rng.integers(-127, 128, (2, 3, 3, 3)).astype(np.int16)
    matrix = rng.integers(-127, 128, (2 * 6 * 6, 3 * 6 * 6)).astype(np.int16)
    large = np.full((2, 3, 5, 5), 127, np.int16)
    projections = (
        LoihiProjection(ConvSynapses("a", "in", "p", kernel, padding=(1, 1)), 3, 0),
        LoihiProjection(DenseSynapses("b", "in", "p", matrix), 1, 0),
        LoihiProjection(ConvSynapses("c", "in", "p", large, padding=(2, 2)), 5, 0),
    )
    program = LoihiProgram("loihi2", (InputPort("in", (3, 6, 6), 255),), (rest((2, 6, 6)),), projections, ("p",))
    assert_equal_to_reference(program, payloads(rng, program.inputs[0], steps=3, batch=2))


@pytest.mark.parametrize(
    ("reset", "reset_delay", "v"),
    [
        ("value", False, [60, 0, 60, 0, 60, 0]),
        ("subtract", False, [60, 20, 80, 40, 100, 60]),
        ("value", True, [60, 120, 0, 60, 120, 0]),
        ("subtract", True, [60, 120, 80, 140, 100, 160]),
    ],
)
def test_resets_by_hand(reset, reset_delay, v):
    """Driven by 60 against a threshold of 100, which 100 itself does not pass: v after each step, in units of 64."""
    weight = np.array([[60]], np.int16)
    program = replace(one_layer(weight), populations=(rest((1,), reset=reset, reset_delay=reset_delay),))
    driven = [np.ones((steps, 1, 1), np.uint8) for steps in range(1, 7)]
    assert [LoihiEmulator(program).run({"in": x}).final["v"]["p"].item() / 64 for x in driven] == v
    assert_equal_to_reference(program, driven[-1])


@pytest.mark.parametrize("delay", [0, 1, 4, 5, 62])
def test_a_delayed_spike_arrives_once_or_never(delay):
    """A spike of step 0 fires its target in step ``delay``, or not within the run."""
    program = one_layer(np.array([[101]], np.int16))
    (projection,) = program.projections
    delayed = replace(program, projections=(replace(projection, delay=delay),))
    x = np.zeros((5, 1, 1), np.uint8)
    x[0] = 1
    fired = LoihiEmulator(delayed).run({"in": x}).spikes["p"][:, 0, 0]
    assert fired.tolist() == [int(step == delay) for step in range(5)]


def test_a_spike_goes_round_a_loop():
    """Two populations that excite each other pass one spike on, as many steps later as the lags say."""
    weight = np.array([[101]], np.int16)
    projections = (
        LoihiProjection(DenseSynapses("start", "in", "a", weight), 0, 0),
        LoihiProjection(DenseSynapses("there", "a", "b", weight), 0, 0),  # depth 1 to 2: no lag
        LoihiProjection(DenseSynapses("back", "b", "a", weight), 0, 1),  # depth 2 to 1: three steps
    )
    populations = (rest((1,), "a", 1), rest((1,), "b", 2))
    program = LoihiProgram("loihi2", (InputPort("in", (1,), 1),), populations, projections, ("b",))
    x = np.zeros((8, 2, 1), np.uint8)
    x[0, 0] = 1
    spikes = LoihiEmulator(program).run({"in": x}).spikes
    assert np.flatnonzero(spikes["a"][:, 0, 0]).tolist() == np.flatnonzero(spikes["b"][:, 0, 0]).tolist() == [0, 3, 6]
    assert not spikes["a"][:, 1].any()
    assert_equal_to_reference(program, x)


@settings(max_examples=20, deadline=None)
@given(chip_programs(), st.integers(0, 2**32 - 1))
def test_samples_do_not_see_each_other(program, seed):
    """A batch gives what its samples give one by one."""
    x = payloads(np.random.default_rng(seed), program.inputs[0], steps=5, batch=4)
    emulator = LoihiEmulator(program)
    together = emulator.run({"in": x})
    alone = [emulator.run({"in": x[:, [sample]]}) for sample in range(4)]
    for name, recorded in {**together.spikes, **together.membrane}.items():
        single = [recording.output(name) for recording in alone]
        np.testing.assert_array_equal(recorded, np.concatenate(single, axis=1))
    for name, final in together.final["v"].items():
        np.testing.assert_array_equal(final, np.concatenate([recording.final["v"][name] for recording in alone]))


def test_later_input_does_not_change_earlier_spikes():
    """Time is causal and every run starts at rest: a longer run begins with the shorter one."""
    rng = np.random.default_rng(0)
    program = one_layer(rng.integers(-127, 128, (6, 5)).astype(np.int16), du=1000, dv=200, vth=90)
    x = payloads(rng, program.inputs[0], steps=12, batch=3)
    emulator = LoihiEmulator(program)
    longer, shorter = emulator.run({"in": x}), emulator.run({"in": x[:7]})
    assert longer.spikes["p"].any()
    np.testing.assert_array_equal(longer.spikes["p"][:7], shorter.spikes["p"])


@pytest.mark.parametrize("neurons", [1, 1000, 200_000, 10**8])
@pytest.mark.parametrize("steps", [1, 16, 500])
def test_batch_size_keeps_memory_within_its_bound(neurons, steps):
    """16 bytes a neuron, step and sample stay within 256 MB unless one sample is larger; at most 1024 samples."""
    program = one_layer(np.zeros((1, 1), np.int16))
    large = replace(program, populations=(replace(program.populations[0], shape=(neurons,)),))
    batch = LoihiEmulator(large).batch_size(steps)
    assert 1 <= batch <= 1024
    assert batch == 1 or 16 * steps * neurons * batch <= 256 << 20
    assert batch == 1024 or 16 * steps * neurons * (batch + 1) > 256 << 20


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(("count", "most"), [(1, 0), (5, 1), (16, 5), (512, 78), (3, 100)])
def test_threads_get_equal_shares(threads, count, most):
    """Every item once and in order, no share above the most, and none larger than needed for the rounds."""
    ranges = split_evenly(count, most, threads)
    assert [item for some in ranges for item in some] == list(range(count))
    longest = max(map(len, ranges))
    assert longest <= max(1, most)
    rounds = -(-len(ranges) // threads)
    assert rounds * longest < -(-count // threads) + rounds
