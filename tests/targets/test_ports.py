"""Values become the payloads that a program takes."""

from __future__ import annotations

import numpy as np
import pytest

from spear_deploy.errors import InputError
from spear_deploy.network import Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.targets import InputRange, Lowered, LoweringOptions, compiler_for, load_chip
from spear_deploy.targets.ports import InputPort, input_ranges


def test_port_encodes_values_as_payloads():
    """Rounded multiples of the scale; values outside the range are E039."""
    port = InputPort("in", (3,), 255, scale=51.0)
    assert port.encode(np.array([0.0, 0.03, 5.0])).tolist() == [0, 2, 255]
    assert port.encode(np.zeros(3)).dtype == np.uint8
    assert InputPort("in", (1,), 300).encode(np.array([300])).tolist() == [300]
    for value in (-1.0, 5.02):
        with pytest.raises(InputError, match="E039"):
            port.encode(np.array([value]))


def test_clipped_values_are_counted():
    """Those beyond the largest payload by more than rounding, held over time or not; without a clip there are none."""
    port = InputPort("in", (3,), 15, scale=10.0, largest=9.0)
    x = np.array([[1.5, 1.54, 1.56], [0.0, 9.0, 1.0]])
    assert port.encode(x).tolist() == [[15, 15, 15], [0, 15, 10]]
    assert port.count_clipped(x) == 2
    assert port.count_clipped(np.broadcast_to(x[1], (7, 3))) == 7
    assert InputPort("in", (3,), 255, scale=10.0).count_clipped(x) == 0


def test_no_value_is_minus_zero():
    """What a message says of values is what they are called."""
    with pytest.raises(InputError, match="values -1 to 0 lie outside 0 to 1"):
        InputPort("in", (2,), 1).encode(np.array([-1.0, -0.0]))


def test_calibration_below_zero():
    """No program takes it, so that lowering on it would end where it is emulated: E005 for each input."""
    ports, x = (Input("a", (2,)), Input("b", (1,))), np.array([[[-1.0, 0.5]]])
    with pytest.raises(InputError, match=r"E005 input 'a': holds negative values, down to -1 \(50% of all\)") as caught:
        input_ranges(ports, {"a": x, "b": np.full((1, 1, 1), -2)})
    assert len(caught.value.findings) == 2
    assert input_ranges(ports, {"a": x + 1, "b": np.ones((1, 1, 1), bool)})["a"].maximum == 1.5


def lower_two(**samples: np.ndarray | None) -> Lowered:
    """Lower a neuron that two inputs feed, a of three channels and b of four, with samples of them."""
    zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
    neurons = Population("n", (1,), Neuron(zero, one, one, zero, zero, one))
    weights = {"a": np.full((1, 3), 0.3, np.float32), "b": np.full((1, 4), 0.3, np.float32)}
    projections = tuple(Projection(f"w{name}", name, "n", (Linear(weight),)) for name, weight in weights.items())
    network = Network((Input("a", (3,)), Input("b", (4,)), neurons), projections, ("n",))
    ranges = {name: InputRange() if x is None else InputRange.of(x) for name, x in samples.items()}
    return compiler_for(load_chip("loihi2"), ranges, LoweringOptions()).lower(network)


def ones(steps: int, samples: int, channels: int) -> np.ndarray:
    """Spikes in every step."""
    return np.ones((steps, samples, channels), np.uint8)


@pytest.mark.parametrize(
    ("steps", "samples"), [(10, 4), (20, 2), (20, 1), (1, 4), pytest.param(20, 100, id="more than are kept")]
)
def test_samples_of_several_inputs_are_of_the_same_runs(steps: int, samples: int):
    """E005 where they have not as many steps and samples, also where as many of them would be kept."""
    kept = 80 if samples > 64 else 4
    with pytest.raises(InputError, match=f"E005 input 'b': has {steps} steps of {samples} samples, .* 20 of {kept}"):
        lower_two(a=ones(20, kept, 3), b=ones(steps, samples, 4))
    lowered = lower_two(a=None, b=None)
    with pytest.raises(InputError, match="E005 input 'b'"):
        lowered.emulate({"a": ones(20, kept, 3), "b": ones(steps, samples, 4)})


@pytest.mark.parametrize("b", [ones(20, 4, 5), ones(20, 4, 4)[:, :, :, None], np.full((20, 4, 4), np.nan)])
def test_samples_fit_their_input(b: np.ndarray):
    """E005 for another shape, and for what is not a number."""
    with pytest.raises(InputError, match="E005 input 'b'"):
        lower_two(a=ones(20, 4, 3), b=b)


def test_samples_that_are_not_used_are_told():
    """Where one of two inputs has none."""
    (note,) = [note for note in lower_two(a=ones(20, 4, 3), b=None).notes if note.code == "N009"]
    assert note.where == "input 'a'"
    assert note.message.startswith("its samples are not used, since there are none of 'b'")
    for samples in (ones(20, 4, 3), None):
        other = None if samples is None else ones(20, 4, 4)
        assert not [note for note in lower_two(a=samples, b=other).notes if note.code == "N009"]
