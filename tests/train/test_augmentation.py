"""Augmentation: images move and turn within their frame, what is held stays held, and training alone sees it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import shift as shifted_by_scipy

from spear_deploy.data import Split
from spear_deploy.data.samples import ValueSamples
from spear_deploy.errors import InputError
from spear_deploy.execution import Execution
from spear_deploy.measure.runs import measure_float
from spear_deploy.network import AvgPool2d, Conv2d, Flatten, Input, Linear, Network, Neuron, Population, Projection
from spear_deploy.simulate.simulator import FloatSimulator
from spear_deploy.train.augmentation import AUGMENTATIONS, augmented, mirror, refuse_augmentation, shift
from spear_deploy.train.config import Aims, FinetuneConfig
from spear_deploy.train.finetune import finetune
from spear_deploy.train.passes import Passes
from spear_deploy.train.teacher import Teacher
from tests.bounded import running_together, training_together

SIDES = st.integers(1, 40)


def images(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.random(shape, np.float32) + 1  # no pixel is zero: what moved in is told from what was there


@given(SIDES, SIDES, st.integers(0, 99))
def test_a_shifted_image_is_the_image_elsewhere(height: int, width: int, seed: int) -> None:
    """It is what scipy makes of it for one of the shifts up to an eighth of the sides."""
    x = images(np.random.default_rng(seed), 2, 3, height, width)
    found = shift(x, np.random.default_rng(seed))
    down, right = (range(-(side // 8), side // 8 + 1) for side in (height, width))
    possible = (shifted_by_scipy(x, (0, 0, i, j), order=0, prefilter=False) for i in down for j in right)
    assert any(np.array_equal(found, each) for each in possible)


def test_all_shifts_come_and_half_are_mirrored() -> None:
    """Of 16 x 16 pixels each of the 25 shifts by up to two comes about as often; every other image is mirrored."""
    rng = np.random.default_rng(0)
    corner = np.zeros((1, 1, 16, 16), np.float32)
    corner[..., 8, 8] = 1
    places = [tuple(np.argwhere(shift(corner, rng)[0, 0])[0]) for _ in range(2500)]
    assert {(row, column) for row in range(6, 11) for column in range(6, 11)} == set(places)
    assert max(map(places.count, set(places))) < 150
    turned = sum(mirror(corner, rng)[0, 0, 8, 7] == 1 for _ in range(1000))
    assert 430 < turned < 570


@pytest.mark.parametrize("held", [True, False])
def test_every_step_changes_alike_and_every_sample_otherwise(held: bool) -> None:
    """Steps of a sample move as one; what is held over time by a stride of zero stays so."""
    rng = np.random.default_rng(0)
    one = images(rng, 1, 8, 3, 32, 32)
    x = np.broadcast_to(one, (4, *one.shape[1:])) if held else np.repeat(one, 4, 0)
    before = x.copy()
    found = augmented(x, ("mirror", "shift"), np.random.default_rng(1))
    assert found.shape == x.shape
    assert (found.strides[0] == 0) == held
    np.testing.assert_array_equal(x, before)
    assert all(np.array_equal(step, found[0]) for step in found)
    moved = {tuple(np.argwhere(sample[0] > 0)[0]) for sample in found[0]}
    assert len(moved) > 1


def test_an_augmentation_of_ones_own() -> None:
    """It is a function in the table, and is applied in its turn."""
    AUGMENTATIONS.add("negative", lambda sample, rng: -sample)
    try:
        x = images(np.random.default_rng(0), 4, 5, 1, 8, 8)
        turned = augmented(x, ("mirror",), np.random.default_rng(1))
        np.testing.assert_array_equal(augmented(x, ("negative", "mirror"), np.random.default_rng(1)), -turned)
    finally:
        AUGMENTATIONS.remove("negative")


@pytest.fixture(scope="module")
def bars() -> tuple[Network, Split]:
    """A small convolutional network, and images of 16 x 16 with a bar, whose class is the way that it lies."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    x = np.zeros((120, 1, 16, 16), np.float32)
    for image, way, place in zip(x, y, rng.integers(4, 12, 120), strict=True):
        image[0, place if way else slice(4, 12), slice(4, 12) if way else place] = 1
    weight = rng.normal(0.2, 0.4, (4, 1, 3, 3)).astype(np.float32)
    read = rng.normal(0.1, 0.2, (2, 64)).astype(np.float32)
    maps, output = (Population(name, shape, lif(shape)) for name, shape in (("maps", (4, 14, 14)), ("output", (2,))))
    network = Network(
        (Input("input", (1, 16, 16)), maps, output),
        (
            Projection("a", "input", "maps", (Conv2d(weight),)),
            Projection("b", "maps", "output", (AvgPool2d((4, 4), (3, 3)), Flatten(), Linear(read))),
        ),
        ("output",),
    )
    return network, Split(ValueSamples(x, 4), y, np.arange(120))


def lif(shape: tuple[int, ...]) -> Neuron:
    zero, one = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    return Neuron(alpha=zero, beta=0.9 * one, gain=one, bias=zero, reset_value=zero, threshold=one)


def test_parts_of_a_batch_are_changed_as_the_batch_is(bars: tuple[Network, Split]) -> None:
    """How many samples memory holds changes none of them; another seed changes them otherwise."""
    network, split = bars
    config, simulator = FinetuneConfig(batch=24, augment=("mirror", "shift")), FloatSimulator(network)
    positions = np.arange(24)

    def seen(execution: Execution, seed: int) -> list[torch.Tensor]:
        return [each.inputs["input"] for each in Passes(simulator, split, config, execution, seed).of(positions)]

    (whole,), parts = seen(Execution(), 5), seen(training_together(network, 4, 7), 5)
    assert len(parts) == 4
    assert torch.equal(torch.cat(parts, 1), whole)
    assert not torch.equal(seen(Execution(), 6)[0], whole)
    plain = torch.from_numpy(np.array(split.batch(positions)[0]))
    assert not torch.equal(whole, plain)
    torch.testing.assert_close(whole.sum((0, 2, 3, 4)), plain.sum((0, 2, 3, 4)))  # bars lie far from the edges


def test_training_repeats_itself_and_learns(bars: tuple[Network, Split]) -> None:
    """With augmentation too a seed gives the same bits; other images are seen than without it."""
    network, split = bars
    config = FinetuneConfig(epochs=60, batch=24, learning_rate=1e-2, augment=("mirror", "shift"))
    one, again = (finetune(network, split, config, seed=3).network for _ in range(2))
    assert one.content_hash == again.content_hash
    assert one.content_hash != finetune(network, split, replace(config, augment=()), seed=3).network.content_hash
    assert measure_float(one, split).accuracy > 0.9 > measure_float(network, split).accuracy


def test_the_teacher_sees_what_the_student_sees(bars: tuple[Network, Split]) -> None:
    """Of changed samples it tells their own logits, in as many passes as its memory asks for."""
    network, split = bars
    teacher = Teacher(network, split)
    x = torch.from_numpy(np.array(split.batch(np.arange(8))[0]))
    torch.testing.assert_close(teacher.logits_of({"input": x}), teacher.logits(np.arange(8)))
    turned = x.flip(-1)
    assert not torch.allclose(teacher.logits_of({"input": turned}), teacher.logits(np.arange(8)))
    few = Teacher(network, split, execution=running_together(network, 4, 3))
    torch.testing.assert_close(few.logits_of({"input": turned}), teacher.logits_of({"input": turned}))
    config = FinetuneConfig(epochs=1, batch=24, augment=("mirror",))
    finetune(network, split, config, seed=0, aims=Aims(teacher))


def test_what_is_no_image_is_refused() -> None:
    """A vector has no sides; nothing is refused where nothing is asked for."""
    refuse_augmentation((), (64,), "data")
    refuse_augmentation(("shift",), (2, 34, 34), "data")
    with pytest.raises(InputError, match=r"E007 --augment mirror,shift: .*a sample of data is \(64,\)"):
        refuse_augmentation(("mirror", "shift"), (64,), "data")
