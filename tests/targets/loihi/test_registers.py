"""The ranges that a chip's profile gives to quantisation."""

from __future__ import annotations

import numpy as np
import pytest

from spear_deploy.errors import InputError
from spear_deploy.targets import LoweringOptions, load_chip
from spear_deploy.targets.loihi.registers import LAVA, Arithmetic, Registers


@pytest.mark.parametrize(("asked", "bits"), [(None, 8), (6, 6)])
def test_registers_come_from_the_chip(asked, bits):
    """Loihi 2's ranges; fewer weight bits may be asked for."""
    registers = Registers.of(load_chip("loihi2"), LoweringOptions(asked))
    assert registers.weight_bits == bits
    assert registers.max_mantissa(np.array([1.0, -1.0])) == 2 ** (bits - 1) - 1
    decay_unit = registers.arithmetic.decay_unit
    assert (registers.max_threshold, decay_unit - 1, registers.max_bias_mantissa) == (131_071, 4095, 4095)
    assert registers.arithmetic == LAVA == Arithmetic(decay_bits=12, state_bits=24, shift=6)
    assert (registers.max_weight_exponent, registers.min_bias_exponent, registers.max_bias_exponent) == (7, 0, 7)
    assert (registers.max_payload, registers.max_delay, registers.layered) == (255, 62, False)
    assert registers.resets == {"value", "subtract", "reset_delay"}


@pytest.mark.parametrize("asked", [1, 9, 12])
def test_weight_bits_that_the_chip_does_not_have_are_refused(asked):
    """E007 names the chip and what it has, as its profile does: the figures of a program are those asked for."""
    told = f"E007 --weight-bits {asked}: loihi2 has weights of 1 to 8 bits, of which both signs take one\n.*give 2 to 8"
    with pytest.raises(InputError, match=told):
        Registers.of(load_chip("loihi2"), LoweringOptions(asked))


@pytest.mark.parametrize(
    ("chip", "resets"),
    [("loihi1", {"value", "subtract"}), ("loihi2", {"value", "subtract", "reset_delay"})],
)
def test_resets_come_from_the_chip(chip, resets):
    """Loihi 1 emulates subtraction with a second compartment; Loihi 2 runs neuron programs."""
    assert Registers.of(load_chip(chip)).resets == resets


def test_ranges_are_those_of_the_format_that_shall_hold_the_program():
    """Asked to keep to a .net file, a chip gives what is within both."""
    chip = load_chip("loihi2")
    asked = Registers.of(chip, LoweringOptions(6, keep_to="net"))
    assert asked == Registers.of(chip, LoweringOptions(6)).within_net()
    assert (asked.weight_bits, asked.max_weight_exponent, asked.min_bias_exponent) == (6, 1, 6)
    assert (asked.resets, asked.layered) == ({"value"}, True)
