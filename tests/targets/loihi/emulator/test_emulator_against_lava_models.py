"""The emulator equals Lava's own process models on hundreds of networks (``lava_models.py`` runs them)."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from spear_deploy.backends.lava import ENVIRONMENT, run_lava
from spear_deploy.errors import BackendError
from spear_deploy.network.ops import Shape
from spear_deploy.network.synapses import ConvSynapses, DenseSynapses, Synapses
from spear_deploy.recording import Recording
from spear_deploy.targets.loihi.emulator.emulator import LoihiEmulator
from spear_deploy.targets.loihi.program import InputPort, LoihiPopulation, LoihiProgram, LoihiProjection
from spear_deploy.targets.loihi.program_file import write_program
from spear_deploy.targets.loihi.quantise import quantise
from spear_deploy.targets.ports import InputRange
from tests.strategies import REGISTERS, chip_programs, generators, networks

pytestmark = pytest.mark.lava

PROGRAMS, QUANTISED, OVERDRIVEN, ON_EDGE, WIDE = 240, 120, 40, 20, 40
SEVERAL = 3  # what hypothesis draws follows the constants of the code, and moves with it
SAMPLES, STEPS = 2, 7
LIMIT = (1 << 23) - 1
"""Where the membrane saturates."""
LAVA_MODELS = Path(__file__).with_name("lava_models.py")

Drawn = TypeVar("Drawn")
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Case:
    """One network with its input (T, B, *shape), and what emulator and Lava make of it.

    ``ours`` and ``theirs`` name their arrays alike: spikes, potentials, and the last sample's u and v.
    """

    program: LoihiProgram
    recording: Recording
    ours: Arrays
    theirs: Arrays


@pytest.fixture(scope="module")
def python() -> Path:
    try:
        return ENVIRONMENT.python()
    except BackendError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def cases(python: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    """All networks, run on both."""
    programs = drawn(chip_programs(), PROGRAMS) + drawn(overdriven(), OVERDRIVEN)
    programs += drawn(on_edge(), ON_EDGE) + drawn(wide(), WIDE)
    programs += [
        quantise(network, "loihi2", REGISTERS, {network.inputs[0].name: InputRange(float(1 + index % 3))}).program
        for index, network in enumerate(drawn(networks(timed=True), QUANTISED))
    ]
    folder = tmp_path_factory.mktemp("networks")
    rng = np.random.default_rng(0)
    inputs = [payloads(rng, program.inputs[0]) for program in programs]
    folders = [folder / f"{index:03}" for index in range(len(programs))]
    for network_folder, program, x in zip(folders, programs, inputs, strict=True):
        write_case(network_folder, program, x)
    subprocess.run([str(python), str(LAVA_MODELS), str(folder)], check=True)
    recordings = [
        LoihiEmulator(program).run({program.inputs[0].name: x}) for program, x in zip(programs, inputs, strict=True)
    ]
    return [
        Case(program, recording, emulated(program, recording), recorded(program, network_folder / "output.h5"))
        for program, recording, network_folder in zip(programs, recordings, folders, strict=True)
    ]


def drawn(strategy: st.SearchStrategy[Drawn], count: int) -> list[Drawn]:
    """Draw ``count`` examples, always the same ones."""
    examples: list[Drawn] = []

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: Drawn) -> None:
        examples.append(example)

    collect()
    return examples


@st.composite
def overdriven(draw: st.DrawFn) -> LoihiProgram:
    """One population driven beyond what quantisation allows: its current wraps, and so do sums of convolutions.

    The sum of a step stays below 2^23, and the current keeps at most half of itself: 32 bits suffice.
    """
    rng = draw(generators())
    inputs, outputs = draw(st.integers(50, 250)), draw(st.integers(1, 3))
    low, high = draw(st.sampled_from([(100, 127), (-127, -100), (0, 127), (-127, 127)]))
    weight = rng.integers(low, high + 1, (outputs, inputs)).astype(np.int16)
    shape: Shape = (outputs,)
    synapses: Synapses = DenseSynapses("w", "in", "p", weight)
    exponent = 0
    if draw(st.booleans()):
        shape, exponent = (outputs, 1, 1), draw(st.integers(0, 7))
        synapses = ConvSynapses("w", "in", "p", weight[:, :, None, None])
    registers = {"du": draw(st.sampled_from([4095, 2047])), "dv": 50, "vth": 131_071, "bias_mant": 0, "bias_exp": 0}
    arrays = {name: np.asarray(value, np.int32) for name, value in registers.items()}
    population = LoihiPopulation("p", shape, draw(st.sampled_from(["lif", "readout"])), 1, np.asarray(1.0), **arrays)
    port, projection = InputPort("in", (inputs, 1, 1), 255), LoihiProjection(synapses, exponent, 0)
    return LoihiProgram("loihi2", (port,), (population,), (projection,), ("p",))


@st.composite
def on_edge(draw: st.DrawFn) -> LoihiProgram:
    """One population that 16 spikes bring to its limit, and no further.

    The limit is the threshold, or with the exponent 7 the 2^23 = 16 * 64 << 7 << 6 beyond which the current wraps.
    """
    rng, sign, exponent = draw(generators()), draw(st.sampled_from([-64, 64])), draw(st.sampled_from([0, 7]))
    synapses = DenseSynapses("w", "in", "p", (sign * (rng.random((24, 40)) < 0.8)).astype(np.int16))
    registers = {"du": 4095, "dv": 4095, "vth": 131_071 if exponent else 16 * 64, "bias_mant": 0, "bias_exp": 0}
    arrays = {name: np.asarray(value, np.int32) for name, value in registers.items()}
    population = LoihiPopulation("p", (24,), "lif", 1, np.asarray(1.0), **arrays)
    port, projection = InputPort("in", (40,), 1), LoihiProjection(synapses, exponent, 0)
    return LoihiProgram("loihi2", (port,), (population,), (projection,), ("p",))


@st.composite
def wide(draw: st.DrawFn) -> LoihiProgram:
    """Two layers of many neurons, which the emulator sums spike by spike where few arrive."""
    rng = draw(generators())
    sizes = [draw(st.integers(10, 60)), draw(st.integers(32, 64)), draw(st.integers(32, 64))]
    port, populations, projections = InputPort("in", (sizes[0],), draw(st.sampled_from([1, 255]))), [], []
    for level, (inputs, outputs) in enumerate(pairwise(sizes), 1):
        weight = rng.integers(-127, 128, (outputs, inputs)).astype(np.int16)
        synapses = DenseSynapses(f"w{level}", f"p{level - 1}" if level > 1 else "in", f"p{level}", weight)
        projections.append(LoihiProjection(synapses, draw(st.integers(0, 3)), 0))
        registers = {"du": rng.integers(500, 4096), "dv": 50, "vth": rng.integers(100, 2000), "bias_mant": 0}
        arrays = {name: np.asarray(value, np.int32) for name, value in (registers | {"bias_exp": 0}).items()}
        populations.append(LoihiPopulation(f"p{level}", (outputs,), "lif", level, np.asarray(1.0), **arrays))
    return LoihiProgram("loihi2", (port,), tuple(populations), tuple(projections), ("p2",))


def payloads(rng: np.random.Generator, port: InputPort) -> NDArray[np.uint8]:
    """Random payloads (T, B, *shape) in a tenth or half of the bins; at times the same in every step."""
    values = rng.integers(1, port.max_value + 1, (STEPS, SAMPLES, *port.shape))
    x = (values * (rng.random(values.shape) < rng.choice([0.1, 0.5]))).astype(np.uint8)
    return np.broadcast_to(x[0], x.shape) if rng.random() < 0.2 else x


def write_case(folder: Path, program: LoihiProgram, x: NDArray[np.uint8]) -> None:
    """Write a program and its input as the backend reads them: samples first."""
    folder.mkdir()
    write_program(folder / "program.h5", program)
    with h5py.File(folder / "input.h5", "w") as file:
        file[f"x/{program.inputs[0].name}"] = x.swapaxes(0, 1)


def emulated(program: LoihiProgram, recording: Recording) -> Arrays:
    """The emulator's arrays, (samples, steps, neurons)."""
    arrays: Arrays = {}
    for population in program.populations:
        name = population.name
        sent = recording.membrane[name] if population.kind == "readout" else recording.spikes[name]
        arrays[name] = sent.reshape(STEPS, SAMPLES, -1).swapaxes(0, 1)
        arrays[f"u of {name}"] = recording.final["u"][name][-1]
        arrays[f"v of {name}"] = recording.final["v"][name][-1]
    return arrays


def recorded(program: LoihiProgram, path: Path) -> Arrays:
    """The same arrays from an output file."""
    arrays: Arrays = {}
    with h5py.File(path, "r") as file:
        for population in program.populations:
            name = population.name
            if population.kind == "readout":
                arrays[name] = file[f"potentials/{name}"][()]
            else:
                arrays[name] = np.unpackbits(file[f"spikes/{name}"][()], axis=-1, count=population.size)
            for state in ("u", "v"):
                arrays[f"{state} of {name}"] = file[f"final/{name}/{state}"][()]
    return arrays


def synapse_regimes(case: Case, projection: LoihiProjection) -> Iterator[str]:
    """What a projection has of the things that converters get wrong."""
    synapses = projection.synapses
    weight, source = synapses.weight, case.program.shapes[synapses.source]
    active = (case.recording.spikes[synapses.source] > 0).mean()
    if len(weight) >= 32 and 0 < active < 0.25:
        yield "many neurons, few spikes"
    if not weight.any():
        yield "all weights zero"
    if weight.max() == 0 and weight.min() < 0:
        yield "weights of 0 and below"
    if weight.max() > 127:
        yield "excitatory weights beyond 127"
    if weight.min() < -127:
        yield "inhibitory weights beyond 127"
    if isinstance(synapses, ConvSynapses):
        if source[0] == 1:
            yield "one channel in"
        if len(weight) == 1:
            yield "one channel out"
        if synapses.groups > 1:
            yield "groups"


def timing_regimes(case: Case, projection: LoihiProjection) -> Iterator[str]:
    """What the spikes of a projection meet on their way."""
    source, target = projection.synapses.source, projection.synapses.target
    lag, sent = case.program.lag(projection), case.recording.spikes[source]
    if not sent.any():
        return
    if projection.delay and not lag:
        yield "skipped depths"
    if lag and not any(source in loop and target in loop for loop in case.program.loops):
        yield "delay outside of loops"
    if lag and sent[-lag:, 0].any():
        yield "spikes in flight when the next sample starts"
    if lag > STEPS:
        yield "delay beyond the sample"
    if any(loop == (source,) == (target,) for loop in case.program.loops):
        yield "loop of one population"
    if any(source in loop and target in loop for loop in case.program.loops if len(loop) > 1):
        yield "loop of several populations"


def neuron_regimes(case: Case, population: LoihiPopulation) -> Iterator[str]:
    """What a population does of the things that converters get wrong."""
    name, incoming = population.name, case.program.into(population.name)
    if all(p.synapses.weight.min() >= 0 for p in incoming) and (case.recording.final["u"][name] < 0).any():
        yield "current wrapped"
    if (np.abs(case.recording.final["v"][name]) == LIMIT).any():
        yield "membrane saturated"
    if population.kind == "readout":
        yield "readout"
    elif case.recording.spikes[name].any():
        yield f"spikes that reset by {population.reset}{', late' if population.reset_delay else ''}"


def regimes(case: Case) -> set[str]:
    """All of these that occur in a case."""
    (port,) = case.program.inputs
    sent = case.recording.spikes[port.name]
    found = {"graded input"} if port.max_value > 1 else set()
    found |= {"constant input"} if sent.any() and (sent == sent[0]).all() else set()
    for projection in case.program.projections:
        found |= {*synapse_regimes(case, projection), *timing_regimes(case, projection)}
    return found | {regime for population in case.program.populations for regime in neuron_regimes(case, population)}


def test_emulator_equals_lava_models(cases: list[Case]) -> None:
    """Every spike, potential and final state of every population is Lava's, in at least 300 networks."""
    assert len(cases) >= 300
    different = [
        f"network {index}: {name}"
        for index, case in enumerate(cases)
        for name, ours in case.ours.items()
        if not np.array_equal(ours, case.theirs[name])
    ]
    assert not different


def test_hard_regimes_are_among_the_networks(cases: list[Case]) -> None:
    """The equality means something: all that breaks converters occurs in several networks."""
    counts = Counter(regime for case in cases for regime in regimes(case))
    expected = {
        "all weights zero",
        "weights of 0 and below",
        "one channel in",
        "one channel out",
        "groups",
        "excitatory weights beyond 127",
        "inhibitory weights beyond 127",
        "skipped depths",
        "delay outside of loops",
        "delay beyond the sample",
        "spikes in flight when the next sample starts",
        "loop of one population",
        "loop of several populations",
        "current wrapped",
        "membrane saturated",
        "readout",
        "spikes that reset by value",
        "spikes that reset by value, late",
        "spikes that reset by subtract",
        "spikes that reset by subtract, late",
        "graded input",
        "constant input",
        "many neurons, few spikes",
    }
    assert {regime for regime in expected if counts[regime] < SEVERAL} == set(), counts


def test_lava_models_in_process_equal_a_run_of_lava(python: Path, tmp_path: Path) -> None:
    """The oracle is Lava: in one process its models give what its runtime gives."""
    rng = np.random.default_rng(1)
    looped = [network for network in drawn(networks(readout=True, timed=True), 20) if network.loops]
    program = quantise(looped[0], "loihi2", REGISTERS, {}).program
    x = payloads(rng, program.inputs[0])
    write_case(tmp_path / "network", program, x)
    subprocess.run([str(python), str(LAVA_MODELS), str(tmp_path)], check=True)
    in_process = recorded(program, tmp_path / "network" / "output.h5")
    record = run_lava(
        partial(shutil.copyfile, tmp_path / "network" / "program.h5"),
        {program.inputs[0].name: x.swapaxes(0, 1)},
        timeout=120,
        final_state=True,
    )
    for population in program.populations:
        name = population.name
        if population.kind == "readout":
            np.testing.assert_array_equal(in_process[name], record.potentials[name])
        else:
            np.testing.assert_array_equal(np.packbits(in_process[name], axis=-1), record.spikes[name])
        np.testing.assert_array_equal(in_process[f"u of {name}"], record.final[name][0])
        np.testing.assert_array_equal(in_process[f"v of {name}"], record.final[name][1])
