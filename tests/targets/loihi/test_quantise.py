"""Quantised programs keep every register, follow the equations, and compute what the float network does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spear_deploy.errors import UnsupportedError
from spear_deploy.network import AvgPool2d, Flatten, Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.network.synapses import ConvSynapses
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.targets.loihi.emulator.emulator import LoihiEmulator
from spear_deploy.targets.loihi.program import LoihiPopulation, LoihiProgram, by_row
from spear_deploy.targets.loihi.quantise import Quantised, quantise
from spear_deploy.targets.loihi.registers import Registers
from spear_deploy.targets.ports import InputRange
from tests.strategies import REGISTERS, Builder, generators, linear, networks, neuron, spikes, weights


def quantised(network: Network, registers: Registers = REGISTERS, values: InputRange | None = None) -> Quantised:
    return quantise(network, "loihi2", registers, {"in": values or InputRange()})


def reach(weight: np.ndarray, neurons: int) -> np.ndarray:
    """Largest sums that spikes can cause in each neuron, through positive and negative weights: (2, neurons)."""
    flat = weight.reshape(len(weight), -1).astype(np.int64)
    by_unit = np.stack([flat.clip(min=0).sum(axis=1), (-flat).clip(min=0).sum(axis=1)])
    return np.repeat(by_unit, neurons // len(weight), axis=1)  # a kernel's channels have many neurons


def assert_current_cannot_wrap(program: LoihiProgram) -> None:
    """Whatever spikes and payloads arrive, for however long, |u| stays below 2^23."""
    payload = {port.name: port.max_value for port in program.inputs}
    for population in program.populations:
        sums = np.zeros((2, population.size), np.int64)
        for projection in program.into(population.name):
            largest = payload.get(projection.synapses.source, 1)
            one = projection.as_one
            sums += (reach(one.synapses.weight, population.size) << one.exponent) * largest
        slowest = int(population.du.min()) + 1
        assert (int(sums.max()) << 6) * 4096 < (1 << 23) * slowest


def assert_registers_hold(program: LoihiProgram, registers: Registers) -> None:
    for population in program.populations:
        for name, low, high in (
            ("du", 0, 4095),
            ("dv", 0, 4095),
            ("vth", 1, registers.max_threshold),
            ("bias_mant", -registers.max_bias_mantissa, registers.max_bias_mantissa),
            ("bias_exp", 0, registers.max_bias_exponent),
        ):
            register = getattr(population, name)
            assert register.dtype == np.int32
            assert register.shape in ((), population.shape)
            assert low <= register.min(), name
            assert register.max() <= high, name
    for projection in program.projections:
        weight = projection.synapses.weight
        one_sign = weight.min(initial=0) == 0 or weight.max(initial=0) == 0
        assert np.abs(weight).max(initial=0) <= (1 << (registers.weight_bits - (not one_sign))) - 1
        assert projection.exponents.min() >= 0
        assert projection.exponents.max() <= registers.max_weight_exponent


INPUTS = [InputRange(), InputRange(3.0), InputRange(1.0, integral=False), InputRange(12.5, integral=False)]


def with_gain(network: Network, factor: float) -> Network:
    """The network with every gain multiplied."""
    populations = tuple(
        p if isinstance(p, Input) else replace(p, neuron=replace(p.neuron, gain=p.neuron.gain * np.float32(factor)))
        for p in network.populations
    )
    return replace(network, populations=populations)


def attempt(network: Network, registers: Registers, values: InputRange) -> tuple[LoihiProgram | None, set[str]]:
    """The program, or None and the codes of what was refused."""
    try:
        return quantised(network, registers, values).program, set()
    except UnsupportedError as error:
        return None, {finding.code for finding in error.findings}


@settings(max_examples=60, deadline=None)
@given(networks(timed=True), st.integers(4, 8), st.sampled_from(INPUTS), st.floats(-3, 1))
def test_registers_hold_and_currents_cannot_wrap(network, bits, values, magnitude):
    """Random networks of strong or weak synapses, 4 to 8 bits, graded input; else a threshold too small is E034."""
    registers = replace(REGISTERS, weight_bits=bits)
    program, codes = attempt(with_gain(network, 10.0**magnitude), registers, values)
    if program is None:
        assert codes == {"E034"}
        return
    assert_registers_hold(program, registers)
    assert_current_cannot_wrap(program)


def one_layer(cell: Neuron, *weight: np.ndarray, bias: np.ndarray | None = None) -> Network:
    """An input and a layer, joined by a projection for each weight."""
    size = len(weight[0])
    populations = (Input("in", (weight[0].shape[1],)), Population("p", (size,), cell))
    projections = tuple(Projection(f"w{i}", "in", "p", (Linear(w, bias),)) for i, w in enumerate(weight))
    return Network(populations, projections, ("p",))


def cells(rng: np.random.Generator, size: int, **parameters: float) -> Neuron:
    values = {name: np.full(size, value, np.float32) for name, value in parameters.items()}
    return replace(neuron(rng, (size,)), **values)


@pytest.mark.parametrize("alpha", [0.0, 0.99, 0.997, 0.9999, 0.999999])
def test_slow_currents_keep_their_register_and_cannot_wrap(alpha):
    """The decay that is rounded to 12 bits bounds the current, not the exact one; it never becomes negative."""
    rng = np.random.default_rng(0)
    network = one_layer(cells(rng, 4, alpha=alpha, threshold=50.0), weights(rng, 4, 64))
    program = quantised(network).program
    assert_registers_hold(program, REGISTERS)
    assert_current_cannot_wrap(program)


def test_weights_that_are_all_rounded_up_cannot_wrap():
    """Thousands of weights just above half a mantissa almost double the sum when they are rounded."""
    weight = np.full((1, 10_000), 0.502 / 127, np.float32)
    weight[0, 0] = 1
    program = quantised(one_layer(cells(np.random.default_rng(0), 1, threshold=1.0), weight)).program
    assert_current_cannot_wrap(program)


def test_mantissa_half_way_beyond_the_register_takes_a_larger_exponent():
    """127.5 would round to 128: a second projection's largest weight is exactly there."""
    strong, halfway = (np.array([[size, -0.1]], np.float32) for size in (127 / 64, 255 / 256))
    program = quantised(one_layer(cells(np.random.default_rng(0), 1), strong, halfway)).program
    assert_registers_hold(program, REGISTERS)


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize("signs", [(1, -1), (1, 0.5), (-1, -0.5), (-1, 0)])
def test_weights_of_one_sign_need_no_bit_for_it(bits, signs):
    """Mixed weights fill 2^(bits-1) - 1, weights that share a sign 2^bits - 1; both as far as the registers allow."""
    network = one_layer(cells(np.random.default_rng(0), 1, threshold=1.0), np.array([signs], np.float32))
    (projection,) = quantised(network, replace(REGISTERS, weight_bits=bits)).program.projections
    mixed = min(signs) < 0 < max(signs)
    assert np.abs(projection.synapses.weight).max() == 2 ** (bits - mixed) - 1


@settings(max_examples=40, deadline=None)
@given(networks(timed=True), st.integers(4, 8))
def test_integers_follow_the_equations(network, bits):
    """Weights, thresholds, decays and biases are the documented products with the scale, rounded once, or clipped."""
    registers = replace(REGISTERS, weight_bits=bits)
    program = quantised(network, registers).program
    exact = {synapses.name: synapses for synapses in network.synapses}
    for population in (p for p in program.populations if p.name in network.shapes):
        assert_neurons_follow(population, network[population.name].neuron)
    for projection in (p for p in program.projections if p.synapses.name in exact):
        weight, mantissa = exact[projection.synapses.name].weight, projection.synapses.weight
        scaled = scale_of(program.population(projection.synapses.target), weight) * weight
        step = 2.0 ** by_row(projection.exponents, weight)
        error = np.abs(mantissa * step - scaled) / step
        clipped = np.abs(mantissa) == registers.max_mantissa(weight)
        assert error[~clipped].max(initial=0) <= 0.5 * (1 + 1e-9)


def scale_of(population: LoihiPopulation, weight: np.ndarray) -> np.ndarray:
    """The scale of each row of a weight."""
    full = np.broadcast_to(population.scale, population.shape).reshape(population.shape[0], -1)[:, 0]
    return np.repeat(full, len(weight) // len(full)).reshape(-1, *(1,) * (weight.ndim - 1))


def assert_neurons_follow(population: LoihiPopulation, cell: Neuron) -> None:
    alpha, beta, gain, reset_value = (
        getattr(cell, name).astype(np.float64) for name in ("alpha", "beta", "gain", "reset_value")
    )
    np.testing.assert_array_equal(np.broadcast_to(population.du, population.shape), np.rint(4096 * (1 - alpha)) - 1)
    np.testing.assert_array_equal(np.broadcast_to(population.dv, population.shape), np.rint(4096 * (1 - beta)))
    if cell.threshold is None:
        assert (population.kind, population.vth) == ("readout", 131_071)
        return
    np.testing.assert_array_equal(population.vth, np.rint(population.scale * (cell.threshold - reset_value) / gain))


@settings(max_examples=30, deadline=None)
@given(generators(), st.booleans())
def test_biases_of_all_kinds_act_on_the_membrane(rng, current):
    """The neuron's bias, the shifted reset and the projections' biases at their steady state are one integer.

    Those of the projections may have a source instead.
    """
    bias = rng.normal(size=5).astype(np.float32)
    cell = neuron(rng, (5,), current=current)
    result = quantised(one_layer(cell, weights(rng, 5, 8), weights(rng, 5, 8), bias=bias))
    population = result.program.population("p")
    alpha, beta = cell.alpha.astype(np.float64), cell.beta.astype(np.float64)
    has_source = "p.bias" in result.program.shapes
    exact = (cell.bias - (1 - beta) * cell.reset_value) / cell.gain + (not has_source) * 2 * bias / (1 - alpha)
    got = population.bias_mant.astype(np.int64) << population.bias_exp
    tolerance = 2.0 ** (population.bias_exp - 1) * (1 + 1e-6)
    np.testing.assert_allclose(got, 64 * population.scale * exact, rtol=0, atol=tolerance)
    assert ("N002" in {note.code for note in result.notes}) == current


@pytest.mark.parametrize("values", [InputRange(1.0, integral=False), InputRange(12.5, integral=False)])
def test_graded_input_uses_the_payload(values):
    """Real values are spread over the payload's levels; integers are sent as they are."""
    network = one_layer(cells(np.random.default_rng(0), 2), np.ones((2, 3), np.float32))
    (port,) = quantised(network, REGISTERS, values).program.inputs
    assert port.max_value == 255
    assert port.encode(np.array([0.0, values.maximum])).tolist() == [0, 255]
    (port,) = quantised(network, REGISTERS, InputRange(3.0)).program.inputs
    assert (port.max_value, port.scale) == (3, 1.0)


def test_everything_the_chip_lacks_is_reported_at_once():
    """Subtracting, late, integer and clipped neurons, and graded input where spikes are binary; E030 to E033."""
    rng = np.random.default_rng(0)
    build = Builder(rng, (2, 2, 2))
    build.add((Flatten(), linear(rng, 4, 8)))
    kinds = {
        "p2": {"reset": "subtract"},
        "p3": {"reset_delay": True},
        "p4": {"spikes": "integer"},
        "p5": {"floor": 0.0},
    }
    for _ in kinds:
        build.add((linear(rng, 4, 4),))
    network = build.network()
    populations = tuple(
        replace(p, neuron=replace(p.neuron, **kinds[p.name])) if p.name in kinds else p for p in network.populations
    )
    registers = replace(REGISTERS, max_payload=1, resets=frozenset({"value"}))
    with pytest.raises(UnsupportedError) as caught:
        quantised(replace(network, populations=populations), registers, InputRange(1.0, integral=False))
    assert [(finding.code, finding.where) for finding in caught.value.findings] == [
        ("E030", "population 'p2'"),
        ("E030", "population 'p3'"),
        ("E031", "population 'p4'"),
        ("E032", "population 'p5'"),
        ("E033", "input 'in'"),
    ]
    binary = replace(network, projections=network.projections)
    assert quantised(binary, replace(REGISTERS, max_payload=1)).program.inputs[0].max_value == 1


def below_the_weights(*weight: float) -> Network:
    """Two populations of two neurons, with thresholds of 1e-5 and these weights into each neuron."""
    tiny = cells(np.random.default_rng(0), 2, reset_value=0.0, threshold=1e-5, gain=1.0, bias=0.0)
    populations = (Input("in", (len(weight),)), Population("a", (2,), tiny), Population("b", (2,), tiny))
    ops = (Linear(np.array([weight, weight], np.float32)),)
    projections = tuple(Projection(name, "in", name, ops) for name in ("a", "b"))
    return Network(populations, projections, ("a", "b"))


def test_every_threshold_below_the_weights_is_reported():
    """Thresholds below a step are E034 where what is lost by it counts, of all such populations at once."""
    with pytest.raises(UnsupportedError) as caught:
        quantised(below_the_weights(100.0, -100.0, 5e-5, 5e-5))
    assert [(f.code, f.where) for f in caught.value.findings] == [("E034", "population 'a', population 'b'")]


def test_a_threshold_below_the_weights_that_costs_nothing():
    """Every spike makes its neurons fire, in float and on the chip: a note, with the amount."""
    lowered = quantised(below_the_weights(1.0, 1.0, 1.0))
    assert [population.vth for population in lowered.program.populations] == [1, 1]
    (note,) = [note for note in lowered.notes if note.code == "N022"]
    assert note.where == "population 'a', population 'b'"
    assert "2 thresholds down to 1e-05, rounded up to one step" in note.message
    assert "neuron 0: that neuron loses 0.0%" in note.message


def test_a_current_that_never_decays():
    """A bias would add up without end, and no register holds such a decay: E034, without a division by zero."""
    endless = replace(cells(np.random.default_rng(0), 2, threshold=1.0), alpha=np.ones(2, np.float32))
    op = Linear(np.ones((2, 3), np.float32), np.ones(2, np.float32))
    populations = (Input("in", (3,)), Population("a", (2,), endless))
    with pytest.raises(UnsupportedError, match="E034 population 'a': its synaptic current never decays"):
        quantised(Network(populations, (Projection("w", "in", "a", (op,)),), ("a",)))


def test_notes_tell_what_was_approximated():
    """An inclusive comparison is N003; a decay that 12 bits miss by more than two per cent is N004."""
    rng = np.random.default_rng(0)
    cell = replace(cells(rng, 2, beta=0.9999), compare="ge")
    notes = quantised(one_layer(cell, weights(rng, 2, 3))).notes
    assert [note.code for note in notes] == ["N003", "N004"]
    assert {note.severity for note in notes} == {"note"}
    assert not quantised(one_layer(cells(rng, 2, beta=0.9), weights(rng, 2, 3))).notes


@pytest.mark.parametrize(
    "kind", [{"reset": "subtract"}, {"reset_delay": True}, {"reset": "subtract", "reset_delay": True}]
)
def test_resets_are_kept_and_noted(kind):
    """A population resets on the chip as in the network, and N005 says that the built-in neuron does not."""
    cell = replace(cells(np.random.default_rng(0), 2, reset_value=0.0), **kind)
    result = quantised(one_layer(cell, np.ones((2, 3), np.float32)))
    (population,) = result.program.populations
    assert (population.reset, population.reset_delay) == (cell.reset, cell.reset_delay)
    assert [note.code for note in result.notes] == ["N005"]


def test_a_note_on_several_populations_is_one():
    """What holds for all populations is said once, with their names in order."""
    cell = replace(cells(np.random.default_rng(0), 2, reset_value=0.0), reset="subtract")
    populations = (Input("in", (2,)), Population("p1", (2,), cell), Population("p2", (2,), cell))
    projections = tuple(
        Projection(f"w{i}", source, f"p{i}", (Linear(np.ones((2, 2), np.float32)),))
        for i, source in enumerate(("in", "p1"), 1)
    )
    (note,) = quantised(Network(populations, projections, ("p2",))).notes
    assert (note.code, note.where) == ("N005", "population 'p1', population 'p2'")


def test_subtraction_from_a_shifted_membrane_is_refused():
    """v_reset cannot be shifted away where the threshold is subtracted: E030."""
    cell = replace(cells(np.random.default_rng(0), 2, reset_value=0.1, threshold=1.0), reset="subtract")
    with pytest.raises(UnsupportedError, match="E030.*starts at"):
        quantised(one_layer(cell, np.ones((2, 3), np.float32)))


def test_delays_become_extra_steps_and_are_bounded():
    """A chip's projection takes a step anyway; what the register cannot hold is E034 and names the projection."""
    network = one_layer(cells(np.random.default_rng(0), 2), *[np.ones((2, 3), np.float32)] * 2)
    near, far = network.projections
    program = quantised(replace(network, projections=(near, replace(far, delay=62)))).program
    assert [p.delay for p in program.projections] == [0, 62]
    assert [program.lag(p) for p in program.projections] == [0, 62]
    with pytest.raises(UnsupportedError, match="E034 projection 'w1'.*63 steps"):
        quantised(replace(network, projections=(near, replace(far, delay=63))))


def test_ranges_of_a_net_file_are_kept():
    """Within a .net file weights have exponents of at most 1 and biases are multiples of 64."""
    rng = np.random.default_rng(0)
    network = one_layer(cells(rng, 4), weights(rng, 4, 8), bias=rng.normal(size=4).astype(np.float32))
    program = quantised(network, REGISTERS.within_net()).program
    assert all(p.exponent <= 1 for p in program.projections)
    assert all(p.bias_exp >= 6 and p.bias_mant.any() for p in program.populations)


@pytest.mark.parametrize("kind", [{"reset": "subtract"}, {"reset_delay": True}])
def test_resets_that_a_net_file_lacks_are_refused(kind):
    """A .net file's neuron resets to zero in the step of the spike: E030 before anything is trained for it."""
    cell = replace(cells(np.random.default_rng(0), 2, reset_value=0.0), **kind)
    with pytest.raises(UnsupportedError, match="(?s)E030.*--adapt"):
        quantised(one_layer(cell, np.ones((2, 3), np.float32)), REGISTERS.within_net())


def without_current(network: Network) -> Network:
    """The network without synaptic currents, whose biases might need a source of their own."""
    populations = tuple(
        p if isinstance(p, Input) else replace(p, neuron=replace(p.neuron, alpha=np.zeros(p.shape, np.float32)))
        for p in network.populations
    )
    return replace(network, populations=populations)


def test_geometry_depths_and_delays_are_kept():
    """A convolution stays one, delays make up for longer ways, and projections keep their order."""
    rng = np.random.default_rng(0)
    build = Builder(rng, (2, 6, 6))
    build.add((AvgPool2d((2, 2), (2, 2)), build.same(3)))
    build.add((build.same(3),))
    build.add((build.same(3),), (), sources=("p2", "p1"))
    build.add((Flatten(), linear(rng, 3, 27)))
    network = without_current(build.network())
    program = quantised(network).program
    assert [p.synapses.name for p in program.projections] == [p.name for p in network.projections]
    assert [p.delay for p in program.projections] == [0, 0, 0, 1, 0]
    assert [p.depth for p in program.populations] == [1, 2, 3, 4]
    first = program.projections[0].synapses
    assert isinstance(first, ConvSynapses)
    assert (first.weight.shape, first.stride, first.padding) == ((3, 2, 6, 6), (2, 2), (2, 2))


def counts(network: Network, bits: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spike counts of every neuron in float, and as integers on the emulator."""
    program = quantised(network, replace(REGISTERS, weight_bits=bits)).program
    with torch.no_grad():
        spikes_float = FloatSimulator(network)({"in": torch.from_numpy(x)})
    recorded = LoihiEmulator(program).run({"in": x.astype(np.uint8)}).spikes
    in_float = [spikes_float[p.name].numpy().sum(axis=0).ravel() for p in network.neurons]
    as_integers = [recorded[p.name].sum(axis=0, dtype=np.int64).ravel() for p in network.neurons]
    return np.concatenate(in_float), np.concatenate(as_integers)


def deep_network(seed: int, *, current: bool) -> Network:
    """Convolution, pooled convolution, linear; every neuron has a gain, reset and bias of its own.

    With synaptic currents there is no bias in the projections: it would act at its steady state at once.
    """
    rng = np.random.default_rng(seed)
    build = Builder(rng, (2, 8, 8))
    build.add((build.same(4),))
    build.add((AvgPool2d((2, 2), (2, 2)), build.same(6)))
    build.add((Flatten(), linear(rng, 10, build.last.size)))
    network = build.network()

    def with_alpha(population: Population) -> Population:
        alpha = (current * rng.uniform(0.3, 0.9, population.shape)).astype(np.float32)
        return replace(population, neuron=replace(population.neuron, alpha=alpha))

    def without_bias(projection: Projection) -> Projection:
        *first, last = projection.ops
        return replace(projection, ops=(*first, replace(last, bias=None)))

    source, *others = network.populations
    populations = (source, *map(with_alpha, others))
    projections = tuple(map(without_bias, network.projections)) if current else network.projections
    return replace(network, populations=populations, projections=projections)


def error(bits: int, seed: int, *, current: bool) -> float:
    """Mean difference of a neuron's spike count, relative to the mean count."""
    network = deep_network(seed, current=current)
    x = spikes(np.random.default_rng(seed), 32, 8, *network["in"].shape)
    in_float, as_integers = counts(network, bits, x)
    assert in_float.mean() > 1
    return float(np.abs(in_float - as_integers).mean() / in_float.mean())


@pytest.mark.parametrize("current", [False, True])
def test_integers_fire_as_the_float_network_does_and_the_more_bits_the_closer(current):
    """Gain, reset value, biases and currents are lowered right: counts agree within 2 % at 8 bits, and converge."""
    mean = {bits: float(np.mean([error(bits, seed, current=current) for seed in range(3)])) for bits in (4, 6, 8)}
    assert mean[8] < 0.02
    assert mean[8] < mean[6] / 2 < mean[4] / 4


def test_gains_of_readouts_move_into_the_weights():
    """Membranes of readouts are compared with one another: neurons with different gains keep their proportions."""
    rng = np.random.default_rng(0)
    cell = replace(neuron(rng, (3,), readout=True), gain=np.array([1.0, 0.25, 0.5], np.float32))
    network = one_layer(cell, np.abs(weights(rng, 3, 4)))
    x = spikes(rng, 16, 1, 4)
    with torch.no_grad():
        exact = FloatSimulator(network)({"in": torch.from_numpy(x)})["p"][-1, 0].numpy() - cell.reset_value
    program = quantised(network).program
    got = (
        LoihiEmulator(program).run({"in": x.astype(np.uint8)}).membrane["p"][-1, 0] / 64 / program.populations[0].scale
    )
    np.testing.assert_allclose(got, exact, rtol=0.02, atol=0.02)


def test_readouts_that_would_lose_their_gains_are_refused():
    """A convolution's weights are shared: gains that differ within a channel, or reset values, are E034."""
    rng = np.random.default_rng(0)
    build = Builder(rng, (1, 2, 2))
    build.add((build.same(2),), readout=True)
    network = build.network()
    cell = network["p1"].neuron
    gain = np.linspace(0.5, 1, 8, dtype=np.float32).reshape(2, 2, 2)
    for uneven in (replace(cell, gain=gain), replace(cell, reset_value=gain)):
        populations = (network["in"], replace(network["p1"], neuron=uneven))
        with pytest.raises(UnsupportedError, match="E034.*different gains"):
            quantised(replace(network, populations=populations))
