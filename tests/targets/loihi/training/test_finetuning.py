"""Fine-tuning as the chip computes: what is trained is deployed, within the registers, and worth it at few bits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from spear_deploy.data import Dataset
from spear_deploy.frontends import Imported, Semantics, load, save
from spear_deploy.measure.runs import measure_program
from spear_deploy.network import AvgPool2d, Conv2d, Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.network.units import keep_units
from spear_deploy.targets import Compiler, InputRange, LoweringOptions, compiler_for, load_chip
from spear_deploy.targets.loihi.program_file import write_program
from spear_deploy.train.config import FinetuneConfig
from spear_deploy.train.finetune import SynopsMeter, finetune
from tests.strategies import REGISTERS, Builder

CONFIG = FinetuneConfig(epochs=6, batch=24, learning_rate=1e-2)


def compiler(bits: int = 8, values: InputRange | None = None) -> Compiler:
    return compiler_for(load_chip("loihi2"), {"input": values or InputRange()}, LoweringOptions(weight_bits=bits))


def program_bytes(path: Path, chip: Compiler, network: Network) -> bytes:
    write_program(path, chip.lower(network).program)
    return path.read_bytes()


@pytest.mark.parametrize("bits", [8, 3, 2])
def test_decisions_and_synops_of_training_are_the_chips(bits: int, tiny_network: Network, tiny_data: Dataset) -> None:
    """After fine-tuning, every decision and every synaptic operation of the simulator is that of the program."""
    chip = compiler(bits)
    tuned = finetune(tiny_network, tiny_data.train, CONFIG, seed=0, simulator=chip.trainable).network
    simulator = chip.trainable(tuned)
    x, _ = next(tiny_data.test.batches(len(tiny_data.test)))
    inputs = {"input": torch.from_numpy(np.array(x, np.float32))}
    with torch.no_grad():
        out = simulator(inputs)
        synops = float(SynopsMeter(simulator)(simulator.payloads(inputs), out))
    activity = measure_program(chip.lower(tuned).program, tiny_data.test)
    np.testing.assert_array_equal(out["output"].sum(0).argmax(1), activity.scores.argmax(1))
    assert synops == activity.mean_synops > 0


def test_few_bits_are_learnt(untrained_network: Network, tiny_data: Dataset) -> None:
    """Two bits of weight: as many steps of training in float end lower on the chip than as the chip computes."""
    chip, config = compiler(2), replace(CONFIG, epochs=20)

    def accuracy(network: Network) -> float:
        return measure_program(chip.lower(network).program, tiny_data.train).accuracy

    as_chip = accuracy(finetune(untrained_network, tiny_data.train, config, seed=0, simulator=chip.trainable).network)
    assert as_chip > 0.85
    assert as_chip > accuracy(finetune(untrained_network, tiny_data.train, config, seed=0).network)


def test_a_file_lowers_to_what_was_trained(imported: Imported, tiny_data: Dataset, tmp_path: Path) -> None:
    """Resolutions are kept in the file's metadata: reading it gives the same network, and the same program."""
    chip = compiler(3)
    tuned = finetune(imported.network, tiny_data.train, CONFIG, seed=0, simulator=chip.trainable).network
    save(tmp_path / "model.nir", tuned, Semantics(dt=1.0))
    again = load(tmp_path / "model.nir").network
    assert again.content_hash == tuned.content_hash
    trained = program_bytes(tmp_path / "trained.h5", chip, tuned)
    assert program_bytes(tmp_path / "again.h5", chip, again) == trained
    assert program_bytes(tmp_path / "anew.h5", chip, keep_units(tuned, {})) != trained


def test_weights_biases_and_sums_stay_in_their_registers() -> None:
    """Training that pushes everything up without end is stopped where the registers end, and lowers all the same."""
    build = Builder(np.random.default_rng(0), (40,))
    op = Linear(build.rng.uniform(-0.1, 1, (3, 40)).astype(np.float32), np.full(3, 0.5, np.float32))
    build.add((op,), reset_value=np.zeros(3, np.float32), threshold=np.ones(3, np.float32))
    chip = compiler_for(load_chip("loihi2"), {"in": InputRange()}, LoweringOptions())
    simulator = chip.trainable(build.network())
    with torch.no_grad():
        for parameter in simulator.parameters():
            parameter.mul_(1e4)
    program = chip.lower(simulator.to_network()).program
    (population,), (projection,) = program.populations, program.projections
    assert np.abs(projection.synapses.weight).max() == 127
    assert np.abs(population.bias_mant).max() == REGISTERS.max_bias_mantissa
    assert population.bias_exp.max() == REGISTERS.max_bias_exponent
    sums = np.abs(projection.synapses.weight.astype(int)).sum(axis=1) << projection.exponent
    slowest = int(population.du.min()) + 1
    assert (int(sums.max()) << 6) * 4096 < (1 << 23) * slowest


def test_graded_input_keeps_its_steps(tiny_network: Network) -> None:
    """The steps of a graded input are part of what was trained: other data keep them, integers alone are refused."""
    graded = compiler(8, InputRange(0.8, integral=False))
    tuned = graded.trainable(tiny_network).to_network()
    (port,) = graded.lower(tuned).program.inputs
    (other,) = compiler(8, InputRange(0.4, integral=False)).lower(tuned).program.inputs
    assert other.scale == port.scale
    assert other.max_value == round(port.max_value / 2)


def test_biases_stay_in_their_registers_behind_a_pooling() -> None:
    """Where operations are composed, biases that training drives beyond the register are brought back: it lowers."""
    rng, size = np.random.default_rng(0), 12
    weight = rng.normal(0, 0.5, (2, 1, 1, 1)).astype(np.float32)
    conv = Conv2d(weight, bias=np.zeros(2, np.float32))
    zero, one = np.zeros((2, 1, 6), np.float32), np.ones((2, 1, 6), np.float32)
    neuron = Neuron(alpha=zero, beta=0.9 * one, gain=one, bias=zero, reset_value=zero, threshold=one)
    populations = (Input("input", (1, 1, size)), Population("maps", (2, 1, 6), neuron))
    network = Network(populations, (Projection("w", "input", "maps", (conv, AvgPool2d((1, 2), (1, 2)))),), ("maps",))
    chip = compiler(8)
    simulator = chip.trainable(network)
    with torch.no_grad():
        for name, parameter in simulator.named_parameters():
            if "bias" in name:
                parameter.fill_(1e6)
    simulator({"input": torch.ones(3, 2, 1, 1, size)})
    assert chip.lower(simulator.to_network()).program.populations
